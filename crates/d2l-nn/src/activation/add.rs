//! The sum of two paths, and its rectified form: the end of a residual block. He et al. 2016,
//! <https://arxiv.org/abs/1512.03385>; D2L zh 7.6.2 and 10.7.4, en 8.6.2 and 11.7.3.
//!
//! z = x + y or max(x + y, 0),   ∂l/∂x = ∂l/∂y = ∂l/∂z, where z > 0 if it is rectified
//!
//! Both paths get the same gradient, without a copy. Candle would add it to zeros twice. The rectified sum is a single
//! pass; a sum and an activation take two.

use candle_core::{Result, Tensor, bail};

use super::{Activation, gradients, relu::Relu};
use crate::Sees;
use crate::graph::{self, Backward, Gradient, Input, Operation, Outputs, exactly};
use crate::kernel::{self, Kernels, Real};
use crate::observe::{report_function, report_path};

/// z = x + y for x and y of one shape: as `x + y` in candle, but on all threads and without copies of the gradient.
///
/// # Errors
/// If x and y differ in shape or type.
pub fn add(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    Sum { rectified: false }.of(x, y)
}

/// z = max(x + y, 0) for x and y of one shape; the gradient at 0 is that of [`relu`](crate::relu()).
///
/// # Errors
/// If x and y differ in shape or type.
pub fn add_relu(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    Sum { rectified: true }.of(x, y)
}

#[derive(Clone, Copy)]
struct Sum {
    rectified: bool,
}

impl Sum {
    fn of(self, x: &Tensor, y: &Tensor) -> Result<Tensor> {
        if x.dims() != y.dims() || x.dtype() != y.dtype() {
            bail!(
                "{}: found {:?} {:?} and {:?} {:?}, wanted two of one shape and type",
                self.name(),
                x.dims(),
                x.dtype(),
                y.dims(),
                y.dtype()
            );
        }
        let z = if kernel::has_kernel(x) && y.device().is_cpu() {
            graph::apply(self, &[x, y])?
        } else {
            self.composed(x, y)?
        };
        match self.rectified {
            true => report_function("add_relu", &[x, y], &z, Sees::Same),
            false => report_path(&[x, y], &z),
        }
        Ok(z)
    }

    /// The definition in candle's own operations: the kernel's reference, and what other devices run.
    fn composed(self, x: &Tensor, y: &Tensor) -> Result<Tensor> {
        let forward = |inputs: &[Tensor]| {
            let [x, y] = exactly(inputs)?;
            let sum = (x + y)?;
            match self.rectified {
                true => Ok((Relu.composed(&sum)?, [])),
                false => Ok((sum, [])),
            }
        };
        graph::define(self.name(), &[x, y], forward, move |known| {
            let dz = match self.rectified {
                true => Relu.composed_gradient(known.dy, known.y)?,
                false => known.dy.clone(),
            };
            Ok(vec![Some(dz.clone()), Some(dz)])
        })
    }
}

impl Operation for Sum {
    type Kept<T: Real> = ();

    fn name(&self) -> &'static str {
        match self.rectified {
            true => "add_relu",
            false => "add",
        }
    }

    fn forward<T: Kernels>(&self, inputs: &[Input<T>], _keeps: bool) -> Result<Outputs<T, ()>> {
        let [x, y] = exactly(inputs)?;
        let z = match self.rectified {
            true => kernel::map2(
                x.data,
                y.data,
                #[inline(always)]
                |x, y| Relu.value(x + y),
            ),
            false => kernel::map2(
                x.data,
                y.data,
                #[inline(always)]
                |x, y| x + y,
            ),
        };
        Ok(Outputs::new(z, x.dims))
    }

    fn backward<T: Kernels>(&self, pass: Backward<T, ()>) -> Result<Vec<Gradient<T>>> {
        let Backward { y: z, dy: dz, .. } = pass;
        Ok(match self.rectified {
            true => vec![Gradient::New(gradients(Relu, dz, z)), Gradient::SameAs(0)],
            false => vec![Gradient::Upstream, Gradient::Upstream],
        })
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Var};

    use super::*;
    use crate::testing::{check_gradients, filled};

    const BOTH: [Sum; 2] = [Sum { rectified: false }, Sum { rectified: true }];

    #[test]
    fn kernel_and_gradients_are_the_definitions() -> anyhow::Result<()> {
        let leaf = |shape: (usize, usize), salt: u32| {
            Var::from_tensor(&filled(shape, salt, 2.0, DType::F64, &Device::Cpu)?)
        };
        for ((rows, columns), sum) in [(1, 1), (3, 5), (301, 257)]
            .into_iter()
            .flat_map(|shape| BOTH.map(|sum| (shape, sum)))
        {
            let (x, y) = (leaf((rows, columns), 1)?, leaf((rows, columns), 2)?);
            let pairs = [
                (x.as_tensor().clone(), y.as_tensor().clone()),
                (x.t()?, y.t()?), // not contiguous
            ];
            for (x, y) in pairs {
                let gap = (sum.of(&x, &y)? - sum.composed(&x, &y)?)?.abs()?;
                assert_eq!(gap.flatten_all()?.max(0)?.to_scalar::<f64>()?, 0.0);
            }
            if rows * columns < 100 {
                let factors = filled((rows, columns), 3, 1.0, DType::F64, &Device::Cpu)?;
                // x on both sides, and again afterwards.
                let loss = || {
                    let twice = sum.of(&sum.of(&x, &x)?, &y)?;
                    (sum.of(&twice, &x)? * &factors)?.sum_all()
                };
                check_gradients(&[x.clone(), y.clone()], loss, 1e-8)?;
            }
        }
        Ok(())
    }

    #[test]
    fn both_gradients_are_pytorchs_at_zero_too() -> Result<()> {
        // x = torch.tensor([-1., 1., 1.], requires_grad=True); y = torch.tensor([0., -1., 1.], requires_grad=True)
        // torch.relu(x + y).sum().backward(): both gradients are [0, 0, 1]
        let x = Var::new(&[-1f32, 1.0, 1.0], &Device::Cpu)?;
        let y = Var::new(&[0f32, -1.0, 1.0], &Device::Cpu)?;
        for (sum, wanted) in BOTH.into_iter().zip([[1.0, 1.0, 1.0], [0.0, 0.0, 1.0]]) {
            let gradients = crate::backward(&sum.of(&x, &y)?.sum_all()?)?;
            for var in [&x, &y] {
                let Some(gradient) = gradients.get(var) else {
                    bail!("a gradient is missing");
                };
                assert_eq!(gradient.to_vec1::<f32>()?, wanted);
            }
        }
        Ok(())
    }

    #[test]
    fn other_shapes_are_refused() -> Result<()> {
        let zeros = |n: usize| Tensor::zeros(n, DType::F32, &Device::Cpu);
        let error = add_relu(&zeros(3)?, &zeros(1)?).map_err(|error| error.to_string());
        assert!(matches!(error, Err(message) if message.contains("[3] F32 and [1] F32")));
        Ok(())
    }
}
