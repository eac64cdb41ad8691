//! The Kullback-Leibler divergence of a predicted distribution from a target. D2L zh 18.11.4, en 22.11.4; Kullback and
//! Leibler 1951.
//!
//! l_i = y_i (ln y_i - x_i), 0 where y_i = 0,   ∂l_i/∂x_i = -y_i,   with x = ln q from a log-softmax
//!
//! Σ_i l_i = KL(y ‖ q)

use candle_core::{Result, Tensor};

use super::Reduction;
use super::pointwise::{self, Pointwise};
use crate::graph;
use crate::kernel::{self, Real};

/// The divergence of probabilities e^`log_probabilities` from `target`, element by element, reduced: two tensors of one
/// shape to a scalar, or to that shape without reduction. `target` holds probabilities, or their logarithms if
/// `log_target` is set.
///
/// [`Reduction::BatchMean`] is the mean divergence of a batch of distributions `[B, K]`; the mean over all elements,
/// PyTorch's default, is K times smaller.
///
/// # Errors
/// If the shapes differ or are empty.
pub fn kl_divergence(
    log_probabilities: &Tensor,
    target: &Tensor,
    log_target: bool,
    reduction: Reduction,
) -> Result<Tensor> {
    pointwise::check_shapes(Divergence::NAME, log_probabilities, target)?;
    let loss = Divergence { log_target };
    if kernel::has_kernel(log_probabilities) && !target.track_op() {
        pointwise::apply(loss, log_probabilities, target, reduction)
    } else {
        let [x, target] = [log_probabilities, target].map(graph::input);
        reduction.apply(&loss.composed(&x, &target)?)
    }
}

struct Divergence {
    log_target: bool,
}

impl Divergence {
    /// The definition in candle's own operations: the kernel's reference. Other devices run it, and so does the CPU if
    /// the target needs a gradient too, ln y_i - x_i + 1. At a probability of 0 that is -∞; here it is -x_i.
    fn composed(&self, x: &Tensor, target: &Tensor) -> Result<Tensor> {
        if self.log_target {
            return target.exp()? * (finite(target)? - finite(x)?)?;
        }
        let zero = target.detach().eq(0.0)?.to_dtype(target.dtype())?;
        target * ((target + zero)?.log()? - finite(x)?)?
    }
}

/// Takes the lowest number as the logarithm of 0, so that there is no 0 · ∞.
fn finite(x: &Tensor) -> Result<Tensor> {
    x.maximum(f64::from(f32::MIN))
}

impl Pointwise for Divergence {
    const NAME: &'static str = "kl_divergence";

    #[inline(always)] // into `widest`
    fn value_and_slope<T: Real>(&self, x: T, y: T) -> (T, T) {
        let (y, log_y) = if self.log_target {
            (y.exp(), y)
        } else {
            (y, T::from_f64(y.to_f64().ln()))
        };
        let value = if y == T::ZERO {
            T::ZERO
        } else {
            y * (log_y - x)
        };
        (value, T::ZERO - y)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::*;
    use crate::loss::pointwise::tests::{check, equal_shapes_are_wanted};

    #[test]
    fn gradients_are_right_and_kernel_and_definition_agree() -> anyhow::Result<()> {
        check(
            |x, y, reduction| kl_divergence(x, &y.exp()?, false, reduction),
            |x, y| Divergence { log_target: false }.composed(x, &y.exp()?),
            true,
        )?;
        check(
            |x, y, reduction| kl_divergence(x, y, true, reduction),
            |x, y| Divergence { log_target: true }.composed(x, y),
            true,
        )
    }

    #[test]
    fn a_target_of_zero_costs_nothing() -> Result<()> {
        let x = Var::new(&[0.5f64.ln(), f64::NEG_INFINITY], &Device::Cpu)?;
        for (target, log_target) in [([1.0, 0.0], false), ([0.0, f64::NEG_INFINITY], true)] {
            let target = Tensor::new(&target, &Device::Cpu)?;
            let loss = Divergence { log_target };
            for loss in [
                kl_divergence(&x, &target, log_target, Reduction::Sum)?,
                loss.composed(&x, &target)?.sum_all()?,
            ] {
                assert_eq!(loss.to_scalar::<f64>()?, 2f64.ln());
                let gradients = crate::backward(&loss)?;
                let gradient = gradients.get(&x).expect("a gradient");
                assert_eq!(gradient.to_vec1::<f64>()?, [-1.0, 0.0]);
            }
        }
        Ok(())
    }

    #[test]
    fn shapes_that_would_broadcast_are_refused() -> Result<()> {
        equal_shapes_are_wanted(|x, y, reduction| kl_divergence(x, y, false, reduction))
    }
}
