//! Cross-entropy of yes-or-no answers, for logistic regression. D2L zh 3.4.6 and en 4.1.2 have the general case.
//!
//! l = 1/n Σ_i Σ_k softplus(o_ik) - y_ik o_ik,   softplus(o) = ln(1 + e^o),   ∂l/∂o_ik = (σ(o_ik) - y_ik) / n
//!
//! With p = σ(o) this is -(y ln p + (1 - y) ln(1 - p)), which would overflow for large |o| if it were computed so.

use candle_core::{Result, Tensor, bail};

use super::Reduction;
use super::pointwise::{self, Pointwise};
use crate::graph;
use crate::kernel::{self, Real};

/// Options of [`binary_cross_entropy_with_logits`]. The weights get no gradient.
#[derive(Clone, Copy, Debug, Default)]
pub struct BinaryCrossEntropyOptions<'a> {
    /// A factor of each loss, broadcast to the logits' shape: 0 for one that does not count, as in D2L zh 14.4.2 and en
    /// 15.4.2. The mean is over all elements, whatever their weights.
    pub weight: Option<&'a Tensor>,
    /// A factor of the part with target 1, broadcast to the logits' shape: above 1 it counts misses more than false
    /// alarms.
    pub pos_weight: Option<&'a Tensor>,
    /// The mean of all elements by default.
    pub reduction: Reduction,
}

/// The cross-entropy between σ(o) and the targets, summed over the outputs and averaged over the batch: logits `[B, K]`
/// and targets `[B, K]` from 0 to 1, to a scalar. For one output this is PyTorch's `binary_cross_entropy_with_logits`;
/// for more, PyTorch divides by K too.
///
/// # Errors
/// If the shapes differ or the batch is empty.
pub fn binary_cross_entropy(logits: &Tensor, target: &Tensor) -> Result<Tensor> {
    elements(logits, target, Reduction::BatchMean)
}

/// The cross-entropy between σ(o) and the targets, reduced as in PyTorch's `binary_cross_entropy_with_logits`: logits
/// and targets from 0 to 1 of one shape to a scalar, or to that shape without reduction. The targets get no gradient.
///
/// With a positive weight w it is l = w y softplus(-o) + (1 - y) softplus(o).
///
/// # Errors
/// If the shapes differ, are empty, or a weight can't be broadcast to them.
pub fn binary_cross_entropy_with_logits(
    logits: &Tensor,
    target: &Tensor,
    options: BinaryCrossEntropyOptions,
) -> Result<Tensor> {
    let broadcast = |weight: &Tensor, what: &str| match weight.detach().broadcast_as(logits.shape())
    {
        Ok(weight) => weight.to_dtype(logits.dtype()),
        Err(_) => bail!(
            "binary_cross_entropy: found {what} {:?}, wanted one that can be broadcast to {:?}",
            weight.dims(),
            logits.dims()
        ),
    };
    let mut weight = match options.weight {
        Some(weight) => Some(broadcast(weight, "weights")?),
        None => None,
    };
    let mut target = target.clone();
    if let Some(positive) = options.pos_weight {
        pointwise::check_shapes(BinaryCrossEntropy::NAME, logits, &target)?;
        // w y softplus(-o) + (1 - y) softplus(o) is c times the loss of the target w y / c, where c = w y + 1 - y.
        let positive = (broadcast(positive, "positive weights")? * &target)?;
        let both = (&positive - (&target - 1.0)?)?;
        let divisor = (&both + both.eq(0.0)?.to_dtype(both.dtype())?)?;
        target = (positive / divisor)?;
        weight = Some(match weight {
            Some(weight) => (weight * both)?,
            None => both,
        });
    }
    match weight {
        None => elements(logits, &target, options.reduction),
        Some(weight) => options
            .reduction
            .apply(&(elements(logits, &target, Reduction::None)? * weight.detach())?),
    }
}

fn elements(logits: &Tensor, target: &Tensor, reduction: Reduction) -> Result<Tensor> {
    pointwise::check_shapes(BinaryCrossEntropy::NAME, logits, target)?;
    if kernel::has_kernel(logits) {
        pointwise::apply(BinaryCrossEntropy, logits, target, reduction)
    } else {
        reduction.apply(&composed(&graph::input(logits), target)?)
    }
}

