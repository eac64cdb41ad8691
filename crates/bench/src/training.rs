//! A model's training step on one batch.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use candle_core::{DType, Tensor};
use d2l::nn::{
    Mode, Optimizer, ParamStore, Step, backward, clip_gradients_with_norms, squared_gradient_norms,
};

use crate::{BatchLoss, Work};

/// Forward, loss, backward, clip, optimizer's step: what [`d2l::fit`] does with a batch.
pub struct Training {
    loss: BatchLoss,
    params: ParamStore,
    optimizer: Box<dyn Optimizer>,
    clip: Option<f64>,
    last_loss: Option<Tensor>,
    steps: usize,
}

impl Training {
    /// Steps that minimize `loss`. `clip` is the largest norm of the gradients, if the model's recipe has one.
    pub fn new(
        loss: BatchLoss,
        params: ParamStore,
        optimizer: Box<dyn Optimizer>,
        clip: Option<f64>,
    ) -> Self {
        Self { loss, params, optimizer, clip, last_loss: None, steps: 0 }
    }
}

impl Work for Training {
    fn step(&mut self) -> candle_core::Result<()> {
        let mode = Mode::Train(Step { seed: 0, epoch: 0, step: self.steps });
        let loss = (self.loss)(mode)?;
        let mut gradients = backward(&loss)?;
        if let Some(largest) = self.clip {
            let parameters = self.params.parameters();
            let squares = squared_gradient_norms(&parameters, &gradients)?;
            clip_gradients_with_norms(&parameters, &mut gradients, largest, &squares)?;
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
