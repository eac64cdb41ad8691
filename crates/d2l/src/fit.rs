//! The training loop.

use anyhow::Result;
use d2l_data::{Dataset, Splits};
use d2l_nn::{Optimizer, State, no_grad};

use crate::{Run, Scores, Task, each_minibatch};

/// Trains `task` on `data` for the epochs of the run's recipe.
///
/// D2L zh 3.6.6, en 3.2.4. `01-linear-regression/src/scratch.rs` has the same loop without a task.
pub fn fit<T: Task<N>, O: Optimizer + ?Sized, const N: usize>(
    task: &T,
    data: &Splits<N>,
    optimizer: &mut O,
    run: &mut Run,
) -> Result<()> {
    run.start(data, optimizer)?;
    while run.next_epoch() {
        optimizer.set_learning_rate(run.learning_rate());
        each_minibatch(&data.train, run, |batch, run| {
            let loss = task.training_loss(&batch, run.step(), run.scores())?;
            let examples = batch[0].dim(0)?;
            if let Some(mut gradients) = run.accumulate(run.backward(&loss)?, examples)?
                && run.clip(&mut gradients)?
            {
                optimizer.step(&gradients)?;
            }
            run.record_step(&loss, examples, optimizer)
        })?;
        let evaluation = Evaluation {
            valid: evaluate(task, &data.valid, run, optimizer)?,
            train_after: if run.settings.logs("train_after") {
                evaluate(task, &data.train, run, optimizer)?
            } else {
                Scores::default()
            },
        };
        run.record_epoch(&evaluation, optimizer)?;
        run.examine(data, |batch| {
            Ok(task.evaluate(batch, &mut Scores::default())?)
        })?;
    }
    run.finish()
}

/// Scores of the parameters at the end of an epoch, in evaluation mode.
#[derive(Default)]
pub struct Evaluation {
    /// On the whole held-out set.
    pub valid: Scores,
    /// On the whole training set; empty unless [`Settings::logs`](crate::Settings::logs) asks for it.
    pub train_after: Scores,
}

/// Scores of all examples of `data` in evaluation mode; nothing is recorded for a backward pass. `state` is the one
/// given to [`Run::start`], with which Ctrl-C saves the run here too.
pub fn evaluate<T: Task<N>, S: State + ?Sized, const N: usize>(
    task: &T,
    data: &Dataset<N>,
    run: &mut Run,
    state: &S,
) -> Result<Scores> {
    let mut scores = Scores::default();
    let (all, batch_size) = ((0..data.len()).collect(), run.settings.recipe.batch_size);
    let device = run.settings.device.clone();
    for batch in data.batches(all, batch_size, &device) {
        let batch = batch?;
        no_grad(|| task.evaluate(&batch, &mut scores))?;
        run.stop_if_interrupted(state)?;
    }
    scores.read()?;
    Ok(scores)
}
