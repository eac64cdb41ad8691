//! A model's training step on one batch.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use candle_core::{DType, Tensor};
use d2l::Loss;
use d2l::nn::{Mode, Network, Optimizer, ParamStore, Step, backward, clip_gradient_norm};

use crate::Work;

/// Forward, loss, backward, clip, optimizer's step: what [`d2l::fit`] does with a batch.
pub struct Training<M> {
    /// The model.
    pub network: M,
    /// Its parameters.
    pub params: ParamStore,
    /// What changes them.
    pub optimizer: Box<dyn Optimizer>,
    /// The largest norm of the gradients, if the model's recipe has one.
    pub clip: Option<f64>,
    /// Outputs and targets to the mean over the batch.
    pub loss: Loss,
    /// Inputs and targets, the same at every step.
    pub batch: [Tensor; 2],
    /// The loss of the last step.
    pub last_loss: Option<Tensor>,
    /// Steps taken.
    pub steps: usize,
}

impl<M: Network> Work for Training<M> {
    fn step(&mut self) -> candle_core::Result<()> {
        let [x, y] = &self.batch;
        let mode = Mode::Train(Step { seed: 0, epoch: 0, step: self.steps });
        let loss = (self.loss)(&self.network.forward(x, mode)?, y)?;
        let mut gradients = backward(&loss)?;
        if let Some(largest) = self.clip {
            clip_gradient_norm(&self.params.parameters(), &mut gradients, largest)?;
        }
        self.optimizer.step(&gradients)?;
        self.last_loss = Some(loss.detach()); // frees the graph within this step's time
        self.steps += 1;
        Ok(())
    }

    fn values(&self) -> Result<Vec<f64>> {
        let loss = self.last_loss.as_ref().context("no step was made")?;
        Ok(vec![loss.to_dtype(DType::F64)?.to_scalar()?])
    }

    fn initial(&self) -> BTreeMap<String, Tensor> {
        self.params.state()
    }
}
