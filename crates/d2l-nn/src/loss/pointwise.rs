//! Losses that are sums over elements.
//!
//! l = 1/n Σ_i f(ŷ_i, y_i),   ∂l/∂ŷ_i = 1/n ∂f/∂ŷ (ŷ_i, y_i)
//!
//! f and its slope share their work, so the kernel computes both in one pass. The backward pass only hands the slopes
//! on.

use candle_core::{Result, Tensor, bail};

use super::{Reduction, scaled};
use crate::graph::{self, Backward, Gradient, Input, Operation, Outputs, exactly};
use crate::kernel::{self, Kernels, Real};

/// l_i = f(ŷ_i, y_i)
pub(super) trait Pointwise: Send + Sync + 'static {
    /// The name in error messages.
    const NAME: &'static str;

    /// f(ŷ, y) and ∂f/∂ŷ.
    fn value_and_slope<T: Real>(&self, prediction: T, target: T) -> (T, T);
}

/// Refuses tensors that would broadcast, differ in type, or have no elements to take a mean over.
pub(super) fn check_shapes(name: &str, prediction: &Tensor, target: &Tensor) -> Result<()> {
    if prediction.dims() != target.dims() {
        bail!(
            "{name}: found predictions {:?} and targets {:?}, wanted equal shapes: nothing is broadcast; reshape one",
            prediction.dims(),
            target.dims()
        );
    }
    if prediction.dtype() != target.dtype() {
        bail!(
            "{name}: found predictions {:?} and targets {:?}, wanted one type",
            prediction.dtype(),
            target.dtype()
        );
    }
    if prediction.elem_count() == 0 {
        bail!(
            "{name}: found predictions {:?}, wanted at least one",
            prediction.dims()
        );
    }
    Ok(())
}

/// Losses with this value and gradient, for definitions whose parts somewhere have no derivative or another one.
pub(super) fn with_slope(value: &Tensor, prediction: &Tensor, slope: &Tensor) -> Result<Tensor> {
    let change = (prediction - prediction.detach())?; // 0, but its gradient is 1
    value.detach() + change.mul(&slope.detach())?
}

/// The loss by its kernel: two tensors of one shape to a scalar, or to that shape without reduction. The target gets no
/// gradient.
pub(super) fn apply<P: Pointwise>(
    loss: P,
    prediction: &Tensor,
    target: &Tensor,
    reduction: Reduction,
) -> Result<Tensor> {
    let divisor = reduction.divisor(prediction.dims());
    graph::apply(Losses { loss, divisor }, &[prediction, &target.detach()])
}

struct Losses<P> {
    loss: P,
    /// The divisor of the sum; nothing if losses are not added.
    divisor: Option<f64>,
}

impl<P: Pointwise> Operation for Losses<P> {
    /// ∂l/∂ŷ
    type Kept<T: Real> = Vec<T>;

    fn name(&self) -> &'static str {
        P::NAME
    }

    fn forward<T: Kernels>(&self, inputs: &[Input<T>], keeps: bool) -> Result<Outputs<T, Vec<T>>> {
        let [prediction, target] = exactly(inputs)?;
        let (x, y, loss) = (prediction.data, target.data, &self.loss);
        let Some(divisor) = self.divisor else {
            let values = kernel::map2(
                x,
                y,
                #[inline(always)]
                |x, y| loss.value_and_slope(x, y).0,
            );
            let slopes = keeps.then(|| {
                kernel::map2(
                    x,
                    y,
                    #[inline(always)]
                    |x, y| loss.value_and_slope(x, y).1,
                )
            });
            let outputs = Outputs::new(values, prediction.dims);
            return Ok(outputs.keeping(slopes.unwrap_or_default()));
        };
        let share = T::from_f64(1.0 / divisor);
        let (sum, slopes) = match keeps {
            true => kernel::map2_and_sum(
                x,
                y,
                #[inline(always)]
                |x, y| {
                    let (value, slope) = loss.value_and_slope(x, y);
                    (value, slope * share)
                },
            ),
            false => {
                let (sum, _) = kernel::map2_and_sum(
                    x,
                    y,
                    #[inline(always)]
                    |x, y| (loss.value_and_slope(x, y).0, ()),
                );
                (sum, Vec::new())
            }
        };
        Ok(Outputs::new(vec![T::from_f64(sum / divisor)], ()).keeping(slopes))
    }

    fn backward<T: Kernels>(&self, pass: Backward<T, Vec<T>>) -> Result<Vec<Gradient<T>>> {
        let Backward { dy, kept: slopes, .. } = pass;
        let gradient = scaled(slopes, dy);
        Ok(vec![Gradient::New(gradient), Gradient::Unwanted])
    }
}

