//! The rectified linear unit with PyTorch's gradient. D2L zh 4.1.2.1, en 5.1.2.1.
//!
//! At 0 the derivative may be anything from 0 to 1. PyTorch and the book take 0; candle 0.11's own `relu` takes 1, so
//! that dead inputs (zeros of a one-hot code or of a dropout before it) get gradients that they don't get in PyTorch.

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CustomOp1, CustomOp2, DType, Layout, Result, Shape, Tensor, bail};

use crate::kernel::{self, Real};

/// max(x, 0), element by element; its gradient at 0 is 0.
pub fn relu(x: &Tensor) -> Result<Tensor> {
    if kernel::has_kernel(x) {
        x.contiguous()?.apply_op1(Relu)
    } else {
        composed(x)
    }
}

/// The definition in candle's own operations: the reference of the kernel, and what other devices run.
fn composed(x: &Tensor) -> Result<Tensor> {
    let off = x.detach().le(0.0)?; // not `gt`: NaN stays NaN
    off.where_cond(&x.zeros_like()?.detach(), x)
}

struct Relu;

impl CustomOp1 for Relu {
    fn name(&self) -> &'static str {
        "relu"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        fn forward<T: Real>(x: &CpuStorage, layout: &Layout) -> Result<CpuStorage> {
            let x = kernel::elements::<T>(x, layout)?;
            let y = kernel::map(x, |x| if x <= T::ZERO { T::ZERO } else { x });
            Ok(T::to_cpu_storage_owned(y))
        }
        let y = match x.dtype() {
            DType::F32 => forward::<f32>(x, layout)?,
            DType::F64 => forward::<f64>(x, layout)?,
            other => bail!("relu: found {other:?}, wanted f32 or f64"),
        };
        Ok((y, layout.shape().clone()))
    }

    fn bwd(&self, _x: &Tensor, y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        Ok(Some(dy.contiguous()?.apply_op2_no_bwd(y, &ReluGradient)?))
    }
}

/// dx = dy where y > 0, else 0.
struct ReluGradient;

impl CustomOp2 for ReluGradient {
    fn name(&self) -> &'static str {
        "relu-gradient"
    }

    fn cpu_fwd(
        &self,
        dy: &CpuStorage,
        dy_layout: &Layout,
        y: &CpuStorage,
        y_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        fn backward<T: Real>(dy: &[T], y: &[T]) -> CpuStorage {
            let dx = kernel::map2(dy, y, |dy, y| if y > T::ZERO { dy } else { T::ZERO });
            T::to_cpu_storage_owned(dx)
        }
        use kernel::elements;
        let dx = match y.dtype() {
            DType::F32 => backward::<f32>(elements(dy, dy_layout)?, elements(y, y_layout)?),
            DType::F64 => backward::<f64>(elements(dy, dy_layout)?, elements(y, y_layout)?),
            other => bail!("relu: found {other:?}, wanted f32 or f64"),
        };
        Ok((dx, y_layout.shape().clone()))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::*;
    use crate::testing::{check_gradients, filled};

    #[test]
    fn value_and_gradient_are_pytorchs_at_zero_too() -> Result<()> {
        // x = torch.tensor([-2., -0., 0., 3., nan, inf], requires_grad=True); y = x.relu(); y.sum().backward()
        // y: [0, 0, 0, 3, nan, inf]; x.grad: [0, 0, 0, 1, …, 1]
        let x = Var::new(
            &[-2f32, -0.0, 0.0, 3.0, f32::NAN, f32::INFINITY],
            &Device::Cpu,
        )?;
        for y in [relu(&x)?, composed(&x)?] {
            let values = y.to_vec1::<f32>()?;
            assert_eq!(values[..4], [0.0, 0.0, 0.0, 3.0]);
            assert!(values[4].is_nan() && values[5] == f32::INFINITY);
            let gradients = y.backward()?;
            let dx = gradients.get(&x).expect("a gradient").to_vec1::<f32>()?;
            assert_eq!((&dx[..4], dx[5]), (&[0.0, 0.0, 0.0, 1.0][..], 1.0));
        }
        Ok(())
    }

    #[test]
    fn gradients_are_right_for_transposed_and_narrowed_inputs() -> anyhow::Result<()> {
        let x = Var::from_tensor(&filled((4, 6), 1, 2.0, DType::F64, &Device::Cpu)?)?;
        let weights = filled((3, 4), 2, 2.0, DType::F64, &Device::Cpu)?;
        let f = || (relu(&x.t()?.narrow(0, 2, 3)?)? * &weights)?.sum_all();
        check_gradients(std::slice::from_ref(&x), f, 1e-7)
    }

    #[test]
    fn the_kernel_and_the_definition_agree_on_many_threads() -> Result<()> {
        let x = filled((300, 257), 3, 4.0, DType::F32, &Device::Cpu)?;
        assert_eq!(relu(&x)?.to_vec2::<f32>()?, composed(&x)?.to_vec2::<f32>()?);
        Ok(())
    }
}
