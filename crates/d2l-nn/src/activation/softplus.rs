//! A smooth version of max(x, 0). Dugas et al. 2000.
//!
//! y = ln(1 + e^x) = max(x, 0) + ln(1 + e^-|x|),   dy/dx = σ(x)

use candle_core::{Result, Tensor};

use super::Activation;
use crate::constants::zeros_as;
use crate::kernel::Real;

/// ln(1 + e^x), element by element.
pub fn softplus(x: &Tensor) -> Result<Tensor> {
    super::apply(x, Softplus)
}

#[derive(Clone, Copy)]
pub(super) struct Softplus;

impl Activation for Softplus {
    const NAME: &'static str = "softplus";
    const FROM_OUTPUT: bool = false;

    #[inline(always)]
    fn value<T: Real>(&self, x: T) -> T {
        let positive = T::choose(x <= T::ZERO, T::ZERO, x);
        positive + (T::ZERO - x.abs()).exp().ln_1p()
    }

    #[inline(always)]
    fn slope<T: Real>(&self, x: T) -> T {
        x.sigmoid()
    }

    fn composed(&self, x: &Tensor) -> Result<Tensor> {
        let zeros = zeros_as(x)?;
        let above = x.detach().gt(&zeros)?; // not |x|, whose gradient at 0 is 1 in candle
        let positive = above.where_cond(x, &zeros)?;
        let negative = above.where_cond(&x.neg()?, x)?;
        positive + (negative.exp()? + 1.0)?.log()?
    }

    fn composed_gradient(&self, dy: &Tensor, x: &Tensor) -> Result<Tensor> {
        dy * candle_nn::ops::sigmoid(x)?
    }
}
