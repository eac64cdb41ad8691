//! Cross-entropy of yes-or-no answers, for logistic regression. D2L zh 3.4.6 and en 4.1.2 have the general case.
//!
//! l = 1/n Σ_i Σ_k softplus(o_ik) - y_ik o_ik,   softplus(o) = ln(1 + e^o),   ∂l/∂o_ik = (σ(o_ik) - y_ik) / n
//!
//! With p = σ(o) this is -(y ln p + (1 - y) ln(1 - p)), which would overflow for large |o| if it were computed so.

use candle_core::{Result, Tensor};

use super::pointwise::{self, Pointwise};
use crate::kernel::{self, Real};

/// The mean over the batch, and the sum over the outputs, of the cross-entropy between σ(o) and the targets:
/// logits `[B, K]` and targets `[B, K]` from 0 to 1, to a scalar. For one output this is PyTorch's
/// `binary_cross_entropy_with_logits`; for more, PyTorch divides by K too.
///
/// # Errors
/// Where the shapes differ or the batch is empty.
pub fn binary_cross_entropy(logits: &Tensor, target: &Tensor) -> Result<Tensor> {
    pointwise::check_shapes(BinaryCrossEntropy::NAME, logits, target)?;
    let examples = logits.dim(0)?;
    if kernel::has_kernel(logits) {
        pointwise::apply::<BinaryCrossEntropy>(logits, target, examples)
    } else {
        composed(logits, target, examples)
    }
}

/// The definition in candle's own operations: the reference of the kernel, and what other devices run. max(o, 0) and
/// |o| have no derivative at 0, so the value is taken without its gradient, and the gradient is σ(o) - y.
fn composed(logits: &Tensor, target: &Tensor, examples: usize) -> Result<Tensor> {
    let (o, y) = (logits.detach(), target.detach());
    let value =
        (((o.relu()? - (&o * &y)?)? + (o.abs()?.neg()?.exp()? + 1.0)?.log()?)?).sum_all()?;
    let slope = (candle_nn::ops::sigmoid(&o)? - &y)?.detach();
    let change = ((logits - &o)? * slope)?.sum_all()?; // 0, but its gradient is the slope
    (value.detach() + change)? / examples as f64
}

struct BinaryCrossEntropy;

impl Pointwise for BinaryCrossEntropy {
    const NAME: &'static str = "binary_cross_entropy";

    #[inline(always)] // into `wide`
    fn value_and_slope<T: Real>(o: T, y: T) -> (T, T) {
        let small = (if o > T::ZERO { T::ZERO - o } else { o }).exp(); // e^-|o|, at most 1
        let sigmoid = if o > T::ZERO { T::ONE } else { small } / (T::ONE + small);
        let positive = if o > T::ZERO { o } else { T::ZERO };
        (positive - o * y + small.ln_1p(), sigmoid - y)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Var};

    use super::*;
    use crate::testing::{check_gradients, filled};

    #[test]
    fn gradients_are_right_also_at_zero() -> anyhow::Result<()> {
        let logits = filled((5, 3), 1, 6.0, DType::F64, &Device::Cpu)?;
        let logits = Var::from_tensor(&Tensor::cat(
            &[&logits, &Tensor::zeros((1, 3), DType::F64, &Device::Cpu)?],
            0,
        )?)?;
        let target = (filled((6, 3), 2, 0.5, DType::F64, &Device::Cpu)? + 0.5)?;
        let vars = [logits.clone()];
        check_gradients(
            &vars,
            || binary_cross_entropy(&logits, &target)?.sqr(),
            1e-8,
        )?;
        check_gradients_of_composed(&logits, &target)
    }

    /// The composition's value does not depend on its gradient, so finite differences of the kernel are its measure.
    fn check_gradients_of_composed(logits: &Var, target: &Tensor) -> anyhow::Result<()> {
        let kernel = binary_cross_entropy(logits, target)?;
        let definition = composed(logits, target, 6)?;
        let of = |loss: &Tensor| -> anyhow::Result<Vec<f64>> {
            let gradients = loss.backward()?;
            let gradient = gradients.get(logits).expect("the logits have a gradient");
            Ok(gradient.flatten_all()?.to_vec1()?)
        };
        let gap = |a: f64, b: f64| (a - b).abs();
        anyhow::ensure!(gap(kernel.to_scalar()?, definition.to_scalar()?) < 1e-14);
        for (a, b) in of(&kernel)?.into_iter().zip(of(&definition)?) {
            anyhow::ensure!(gap(a, b) < 1e-15, "{a} and {b}");
        }
        Ok(())
    }

    #[test]
    fn large_logits_do_not_overflow() -> Result<()> {
        let logits = Tensor::new(&[[1000f32], [-1000.0], [1000.0]], &Device::Cpu)?;
        let target = Tensor::new(&[[1f32], [0.0], [0.0]], &Device::Cpu)?;
        let loss = binary_cross_entropy(&logits, &target)?.to_scalar::<f32>()?;
        assert_eq!(loss, 1000.0 / 3.0);
        Ok(())
    }

    #[test]
    fn it_is_pytorchs_for_one_output() -> Result<()> {
        // torch.nn.functional.binary_cross_entropy_with_logits(tensor([[0.5], [-2.0]]), tensor([[1.0], [0.0]]))
        let logits = Tensor::new(&[[0.5f64], [-2.0]], &Device::Cpu)?;
        let target = Tensor::new(&[[1f64], [0.0]], &Device::Cpu)?;
        let loss = binary_cross_entropy(&logits, &target)?.to_scalar::<f64>()?;
        assert!((loss - PYTORCH).abs() < 1e-15, "{loss}");
        Ok(())
    }

    const PYTORCH: f64 = 0.3005024976115397;

    #[test]
    fn shapes_that_would_broadcast_are_refused() -> Result<()> {
        let zeros = |shape: &[usize]| Tensor::zeros(shape, DType::F32, &Device::Cpu);
        assert!(binary_cross_entropy(&zeros(&[4])?, &zeros(&[4, 1])?).is_err());
        Ok(())
    }
}
