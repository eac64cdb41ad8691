//! A rectified linear unit that lets a little through below 0. D2L zh 4.1.2, en 5.1.2; Maas et al. 2013.
//!
//! y = x above 0, s x elsewhere,   dy/dx = 1 above 0, s elsewhere (candle-nn's own has 1 + s at 0)

use candle_core::{Result, Tensor};

use super::Activation;
use crate::constants::zeros_as;
use crate::kernel::Real;

/// x above 0, `slope` · x elsewhere, element by element. PyTorch's default slope is 0.01.
pub fn leaky_relu(x: &Tensor, slope: f64) -> Result<Tensor> {
    super::apply(x, LeakyRelu { slope })
}

#[derive(Clone, Copy)]
pub(super) struct LeakyRelu {
    pub(super) slope: f64,
}

impl Activation for LeakyRelu {
    const NAME: &'static str = "leaky_relu";
    const FROM_OUTPUT: bool = false; // a negative slope would hide the sign of x

    #[inline(always)]
    fn value<T: Real>(&self, x: T) -> T {
        if x > T::ZERO {
            x
        } else {
            x * T::from_f64(self.slope)
        }
    }

    #[inline(always)]
    fn slope<T: Real>(&self, x: T) -> T {
        if x > T::ZERO {
            T::ONE
        } else {
            T::from_f64(self.slope)
        }
    }

    fn composed(&self, x: &Tensor) -> Result<Tensor> {
        x.detach()
            .gt(&zeros_as(x)?)?
            .where_cond(x, &(x * self.slope)?)
    }

    fn composed_gradient(&self, dy: &Tensor, x: &Tensor) -> Result<Tensor> {
        x.gt(&zeros_as(x)?)?.where_cond(dy, &(dy * self.slope)?)
    }
}
