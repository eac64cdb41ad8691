//! The logistic function. D2L zh 4.1.2.2, en 5.1.2.2.
//!
//! y = 1 / (1 + e^-x),   dy/dx = y (1 - y)

use candle_core::{Result, Tensor};

use super::Activation;
use crate::kernel::Real;

/// 1 / (1 + e^-x), element by element.
pub fn sigmoid(x: &Tensor) -> Result<Tensor> {
    super::apply(x, Sigmoid)
}

#[derive(Clone, Copy)]
pub(super) struct Sigmoid;

impl Activation for Sigmoid {
    const NAME: &'static str = "sigmoid";
    const FROM_OUTPUT: bool = true;

    #[inline(always)]
    fn value<T: Real>(&self, x: T) -> T {
        x.sigmoid()
    }

    #[inline(always)]
    fn slope<T: Real>(&self, y: T) -> T {
        y * (T::ONE - y)
    }

    fn composed(&self, x: &Tensor) -> Result<Tensor> {
        candle_nn::ops::sigmoid(x)
    }

    fn composed_gradient(&self, dy: &Tensor, y: &Tensor) -> Result<Tensor> {
        dy * (y * y.affine(-1.0, 1.0)?)?
    }
}
