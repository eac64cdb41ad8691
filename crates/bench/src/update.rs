//! An optimizer's step by itself, over ten million parameters.

use std::collections::BTreeMap;

use anyhow::Result;
use candle_core::backprop::GradStore;
use candle_core::{DType, Device, Tensor, Var};
use d2l::nn::testing::filled;
use d2l::nn::{Optimizer, ParamGroup, backward};

use crate::Work;

const TENSORS: u32 = 10;
const SHAPE: (usize, usize) = (1000, 1000);
const RATE: f64 = 1e-3;
const WEIGHT_DECAY: f64 = 0.01;

/// Ten tensors of a million parameters each, and gradients that stay the same.
pub struct Update {
    parameters: Vec<(String, Var)>,
    gradients: GradStore,
    optimizer: Box<dyn Optimizer>,
}

impl Update {
    /// Parameters in ±0.005 with weight decay 0.01, gradients in (0, 1). `make` gets them and the learning rate 0.001.
    pub fn new<O: Optimizer + 'static>(
        make: impl Fn(Vec<ParamGroup>, f64) -> Result<O>,
    ) -> Result<Self> {
        let mut parameters = Vec::new();
        let mut sums = Vec::new();
        for salt in 0..TENSORS {
            let w = Var::from_tensor(&filled(SHAPE, salt, 0.01, DType::F32, &Device::Cpu)?)?;
            let gradient = (filled(SHAPE, 100 + salt, 1.0, DType::F32, &Device::Cpu)? + 0.5)?;
            sums.push((w.as_tensor() * gradient)?.sum_all()?);
            parameters.push((format!("w{salt}"), w));
        }
        let group = ParamGroup {
            weight_decay: WEIGHT_DECAY,
            ..ParamGroup::new(parameters.clone())
        };
        Ok(Self {
            gradients: backward(&Tensor::stack(&sums, 0)?.sum_all()?)?,
            optimizer: Box::new(make(vec![group], RATE)?),
            parameters,
        })
    }
}

impl Work for Update {
    fn step(&mut self) -> candle_core::Result<()> {
        self.optimizer.step(&self.gradients)
    }

    /// The mean of parameter times gradient: nearly zero before the first step, so that it shows the size of the steps.
    fn values(&self) -> Result<Vec<f64>> {
        let mut mean = 0.0;
        for (_, w) in &self.parameters {
            let Some(gradient) = self.gradients.get(w) else {
                continue;
            };
            let product =
                (w.as_tensor().detach().to_dtype(DType::F64)? * gradient.to_dtype(DType::F64)?)?;
            mean += product.mean_all()?.to_scalar::<f64>()? / f64::from(TENSORS);
        }
        Ok(vec![mean])
    }

    /// Nothing: both sides fill the parameters from the hash.
    fn initial(&self) -> BTreeMap<String, Tensor> {
        BTreeMap::new()
    }
}
