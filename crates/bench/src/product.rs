//! A large matrix product: how fast this machine multiplies at best.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use candle_core::{D, DType, Device, Tensor};
use d2l::nn::testing::filled;

use crate::Work;

/// C = AB, square, f32: 2 n³ operations.
pub struct Product {
    factors: [Tensor; 2],
    product: Option<Tensor>,
}

impl Product {
    /// Factors of `n` rows and columns.
    pub fn new(n: usize) -> Result<Self> {
        let factor = |salt| filled((n, n), salt, 1.0, DType::F32, &Device::Cpu);
        Ok(Self { factors: [factor(1)?, factor(2)?], product: None })
    }
}

impl Work for Product {
    fn step(&mut self) -> candle_core::Result<()> {
        let [a, b] = &self.factors;
        self.product = Some(a.matmul(b)?);
        Ok(())
    }

    /// The mean square of C.
    fn values(&self) -> Result<Vec<f64>> {
        let product = self.product.as_ref().context("no product was made")?;
        let rows = product.sqr()?.mean(D::Minus1)?.to_dtype(DType::F64)?;
        Ok(vec![rows.mean_all()?.to_scalar()?])
    }

    fn initial(&self) -> BTreeMap<String, Tensor> {
        BTreeMap::new()
    }
}
