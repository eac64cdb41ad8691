//! A model's evaluation of one batch.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use candle_core::{DType, Tensor};
use d2l::Loss;
use d2l::nn::{Mode, Network, ParamStore, no_grad};

use crate::Work;

/// Forward and loss, without anything recorded: what [`d2l::evaluate`] does with a batch.
pub struct Evaluation<M> {
    /// The model.
    pub network: M,
    /// Its parameters.
    pub params: ParamStore,
    /// Outputs and targets to the mean over the batch.
    pub loss: Loss,
    /// Inputs and targets, the same at every step.
    pub batch: [Tensor; 2],
    /// The loss of the last step.
    pub last_loss: Option<Tensor>,
}

impl<M: Network> Work for Evaluation<M> {
    fn step(&mut self) -> candle_core::Result<()> {
        let [x, y] = &self.batch;
        let loss = no_grad(|| (self.loss)(&self.network.forward(x, Mode::Evaluate)?, y))?;
        self.last_loss = Some(loss);
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
