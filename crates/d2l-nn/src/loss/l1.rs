//! The mean absolute error, for regression that should not follow outliers. D2L zh 13.7.2, en 14.7.2.
//!
//! l_i = |ŷ_i - y_i|,   ∂l_i/∂ŷ_i = sign(ŷ_i - y_i), 0 at 0

use candle_core::{Result, Tensor};

use super::Reduction;
use super::pointwise::{self, Pointwise, with_slope};
use crate::graph;
use crate::kernel::{self, Real};

/// The absolute difference, reduced: two tensors of one shape to a scalar, or to that shape without reduction.
///
/// # Errors
/// If the shapes differ or are empty.
pub fn l1_loss(prediction: &Tensor, target: &Tensor, reduction: Reduction) -> Result<Tensor> {
    pointwise::check_shapes(L1::NAME, prediction, target)?;
    if kernel::has_kernel(prediction) && !target.track_op() {
        pointwise::apply(L1, prediction, target, reduction)
    } else {
        let [prediction, target] = [prediction, target].map(graph::input);
        reduction.apply(&composed(&prediction, &target)?)
    }
}

/// The definition in candle's own operations: the kernel's reference. Other devices run it, and so does the CPU if the
/// target needs a gradient too. candle's |x| has slope 1 at 0.
fn composed(prediction: &Tensor, target: &Tensor) -> Result<Tensor> {
    let error = (prediction - target)?;
    with_slope(&error.abs()?, &error, &error.detach().sign()?)
}

struct L1;

impl Pointwise for L1 {
    const NAME: &'static str = "l1_loss";

    #[inline(always)] // into `widest`
    fn value_and_slope<T: Real>(&self, prediction: T, target: T) -> (T, T) {
        let error = prediction - target;
        let above = if error > T::ZERO { T::ONE } else { T::ZERO };
        let below = if error < T::ZERO { T::ONE } else { T::ZERO };
        (error.abs(), above - below)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::pointwise::tests::{check, equal_shapes_are_wanted};

    #[test]
    fn gradients_are_right_and_kernel_and_definition_agree() -> anyhow::Result<()> {
        check(l1_loss, composed, true)
    }

    #[test]
    fn shapes_that_would_broadcast_are_refused() -> Result<()> {
        equal_shapes_are_wanted(l1_loss)
    }
}
