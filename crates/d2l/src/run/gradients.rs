//! The way from a minibatch's loss to the gradients for the optimizer.

use anyhow::Result;
use candle_core::Tensor;
use candle_core::backprop::GradStore;
use d2l_nn::{SquaredNorms, has_kernels};

use super::Run;
use crate::checkpoint::Checkpoint;
use crate::scores::READ_EVERY;

impl Run {
    /// The gradients of a minibatch's loss. Under `--precision f16` the pass starts from a multiple of the loss, so that
    /// small gradients don't become 0.
    pub fn backward(&self, loss: &Tensor) -> Result<GradStore> {
        Ok(match &self.checkpoint.progress.loss_scale {
            Some(scale) => scale.gradients(loss, &self.params.parameters())?,
            None => d2l_nn::backward(loss)?,
        })
    }

    /// Adds a minibatch's gradients, those of its mean loss over `examples` examples, to those of the minibatches
    /// before it. After the recipe's number of minibatches, and at the end of the epoch, returns the mean over all
    /// their examples, for a step of the optimizer.
    pub fn accumulate(
        &mut self,
        mut gradients: GradStore,
        examples: usize,
    ) -> Result<Option<GradStore>> {
        let every = self.settings.recipe.accumulate;
        if every == 1 {
            return Ok(Some(gradients));
        }
        let parameters = self.params.parameters();
        let (done, all) = (self.batches_done() + 1, self.batches_per_epoch());
        let Checkpoint { progress, accumulator, .. } = &mut self.checkpoint;
        accumulator.add(&parameters, &gradients, examples)?;
        progress.accumulated += examples;
        if !done.is_multiple_of(every) && done < all {
            return Ok(None);
        }
        let examples = std::mem::take(&mut progress.accumulated);
        accumulator.take(&parameters, &mut gradients, examples)?;
        Ok(Some(gradients))
    }

    /// Scales the gradients down to the recipe's maximum norm, if it has one, and records the norm that they had. False
    /// if they are too large for `--precision f16`: the optimizer must skip this step.
    pub fn clip(&mut self, gradients: &mut GradStore) -> Result<bool> {
        let parameters = self.params.parameters();
        d2l_nn::join_gradients(&parameters, gradients)?;
        let mut squares = d2l_nn::squared_gradient_norms(&parameters, gradients)?;
        if self.checkpoint.progress.loss_scale.is_some() {
            // Whether the optimizer may step depends on them, so they are read at once.
            squares = squares.read()?;
            if !self.adapt_loss_scale(squares.norm()?)? {
                return Ok(false);
            }
        }
        if let Some(largest) = self.settings.recipe.clip_norm {
            d2l_nn::clip_gradients_with_norms(&parameters, gradients, largest, &squares)?;
        }
        self.record_gradient_norms(squares)?;
        Ok(true)
    }

    /// Under `--precision f16`: adapts the loss's factor to the norm of the gradients. False if they are too large.
    fn adapt_loss_scale(&mut self, norm: f64) -> Result<bool> {
        let Some(scale) = &mut self.checkpoint.progress.loss_scale else {
            return Ok(true);
        };
        let Some(factor) = scale.adapt(norm.is_finite())? else {
            return Ok(true);
        };
        let step = self.step().step;
        self.say(&format!(
            "step {step}: gradients too large for f16; the step is skipped, and the loss scaled by {factor} from here on"
        ));
        Ok(false)
    }

    /// Keeps a step's norms for the log, and reads them from the device once there are some.
    fn record_gradient_norms(&mut self, squares: SquaredNorms) -> Result<()> {
        self.unread_norms.push(squares);
        if has_kernels(&self.settings.device) || self.unread_norms.len() >= READ_EVERY {
            self.read_gradient_norms()?;
        }
        Ok(())
    }

    /// Reads the norms of the last steps' gradients, which may still be on the device.
    pub(super) fn read_gradient_norms(&mut self) -> Result<()> {
        for squares in std::mem::take(&mut self.unread_norms) {
            let squares = squares.read()?;
            let norm = squares.norm()?;
            self.health.saw_gradients(&squares.each()?);
            self.scores().add_value("gradient_norm", norm, 1);
            self.checkpoint
                .progress
                .first_gradient_norm
                .get_or_insert(norm);
        }
        Ok(())
    }
}
