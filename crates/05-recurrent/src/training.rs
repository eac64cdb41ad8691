//! The training loop for a text that every epoch cuts into minibatches anew. D2L zh 8.5.6.
//!
//! `d2l::fit` trains on a data set that stays the same, and passes nothing from one batch to the next. Here every epoch
//! cuts the text from another offset, and with sequential sampling a minibatch continues the rows of the one before and
//! starts from the state after them. The loop makes the same calls to `run` as `fit`. The English edition's text windows
//! start from zeros: they are trained by `fit`.

use anyhow::Result;
use candle_core::Tensor;
use d2l::data::Splits;
use d2l::nn::{Mode, Network, Optimizer, no_grad};
use d2l::{Evaluation, Run, Scores};

use crate::language_model::{Recurrent, State};
use crate::minibatches::Minibatches;

/// Trains `model` on the minibatches of `text`, which the log describes as `data`.
pub fn fit<O: Optimizer + ?Sized>(
    model: &dyn Recurrent,
    text: &Minibatches,
    data: &Splits<2>,
    optimizer: &mut O,
    run: &mut Run,
) -> Result<()> {
    let device = run.settings.device.clone();
    run.start(data, optimizer)?;
    while run.next_epoch() {
        optimizer.set_learning_rate(run.learning_rate());
        for starts in text.of_epoch(run) {
            let [x, y] = text.batch(&starts, &device)?;
            // An epoch's first minibatch starts from zeros.
            let before = (text.carries_state() && !run.carried().is_empty()).then(|| run.carried());
            let (loss, after) = model.loss_from([&x, &y], before, Mode::Train(run.step()))?;
            run.carry(&detached(&after));
            run.scores()
                .add_mean_logarithm("perplexity", &loss, starts.len())?;
            if let Some(mut gradients) = run.accumulate(run.backward(&loss)?, starts.len())?
                && run.clip(&mut gradients)?
            {
                optimizer.step(&gradients)?;
            }
            run.record_step(&loss, starts.len(), optimizer)?;
        }
        let valid = evaluate(model, text, optimizer, run)?;
        let evaluation = Evaluation { valid, ..Evaluation::default() };
        run.record_epoch(&evaluation, optimizer)?;
        run.examine(data, |[x, _]| Ok(model.forward(x, Mode::Evaluate)?))?;
    }
    run.finish()
}

/// Loss and perplexity of the text that is held out. The state is carried as in training.
fn evaluate<O: Optimizer + ?Sized>(
    model: &dyn Recurrent,
    text: &Minibatches,
    optimizer: &O,
    run: &mut Run,
) -> Result<Scores> {
    let device = run.settings.device.clone();
    let mut scores = Scores::default();
    let mut before: Option<State> = None;
    for batch in text.held_out(&device) {
        let [x, y] = batch?;
        let before_batch = before.as_deref();
        let (loss, after) = no_grad(|| model.loss_from([&x, &y], before_batch, Mode::Evaluate))?;
        before = text.carries_state().then(|| detached(&after));
        scores.add_mean("loss", &loss, x.dim(0)?)?;
        scores.add_mean_logarithm("perplexity", &loss, x.dim(0)?)?;
        run.stop_if_interrupted(optimizer)?;
    }
    scores.read()?;
    Ok(scores)
}

/// The state without its graph, so that gradients end where the next minibatch begins.
fn detached(state: &[Tensor]) -> State {
    state.iter().map(Tensor::detach).collect()
}
