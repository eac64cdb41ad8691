//! The Gaussian error linear unit. D2L zh 4.1.2, en 5.1.2; Hendrycks and Gimpel 2016, arXiv:1606.08415.
//!
//! y = x Φ(x),   Φ(x) = ½ (1 + erf(x/√2)),   dy/dx = Φ(x) + x e^(-x²/2) / √(2π)
//!
//! and the approximation that GPT-2 and BERT were trained with,
//!
//! y = ½ x (1 + tanh u),   u = √(2/π) (x + 0.044715 x³)

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_PI};

use candle_core::{Result, Tensor};

use super::Activation;
use crate::kernel::Real;

/// x Φ(x), element by element, where Φ is the normal distribution's cumulative function.
pub fn gelu(x: &Tensor) -> Result<Tensor> {
    super::apply(x, Gelu)
}

/// The approximation of [`gelu`] by tanh, PyTorch's `approximate="tanh"`; at most 0.0005 off.
pub fn gelu_tanh(x: &Tensor) -> Result<Tensor> {
    super::apply(x, GeluTanh)
}

#[derive(Clone, Copy)]
pub(super) struct Gelu;

impl Activation for Gelu {
    const NAME: &'static str = "gelu";
    const FROM_OUTPUT: bool = false;

    #[inline(always)]
    fn value<T: Real>(&self, x: T) -> T {
        x * x.normal().0
    }

    #[inline(always)]
    fn slope<T: Real>(&self, x: T) -> T {
        let (below, power) = x.normal();
        (x * T::from_f64(0.5 * FRAC_2_PI.sqrt())).mul_add(power, below)
    }

    fn composed(&self, x: &Tensor) -> Result<Tensor> {
        // candle's own gradient of GELU has six digits; that of erf is exact.
        x * (((x * FRAC_1_SQRT_2)?.erf()? + 1.0)? * 0.5)?
    }

    fn composed_gradient(&self, dy: &Tensor, x: &Tensor) -> Result<Tensor> {
        let below = (x * FRAC_1_SQRT_2)?.erf()?.affine(0.5, 0.5)?;
        let density = ((x.sqr()? * -0.5)?.exp()? * (0.5 * FRAC_2_PI.sqrt()))?;
        dy * (below + (x * density)?)?
    }
}

#[derive(Clone, Copy)]
pub(super) struct GeluTanh;

const CUBIC: f64 = 0.044715;

/// 2u and its derivative.
#[inline(always)]
fn twice_u<T: Real>(x: T) -> (T, T) {
    let scale = T::from_f64(2.0 * FRAC_2_PI.sqrt());
    let square = T::from_f64(CUBIC) * x * x;
    let value = scale * x * (T::ONE + square);
    (value, scale * (T::ONE + square + square + square))
}

impl Activation for GeluTanh {
    const NAME: &'static str = "gelu_tanh";
    const FROM_OUTPUT: bool = false;

    #[inline(always)]
    fn value<T: Real>(&self, x: T) -> T {
        x * twice_u(x).0.sigmoid() // ½ (1 + tanh u)
    }

    #[inline(always)]
    fn slope<T: Real>(&self, x: T) -> T {
        let (value, derivative) = twice_u(x);
        // σ, and σ (1 - σ), which is e^-|2u| / (1 + e^-|2u|)²; 1 - σ would cancel.
        let small = (T::ZERO - value.abs()).exp();
        let large = T::ONE / (T::ONE + small);
        let sigmoid = T::choose(x > T::ZERO, large, small * large);
        (x * derivative).mul_add(small * large * large, sigmoid)
    }

    fn composed(&self, x: &Tensor) -> Result<Tensor> {
        let u = ((x * ((x.sqr()? * CUBIC)? + 1.0)?)? * FRAC_2_PI.sqrt())?;
        x * ((u.tanh()? + 1.0)? * 0.5)?
    }

    fn composed_gradient(&self, dy: &Tensor, x: &Tensor) -> Result<Tensor> {
        let scale = FRAC_2_PI.sqrt();
        let square = (x.sqr()? * CUBIC)?;
        let tanh = ((x * (&square + 1.0)?)? * scale)?.tanh()?;
        // ½ (1 + tanh u) + ½ x (1 - tanh² u) u'
        let half = tanh.affine(0.5, 0.5)?;
        let slope = (x * square.affine(3.0 * scale, scale)?)?;
        dy * (half + (tanh.sqr()?.affine(-0.5, 0.5)? * slope)?)?
    }
}
