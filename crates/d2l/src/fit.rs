//! The training loop.

use anyhow::Result;
use d2l_data::{Dataset, Splits};
use d2l_nn::{Optimizer, backward};

use crate::{Run, Scores, Task};

/// Trains `task` on `data` for the epochs of the run's recipe.
///
/// D2L zh 3.6.6, en 3.2.4. The same loop stands written out, without a task, in `01-linear-regression/src/scratch.rs`.
pub fn fit<T: Task<N>, O: Optimizer + ?Sized, const N: usize>(
    task: &T,
    data: &Splits<N>,
    optimizer: &mut O,
    run: &mut Run,
) -> Result<()> {
    run.start(data, optimizer)?;
    while run.next_epoch() {
        optimizer.set_learning_rate(run.learning_rate());
        let (order, device) = (run.order(), run.device());
        let batches = data
            .train
            .training_batches(order, run.batch_size(), run.draws(), &device);
        for batch in batches {
            let batch = batch?;
            let loss = task.training_loss(&batch, run.step(), run.scores())?;
            let examples = batch[0].dim(0)?;
            if let Some(mut gradients) = run.accumulate(backward(&loss)?, examples)? {
                run.clip(&mut gradients)?;
                optimizer.step(&gradients)?;
            }
            run.record_step(&loss, examples, optimizer)?;
        }
        let evaluation = Evaluation {
            valid: evaluate(task, &data.valid, run)?,
            train_after: if run.logs("train_after") {
                evaluate(task, &data.train, run)?
            } else {
                Scores::default()
            },
        };
        run.record_epoch(&evaluation, optimizer)?;
    }
    run.finish()
}

/// Scores of the parameters at the end of an epoch, in evaluation mode.
#[derive(Default)]
pub struct Evaluation {
    /// On the whole held-out set.
    pub valid: Scores,
    /// On the whole training set; empty unless [`Run::logs`] asks for it.
    pub train_after: Scores,
}

/// Scores of all examples of `data` in evaluation mode.
pub fn evaluate<T: Task<N>, const N: usize>(
    task: &T,
    data: &Dataset<N>,
    run: &Run,
) -> Result<Scores> {
    let mut scores = Scores::default();
    for batch in data.batches((0..data.len()).collect(), run.batch_size(), &run.device()) {
        task.evaluate(&batch?, &mut scores)?;
    }
    scores.read()?;
    Ok(scores)
}