#[cfg(test)]
pub(super) mod tests {
    use candle_core::{DType, Device, Var};

    use super::*;
    use crate::testing::{check_gradients, filled};

    const REDUCTIONS: [Reduction; 4] = [
        Reduction::Mean,
        Reduction::BatchMean,
        Reduction::Sum,
        Reduction::None,
    ];

    /// Checks gradients of a loss against finite differences, for both sides if `both` have one, and its kernel against
    /// its definition, including equal predictions and targets.
    pub fn check(
        loss: impl Fn(&Tensor, &Tensor, Reduction) -> Result<Tensor>,
        composed: impl Fn(&Tensor, &Tensor) -> Result<Tensor>,
        both: bool,
    ) -> anyhow::Result<()> {
        let var = |shape: (usize, usize), salt| {
            Var::from_tensor(&filled(shape, salt, 5.0, DType::F64, &Device::Cpu)?)
        };
        let (x, y) = (var((4, 3), 1)?, var((3, 4), 2)?);
        let factors = filled((3, 4), 3, 2.0, DType::F64, &Device::Cpu)?;
        for reduction in REDUCTIONS {
            let f = |x: &Tensor, y: &Tensor| {
                let factors = factors.narrow(0, 0, x.dim(0)?)?;
                loss(x, y, reduction)?.broadcast_mul(&factors)?.sum_all()
            };
            let fixed = y.as_detached_tensor();
            let one = [x.clone()];
            check_gradients(&one, || f(&x.t()?, &fixed), 1e-7)?;
            let of_row = || f(&x.t()?.narrow(0, 1, 1)?, &fixed.narrow(0, 1, 1)?);
            check_gradients(&one, of_row, 1e-7)?;
            if both {
                check_gradients(&[x.clone(), y.clone()], || f(&x.t()?, &y), 1e-7)?;
            }
        }
        for (dtype, tolerance) in [(DType::F64, 1e-13), (DType::F32, 1e-5)] {
            for rows in [1, 7, 100] {
                let other = filled((rows, 10), 1, 5.0, dtype, &Device::Cpu)?;
                let y = filled((rows, 10), 2, 5.0, dtype, &Device::Cpu)?;
                let x = Tensor::cat(&[other.narrow(1, 0, 8)?, y.narrow(1, 8, 2)?], 1)?;
                let x = Var::from_tensor(&x)?;
                let upstream = filled((rows, 10), 3, 2.0, dtype, &Device::Cpu)?;
                for reduction in REDUCTIONS {
                    let of = |loss: Tensor| -> anyhow::Result<[Vec<f64>; 2]> {
                        let gradients = crate::backward(&loss.broadcast_mul(&upstream)?)?;
                        let gradient = gradients.get(&x).expect("a gradient").clone();
                        let flat = |x: Tensor| x.flatten_all()?.to_dtype(DType::F64)?.to_vec1();
                        Ok([flat(loss)?, flat(gradient)?])
                    };
                    let kernel = of(loss(&x, &y, reduction)?)?;
                    let definition = of(reduction.apply(&composed(&x, &y)?)?)?;
                    let pairs = kernel.iter().flatten().zip(definition.iter().flatten());
                    for (a, b) in pairs {
                        let close = (a - b).abs() <= tolerance * b.abs().max(1.0);
                        anyhow::ensure!(close, "{reduction:?} of {rows} rows: {a} and {b}");
                    }
                }
            }
        }
        Ok(())
    }

    /// Checks that a loss refuses what would broadcast, differs in type or is empty, and names itself.
    pub fn equal_shapes_are_wanted(
        loss: impl Fn(&Tensor, &Tensor, Reduction) -> Result<Tensor>,
    ) -> Result<()> {
        let zeros = |shape: &[usize], dtype| Tensor::zeros(shape, dtype, &Device::Cpu);
        let (f32, f64) = (DType::F32, DType::F64);
        for (x, y, message) in [
            (
                zeros(&[4], f32)?,
                zeros(&[4, 1], f32)?,
                "found predictions [4] and targets [4, 1], wanted equal shapes",
            ),
            (zeros(&[4], f32)?, zeros(&[4], f64)?, "wanted one type"),
            (
                zeros(&[0, 1], f32)?,
                zeros(&[0, 1], f32)?,
                "wanted at least one",
            ),
        ] {
            let error = loss(&x, &y, Reduction::Mean)
                .expect_err(message)
                .to_string();
            assert!(error.contains(message), "{error}");
        }
        Ok(())
    }
}
