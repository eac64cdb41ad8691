//! The hyperbolic tangent. D2L zh 4.1.2.3, en 5.1.2.3.
//!
//! y = (1 - e^-2x) / (1 + e^-2x),   dy/dx = 1 - y²

use candle_core::{Result, Tensor};

use super::Activation;
use crate::kernel::Real;

/// tanh x, element by element.
pub fn tanh(x: &Tensor) -> Result<Tensor> {
    super::apply(x, Tanh)
}

#[derive(Clone, Copy)]
pub(super) struct Tanh;

impl Activation for Tanh {
    const NAME: &'static str = "tanh";
    const FROM_OUTPUT: bool = true;

    #[inline(always)]
    fn value<T: Real>(&self, x: T) -> T {
        x.tanh()
    }

    #[inline(always)]
    fn slope<T: Real>(&self, y: T) -> T {
        T::ONE - y * y
    }

    fn composed(&self, x: &Tensor) -> Result<Tensor> {
        x.tanh()
    }

    fn composed_gradient(&self, dy: &Tensor, y: &Tensor) -> Result<Tensor> {
        dy * y.sqr()?.affine(-1.0, 1.0)?
    }
}
