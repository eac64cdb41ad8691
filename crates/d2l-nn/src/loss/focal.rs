//! The focal loss, for detection: easy examples count little. D2L zh 13.7.5, en 14.7.5; Lin et al. 2017,
//! arXiv:1708.02002.
//!
//! l_i = -α_i (1 - p_i)^γ ln p_i,   p_i = σ(o_i) and α_i = α where y_i = 1, else p_i = 1 - σ(o_i) and α_i = 1 - α
//!
//! The book's exercise applies it to the probability of a softmax; this is the paper's version, for a sigmoid.
//!
//! ∂l_i/∂o_i = α_i (1 - p_i)^γ (±1) (γ p_i ln p_i - (1 - p_i)),   + where y_i = 1

use candle_core::{Result, Tensor, bail};

use super::Reduction;
use super::binary_cross_entropy::{self, value_and_sigmoid};
use super::pointwise::{self, Pointwise, with_slope};
use crate::graph;
use crate::kernel::{self, Real};

/// Options of [`focal_loss`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FocalOptions {
    /// α, the weight of the examples with target 1; those with target 0 have 1 - α. If it is not given, both weights
    /// are 1.
    pub alpha: Option<f64>,
    /// γ, 0 or more: a larger γ makes easy examples count less. With 0 it is the binary cross-entropy.
    pub gamma: f64,
    /// The mean of all elements by default.
    pub reduction: Reduction,
}

impl Default for FocalOptions {
    /// The paper's best: α = ¼, γ = 2.
    fn default() -> Self {
        Self { alpha: Some(0.25), gamma: 2.0, reduction: Reduction::Mean }
    }
}

/// The focal loss of σ(o) and targets that are 0 or 1, reduced: two tensors of one shape to a scalar, or to that shape
/// without reduction. The targets get no gradient. A target from ½ on counts as 1.
///
/// # Errors
/// If the shapes differ or are empty, γ is below 0 or α not from 0 to 1.
pub fn focal_loss(logits: &Tensor, target: &Tensor, options: FocalOptions) -> Result<Tensor> {
    pointwise::check_shapes(Focal::NAME, logits, target)?;
    let FocalOptions { alpha, gamma, .. } = options;
    if !(gamma >= 0.0 && gamma.is_finite()) {
        bail!("focal_loss: found γ = {gamma}, wanted a number of 0 or more");
    }
    if let Some(alpha) = alpha
        && !(0.0..=1.0).contains(&alpha)
    {
        bail!("focal_loss: found α = {alpha}, wanted a number from 0 to 1");
    }
    let (positive, negative) = match alpha {
        Some(alpha) => (alpha, 1.0 - alpha),
        None => (1.0, 1.0),
    };
    let loss = Focal { gamma, positive, negative };
    if kernel::has_kernel(logits) {
        pointwise::apply(loss, logits, target, options.reduction)
    } else {
        let logits = graph::input(logits);
        options.reduction.apply(&loss.composed(&logits, target)?)
    }
}

struct Focal {
    gamma: f64,
    positive: f64,
    negative: f64,
}

impl Focal {
    /// The definition in candle's own operations: the kernel's reference, and what other devices run. The power has no
    /// derivative at 0 if γ is below 1, so the gradient is given.
    fn composed(&self, logits: &Tensor, target: &Tensor) -> Result<Tensor> {
        let dtype = logits.dtype();
        let (o, y) = (logits.detach(), target.detach().ge(0.5)?.to_dtype(dtype)?);
        let sign = ((&y * 2.0)? - 1.0)?;
        let entropy = binary_cross_entropy::composed(&o, &y)?; // -ln p
        let p = candle_nn::ops::sigmoid(&(&o * &sign)?)?;
        let missing = candle_nn::ops::sigmoid(&(&o * &sign)?.neg()?)?; // 1 - p
        let alpha = ((&y * (self.positive - self.negative))? + self.negative)?;
        let factor = (alpha * missing.powf(self.gamma)?)?;
        let slope = (((p * &entropy)? * -self.gamma)? - missing)?;
        with_slope(&(&factor * entropy)?, logits, &((factor * sign)? * slope)?)
    }
}

impl Pointwise for Focal {
    const NAME: &'static str = "focal_loss";

    #[inline(always)] // into `widest`
    fn value_and_slope<T: Real>(&self, o: T, y: T) -> (T, T) {
        let is_one = y.to_f64() >= 0.5;
        let (y, sign, alpha) = match is_one {
            true => (T::ONE, T::ONE, self.positive),
            false => (T::ZERO, T::ZERO - T::ONE, self.negative),
        };
        let (entropy, _) = value_and_sigmoid(o, y); // -ln p
        let p = (o * sign).sigmoid();
        let missing = (T::ZERO - o * sign).sigmoid(); // 1 - p
        let factor = T::from_f64(alpha * missing.to_f64().powf(self.gamma));
        let slope = T::ZERO - T::from_f64(self.gamma) * p * entropy - missing;
        (factor * entropy, factor * sign * slope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::pointwise::tests::{check, equal_shapes_are_wanted};

    #[test]
    fn gradients_are_right_and_kernel_and_definition_agree() -> anyhow::Result<()> {
        for (alpha, gamma) in [
            (Some(0.25), 2.0),
            (None, 0.5),
            (Some(1.0), 0.0),
            (None, 5.0),
        ] {
            let (positive, negative) = match alpha {
                Some(alpha) => (alpha, 1.0 - alpha),
                None => (1.0, 1.0),
            };
            let loss = Focal { gamma, positive, negative };
            let options = |reduction| FocalOptions { alpha, gamma, reduction };
            check(
                |x, y, reduction| {
                    focal_loss(x, &y.gt(0.0)?.to_dtype(y.dtype())?, options(reduction))
                },
                |x, y| loss.composed(x, &y.gt(0.0)?.to_dtype(y.dtype())?),
                false,
            )?;
        }
        Ok(())
    }

    #[test]
    fn wrong_shapes_and_settings_are_refused() -> Result<()> {
        equal_shapes_are_wanted(|x, y, reduction| {
            let options = FocalOptions { reduction, ..Default::default() };
            focal_loss(x, y, options)
        })?;
        let x = Tensor::new(&[1f32], &candle_core::Device::Cpu)?;
        for (alpha, gamma) in [(None, -1.0), (None, f64::NAN), (Some(1.5), 2.0)] {
            let options = FocalOptions { alpha, gamma, ..Default::default() };
            assert!(focal_loss(&x, &x, options).is_err(), "{options:?}");
        }
        Ok(())
    }
}
