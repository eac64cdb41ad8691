//! The sigmoid-weighted linear unit, also called swish. D2L zh 4.1.2 and en 5.1.2 name swish; Ramachandran et al. 2017,
//! arXiv:1710.05941.
//!
//! y = x σ(x),   dy/dx = σ(x) (1 + x (1 - σ(x)))

use candle_core::{Result, Tensor};

use super::Activation;
use crate::kernel::Real;

/// x σ(x), element by element.
pub fn silu(x: &Tensor) -> Result<Tensor> {
    super::apply(x, Silu)
}

#[derive(Clone, Copy)]
pub(super) struct Silu;

impl Activation for Silu {
    const NAME: &'static str = "silu";
    const FROM_OUTPUT: bool = false;

    #[inline(always)]
    fn value<T: Real>(&self, x: T) -> T {
        x * x.sigmoid()
    }

    #[inline(always)]
    fn slope<T: Real>(&self, x: T) -> T {
        let sigmoid = x.sigmoid();
        sigmoid * (T::ONE + x * (T::ONE - sigmoid))
    }

    fn composed(&self, x: &Tensor) -> Result<Tensor> {
        x * candle_nn::ops::sigmoid(x)?
    }

    fn composed_gradient(&self, dy: &Tensor, x: &Tensor) -> Result<Tensor> {
        let sigmoid = candle_nn::ops::sigmoid(x)?;
        let rest = sigmoid.affine(-1.0, 1.0)?;
        dy * (sigmoid * ((x * rest)? + 1.0)?)?
    }
}
