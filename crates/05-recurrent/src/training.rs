//! The training loop of texts that are cut into minibatches anew in every epoch. D2L zh 8.5.6.
//!
//! It is not `d2l::fit`, because there a batch is examples of a data set that stays as it is, and nothing goes from one
//! batch to the next: here each epoch cuts the text from another offset, and the rows of a minibatch go on in the next
//! one, which starts from the state that they left. The calls to `run` are those of `fit`. The English edition's windows,
//! which start from zeros, go through `fit`.

use anyhow::Result;
use candle_core::Tensor;
use d2l::data::Splits;
use d2l::nn::{Mode, Optimizer, backward};
use d2l::{Evaluation, Run, next_token_loss};

use crate::language_model::Recurrent;
use crate::minibatches::Minibatches;

/// Trains `model` on the minibatches of `text`, which the log describes as `data`.
pub fn fit<O: Optimizer + ?Sized>(
    model: &impl Recurrent,
    text: &Minibatches,
    data: &Splits<2>,
    optimizer: &mut O,
    run: &mut Run,
) -> Result<()> {
    run.start(data, optimizer)?;
    while run.next_epoch() {
        optimizer.set_learning_rate(run.learning_rate());
        for starts in text.of_epoch(run) {
            let [x, y] = text.batch(&starts, &run.device())?;
            // Zeros in an epoch's first minibatch.
            let before = (text.carry_state() && !run.carried().is_empty()).then(|| run.carried());
            let (y_hat, after) = model.forward(&x, before, Mode::Train(run.step()))?;
            // Without its history: gradients end where the minibatch began.
            let after: Vec<Tensor> = after.iter().map(Tensor::detach).collect();
            run.carry(&after);
            let loss = next_token_loss(&y_hat, &y)?;
            run.scores()
                .add_mean_logarithm("perplexity", &loss, starts.len())?;
            if let Some(mut gradients) = run.accumulate(backward(&loss)?, starts.len())? {
                run.clip(&mut gradients)?;
                optimizer.step(&gradients)?;
            }
            run.record_step(&loss, starts.len(), optimizer)?;
        }
        run.record_epoch(&Evaluation::default(), optimizer)?;
    }
    run.finish()
}
