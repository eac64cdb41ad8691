//! Losses that are quadratic for small errors and linear for large ones. D2L zh 13.7.5, en 14.7.5; Huber 1964; smooth
//! L1 is Girshick's (2015, arXiv:1504.08083).
//!
//! Huber: l_i = ½ e_i² where |e_i| ≤ δ, else δ (|e_i| - ½ δ), with e_i = ŷ_i - y_i.
//! Smooth L1: the same with δ = β, divided by β.
//!
//! ∂/∂ŷ_i: e_i cut to ±δ, divided by β for smooth L1

use candle_core::{Result, Tensor};

use super::pointwise::{self, Pointwise, with_slope};
use super::{Reduction, check_above};
use crate::graph;
use crate::kernel::{self, Real};

/// Huber's loss, reduced: two tensors of one shape to a scalar, or to that shape without reduction. PyTorch's default
/// for `delta` is 1.
///
/// # Errors
/// If the shapes differ or are empty, or `delta` is not above 0.
pub fn huber_loss(
    prediction: &Tensor,
    target: &Tensor,
    delta: f64,
    reduction: Reduction,
) -> Result<Tensor> {
    check_above(Huber::NAME, "delta", delta, 0.0)?;
    Huber { delta, scale: 1.0 }.apply(prediction, target, reduction)
}

/// The smooth L1 loss, reduced: two tensors of one shape to a scalar, or to that shape without reduction. PyTorch's
/// default for `beta` is 1; D2L's exercise plots it with β = 1 / σ².
///
/// For β = 0 see [`l1_loss`](super::l1_loss).
///
/// # Errors
/// If the shapes differ or are empty, or `beta` is not above 0.
pub fn smooth_l1_loss(
    prediction: &Tensor,
    target: &Tensor,
    beta: f64,
    reduction: Reduction,
) -> Result<Tensor> {
    check_above("smooth_l1_loss", "beta", beta, 0.0)?;
    let (delta, scale) = (beta, 1.0 / beta);
    Huber { delta, scale }.apply(prediction, target, reduction)
}

struct Huber {
    delta: f64,
    scale: f64,
}

impl Huber {
    fn apply(self, prediction: &Tensor, target: &Tensor, reduction: Reduction) -> Result<Tensor> {
        pointwise::check_shapes(Self::NAME, prediction, target)?;
        if kernel::has_kernel(prediction) && !target.track_op() {
            pointwise::apply(self, prediction, target, reduction)
        } else {
            let [prediction, target] = [prediction, target].map(graph::input);
            reduction.apply(&self.composed(&prediction, &target)?)
        }
    }

    /// The definition in candle's own operations: the kernel's reference. Other devices run it, and so does the CPU if
    /// the target needs a gradient too. With c = e cut to ±δ both cases are c (e - ½ c).
    fn composed(&self, prediction: &Tensor, target: &Tensor) -> Result<Tensor> {
        let error = (prediction - target)?;
        let cut = error.detach().clamp(-self.delta, self.delta)?;
        let value = ((error.detach() - (&cut * 0.5)?)? * &cut)?;
        with_slope(&(value * self.scale)?, &error, &(cut * self.scale)?)
    }
}

impl Pointwise for Huber {
    const NAME: &'static str = "huber_loss";

    #[inline(always)] // into `widest`
    fn value_and_slope<T: Real>(&self, prediction: T, target: T) -> (T, T) {
        let (delta, scale) = (T::from_f64(self.delta), T::from_f64(self.scale));
        let error = prediction - target;
        let cut = if error > delta { delta } else { error };
        let cut = if cut < T::ZERO - delta {
            T::ZERO - delta
        } else {
            cut
        };
        let value = (error - T::from_f64(0.5) * cut) * cut;
        (value * scale, cut * scale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::pointwise::tests::{check, equal_shapes_are_wanted};

    #[test]
    fn gradients_are_right_and_kernel_and_definition_agree() -> anyhow::Result<()> {
        for delta in [0.3, 1.0, 5.0] {
            check(
                |x, y, reduction| huber_loss(x, y, delta, reduction),
                |x, y| Huber { delta, scale: 1.0 }.composed(x, y),
                true,
            )?;
            let scale = 1.0 / delta;
            check(
                |x, y, reduction| smooth_l1_loss(x, y, delta, reduction),
                |x, y| Huber { delta, scale }.composed(x, y),
                true,
            )?;
        }
        Ok(())
    }

    #[test]
    fn wrong_shapes_and_widths_are_refused() -> Result<()> {
        equal_shapes_are_wanted(|x, y, reduction| huber_loss(x, y, 1.0, reduction))?;
        equal_shapes_are_wanted(|x, y, reduction| smooth_l1_loss(x, y, 1.0, reduction))?;
        let x = Tensor::new(&[1f32], &candle_core::Device::Cpu)?;
        for width in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            for error in [
                huber_loss(&x, &x, width, Reduction::Mean).expect_err("the width"),
                smooth_l1_loss(&x, &x, width, Reduction::Mean).expect_err("the width"),
            ] {
                assert!(
                    error.to_string().contains("wanted a number above 0"),
                    "{error}"
                );
            }
        }
        Ok(())
    }
}
