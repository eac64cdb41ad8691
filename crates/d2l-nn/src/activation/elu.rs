//! The exponential linear unit. Clevert et al. 2016, arXiv:1511.07289.
//!
//! y = x above 0, α (e^x - 1) elsewhere,   dy/dx = 1 above 0, α e^x elsewhere

use candle_core::{Result, Tensor};

use super::Activation;
use crate::constants::zeros_as;
use crate::kernel::Real;

/// x above 0, `alpha` · (e^x - 1) elsewhere, element by element. PyTorch's default for alpha is 1.
pub fn elu(x: &Tensor, alpha: f64) -> Result<Tensor> {
    super::apply(x, Elu { alpha })
}

#[derive(Clone, Copy)]
pub(super) struct Elu {
    pub(super) alpha: f64,
}

impl Activation for Elu {
    const NAME: &'static str = "elu";
    const FROM_OUTPUT: bool = false;

    #[inline(always)]
    fn value<T: Real>(&self, x: T) -> T {
        // NaN goes into the second.
        let above = T::choose(x > T::ZERO, x, T::ZERO);
        let below = T::choose(x > T::ZERO, T::ZERO, x);
        below.exp_m1().mul_add(T::from_f64(self.alpha), above)
    }

    #[inline(always)]
    fn slope<T: Real>(&self, x: T) -> T {
        let below = T::choose(x > T::ZERO, T::ZERO, x);
        below.exp() * T::choose(x > T::ZERO, T::ONE, T::from_f64(self.alpha))
    }

    fn composed(&self, x: &Tensor) -> Result<Tensor> {
        let zeros = zeros_as(x)?;
        let positive = x.detach().gt(&zeros)?;
        // Zeros for the positive ones, so that e^x does not overflow there.
        let below = positive.where_cond(&zeros, x)?;
        positive.where_cond(x, &((below.exp()? - 1.0)? * self.alpha)?)
    }

    fn composed_gradient(&self, dy: &Tensor, x: &Tensor) -> Result<Tensor> {
        let zeros = zeros_as(x)?;
        let positive = x.gt(&zeros)?;
        let below = positive.where_cond(&zeros, x)?;
        positive.where_cond(dy, &(dy * (below.exp()? * self.alpha)?)?)
    }
}
