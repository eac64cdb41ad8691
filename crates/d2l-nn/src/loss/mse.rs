//! The mean squared error, for regression. D2L zh 3.3.5, en 3.5.2.
//!
//! l = 1/n Σ_i (ŷ_i - y_i)²,   ∂l/∂ŷ_i = 2/n (ŷ_i - y_i)
//!
//! The book's own `squared_loss` of zh 3.2.5 and en 3.4.2 has a factor ½; this one, like PyTorch's, does not.

use candle_core::{Result, Tensor};

use super::Reduction;
use super::pointwise::{self, Pointwise};
use crate::graph::{self, exactly};
use crate::kernel::{self, Real};

/// The mean over all elements of the squared difference: two tensors of one shape to a scalar.
///
/// # Errors
/// If the shapes differ. In PyTorch `[B]` and `[B, 1]` would broadcast to `[B, B]`, and the model would train on noise.
pub fn mse_loss(prediction: &Tensor, target: &Tensor) -> Result<Tensor> {
    mse_loss_with(prediction, target, Reduction::Mean)
}

/// As [`mse_loss`], with any reduction.
///
/// # Errors
/// If the shapes differ.
pub fn mse_loss_with(prediction: &Tensor, target: &Tensor, reduction: Reduction) -> Result<Tensor> {
    pointwise::check_shapes(Mse::NAME, prediction, target)?;
    if kernel::has_kernel(prediction) && !target.track_op() {
        pointwise::apply(Mse, prediction, target, reduction)
    } else {
        composed(prediction, target, reduction)
    }
}

/// The definition in candle's own operations: the kernel's reference. Other devices run it, and so does the CPU if the
/// target needs a gradient too.
fn composed(prediction: &Tensor, target: &Tensor, reduction: Reduction) -> Result<Tensor> {
    let forward = |inputs: &[Tensor]| {
        let [prediction, target] = exactly(inputs)?;
        let errors = (prediction - target)?;
        let squares = errors.sqr()?;
        let loss = match reduction {
            Reduction::Mean => squares.mean_all()?,
            other => other.apply(&squares)?,
        };
        Ok((loss, [errors]))
    };
    graph::define(Mse::NAME, &[prediction, target], forward, move |known| {
        let [errors] = known.kept;
        let divisor = reduction.divisor(errors.dims()).unwrap_or(1.0);
        let slopes = errors.broadcast_mul(&(known.dy * (2.0 / divisor))?)?;
        let of_target = known.wanted(1, || slopes.neg())?;
        Ok(vec![Some(slopes), of_target])
    })
}

struct Mse;

impl Pointwise for Mse {
    const NAME: &'static str = "mse_loss";

    #[inline(always)] // into `widest`
    fn value_and_slope<T: Real>(&self, prediction: T, target: T) -> (T, T) {
        let error = prediction - target;
        (error * error, error + error)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Var};

    use super::*;
    use crate::testing::{check_gradients, filled};

    #[test]
    fn gradients_are_right_for_both_sides() -> anyhow::Result<()> {
        let prediction = Var::from_tensor(&filled((4, 3), 1, 2.0, DType::F64, &Device::Cpu)?)?;
        let target = Var::from_tensor(&filled((3, 4), 2, 2.0, DType::F64, &Device::Cpu)?)?;
        let both = [prediction.clone(), target.clone()];
        check_gradients(&both, || mse_loss(&prediction, &target.t()?)?.sqr(), 1e-8)?;
        let one = [prediction.clone()];
        check_gradients(
            &one,
            || {
                mse_loss(
                    &prediction.narrow(0, 3, 1)?,
                    &target.t()?.narrow(0, 0, 1)?.detach(),
                )
            },
            1e-8,
        )
    }

    #[test]
    fn reductions_are_right_and_kernel_and_definition_agree() -> anyhow::Result<()> {
        let none = |x: &Tensor, y: &Tensor| composed(x, y, Reduction::None);
        crate::loss::pointwise::tests::check(mse_loss_with, none, true)
    }

    #[test]
    fn the_kernel_and_the_definition_agree() -> Result<()> {
        for n in [1, 10, 100_000] {
            let x = filled((n, 1), 1, 2.0, DType::F64, &Device::Cpu)?;
            let y = filled((n, 1), 2, 2.0, DType::F64, &Device::Cpu)?;
            let (kernel, definition) = (
                mse_loss(&x, &y)?.to_scalar::<f64>()?,
                composed(&x, &y, Reduction::Mean)?.to_scalar::<f64>()?,
            );
            assert!(
                (kernel - definition).abs() <= 1e-13 * definition,
                "{n}: {kernel} and {definition}"
            );
        }
        Ok(())
    }

    #[test]
    fn shapes_that_would_broadcast_are_refused() -> Result<()> {
        let zeros = |shape: &[usize]| Tensor::zeros(shape, DType::F32, &Device::Cpu);
        let error = mse_loss(&zeros(&[4])?, &zeros(&[4, 1])?)
            .expect_err("[4] against [4, 1]")
            .to_string();
        assert!(
            error.contains("found predictions [4] and targets [4, 1], wanted equal shapes"),
            "{error}"
        );
        assert!(mse_loss(&zeros(&[0, 1])?, &zeros(&[0, 1])?).is_err());
        Ok(())
    }
}