/// The definition in candle's own operations: the kernel's reference, and what other devices run. max(o, 0) and
/// |o| have no derivative at 0, so the gradient σ(o) - y is given.
pub(super) fn composed(logits: &Tensor, target: &Tensor) -> Result<Tensor> {
    let (o, y) = (logits.detach(), target.detach());
    let value = ((o.relu()? - (&o * &y)?)? + (o.abs()?.neg()?.exp()? + 1.0)?.log()?)?;
    let slope = (candle_nn::ops::sigmoid(&o)? - &y)?;
    pointwise::with_slope(&value, logits, &slope)
}

/// The loss of one element, and σ(o).
#[inline(always)]
pub(super) fn value_and_sigmoid<T: Real>(o: T, y: T) -> (T, T) {
    let small = (if o > T::ZERO { T::ZERO - o } else { o }).exp(); // e^-|o|, at most 1
    let sigmoid = if o > T::ZERO { T::ONE } else { small } / (T::ONE + small);
    let positive = if o > T::ZERO { o } else { T::ZERO };
    (positive - o * y + small.ln_1p(), sigmoid)
}

struct BinaryCrossEntropy;

impl Pointwise for BinaryCrossEntropy {
    const NAME: &'static str = "binary_cross_entropy";

    #[inline(always)] // into `widest`
    fn value_and_slope<T: Real>(&self, o: T, y: T) -> (T, T) {
        let (value, sigmoid) = value_and_sigmoid(o, y);
        (value, sigmoid - y)
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
        let definition = Reduction::BatchMean.apply(&composed(logits, target)?)?;
        let of = |loss: &Tensor| -> anyhow::Result<Vec<f64>> {
            let gradients = crate::backward(loss)?;
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

    #[test]
    fn weights_count_as_they_are_defined() -> anyhow::Result<()> {
        let logits = Var::from_tensor(&filled((5, 3), 1, 6.0, DType::F64, &Device::Cpu)?)?;
        let target = (filled((5, 3), 2, 1.0, DType::F64, &Device::Cpu)? + 0.5)?.round()?;
        let weight = (filled((5, 1), 3, 1.0, DType::F64, &Device::Cpu)? + 0.5)?;
        let positive = Tensor::new(&[0.0, 1.0, 3.5], &Device::Cpu)?;
        for reduction in [
            Reduction::Mean,
            Reduction::BatchMean,
            Reduction::Sum,
            Reduction::None,
        ] {
            for (weight, pos_weight) in [
                (None, None),
                (Some(&weight), None),
                (None, Some(&positive)),
                (Some(&weight), Some(&positive)),
            ] {
                let options = BinaryCrossEntropyOptions { weight, pos_weight, reduction };
                let loss = || binary_cross_entropy_with_logits(&logits, &target, options);
                let vars = [logits.clone()];
                check_gradients(&vars, || loss()?.sqr()?.sum_all(), 1e-7)?;
                let softplus = |x: Tensor| (x.exp()? + 1.0)?.log();
                let ones = (softplus(logits.neg()?)? * &target)?;
                let ones = match pos_weight {
                    Some(positive) => ones.broadcast_mul(positive)?,
                    None => ones,
                };
                let zeros = (softplus(logits.as_tensor().clone())? * (1.0 - &target)?)?;
                let plain = (ones + zeros)?;
                let plain = match weight {
                    Some(weight) => plain.broadcast_mul(weight)?,
                    None => plain,
                };
                let gap = (loss()? - reduction.apply(&plain)?)?.abs()?.sum_all()?;
                anyhow::ensure!(gap.to_scalar::<f64>()? < 1e-13, "{options:?}: {gap}");
            }
        }
        Ok(())
    }

    #[test]
    fn a_weight_that_does_not_fit_is_named() -> Result<()> {
        let x = Tensor::zeros((2, 3), DType::F32, &Device::Cpu)?;
        let weight = Tensor::ones(2, DType::F32, &Device::Cpu)?;
        let options = BinaryCrossEntropyOptions { pos_weight: Some(&weight), ..Default::default() };
        let error = binary_cross_entropy_with_logits(&x, &x, options)
            .expect_err("[2] and [2, 3]")
            .to_string();
        assert!(
            error
                .contains("found positive weights [2], wanted one that can be broadcast to [2, 3]"),
            "{error}"
        );
        Ok(())
    }
}
