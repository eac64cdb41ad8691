//! `--log-every N`: lines of the log for single steps, for long epochs.

use std::path::Path;

use anyhow::Result;
use candle_core::{DType, Tensor};
use d2l_log::{MOST_STEPS, Record, Step};

use crate::checkpoint::Checkpoint;
use crate::{Run, usage};

impl Run {
    /// The value of `--log-every`; an error if it would make the log too long to be read quickly.
    pub(crate) fn lines_for_steps(&self) -> Result<Option<usize>> {
        let Some(every) = self.settings.args.log_every else {
            return Ok(None);
        };
        let steps = self
            .settings
            .recipe
            .epochs
            .saturating_mul(self.batches_per_epoch());
        let wanted = steps.div_ceil(MOST_STEPS).max(1);
        let every = usize::try_from(every).unwrap_or(usize::MAX);
        if every < wanted {
            usage!(
                "--log-every {every}: {steps} steps would make a log of more than {MOST_STEPS} lines; wanted --log-every {wanted} \
                 or more"
            );
        }
        Ok(Some(every))
    }

    /// Makes sure that a resumed run logs as it began.
    pub(crate) fn check_log_every(&self, folder: &Path) -> Result<()> {
        let asked = self.settings.args.log_every;
        let before = self.checkpoint.log_every.map(|every| every as u64);
        if asked.is_some() && asked != before {
            let flag = before.map_or("no --log-every".into(), |every| {
                format!("--log-every {every}")
            });
            usage!(
                "--resume {}: the run was started with {flag}; wanted the flags of the first start",
                folder.display()
            );
        }
        Ok(())
    }

    /// Writes the line of the last counted step, if it gets one.
    pub(crate) fn log_step(&mut self, loss: &Tensor) -> Result<()> {
        let Checkpoint { progress, log_every, .. } = &self.checkpoint;
        if !log_every.is_some_and(|every| progress.steps_done.is_multiple_of(every)) {
            return Ok(());
        }
        let step = Step {
            step: progress.steps_done,
            epoch: self.epoch(),
            fold: progress.fold,
            learning_rate: self.learning_rate(),
            loss: loss.to_dtype(DType::F64)?.to_scalar()?,
        };
        self.recorder.write(Record::Step(step))
    }
}
