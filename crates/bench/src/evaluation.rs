//! A model's evaluation of one batch.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use candle_core::{DType, Tensor};
use d2l::nn::{Mode, ParamStore, no_grad};

use crate::{BatchLoss, Work};

/// Forward and loss, without anything recorded: what [`d2l::evaluate`] does with a batch.
pub struct Evaluation {
    loss: BatchLoss,
    params: ParamStore,
    last_loss: Option<Tensor>,
}

impl Evaluation {
    /// Evaluations of `loss`, whose model has the parameters `params`.
    pub fn new(loss: BatchLoss, params: ParamStore) -> Self {
        Self { loss, params, last_loss: None }
    }
}

impl Work for Evaluation {
    fn step(&mut self) -> candle_core::Result<()> {
        self.last_loss = Some(no_grad(|| (self.loss)(Mode::Evaluate))?);
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
