//! The rectified linear unit with PyTorch's gradient. D2L zh 4.1.2.1, en 5.1.2.1.
//!
//! y = max(x, 0),   dy/dx = 1 above 0, 0 elsewhere
//!
//! At 0 the derivative may be anything from 0 to 1. PyTorch and the book take 0; candle 0.11's own `relu` takes 1, so
//! that dead inputs (zeros of a one-hot code or of a dropout before it) get gradients that they don't get in PyTorch.

use candle_core::{Result, Tensor};

use super::Activation;
use crate::constants::zeros_as;
use crate::kernel::Real;

/// max(x, 0), element by element; its gradient at 0 is 0.
pub fn relu(x: &Tensor) -> Result<Tensor> {
    super::apply(x, Relu)
}

#[derive(Clone, Copy)]
pub(super) struct Relu;

impl Activation for Relu {
    const NAME: &'static str = "relu";
    const FROM_OUTPUT: bool = true;

    #[inline(always)]
    fn value<T: Real>(&self, x: T) -> T {
        if x <= T::ZERO { T::ZERO } else { x } // not `x > 0`: NaN stays NaN
    }

    #[inline(always)]
    fn slope<T: Real>(&self, y: T) -> T {
        if y > T::ZERO { T::ONE } else { T::ZERO }
    }

    #[inline(always)]
    fn gradient<T: Real>(&self, dy: T, y: T) -> T {
        if y > T::ZERO { dy } else { T::ZERO } // a choice, not a product: 0 even if dy is infinite
    }

    fn composed(&self, x: &Tensor) -> Result<Tensor> {
        x.elu(0.0) // candle's relu and maximum turn NaN into 0
    }

    fn composed_gradient(&self, dy: &Tensor, y: &Tensor) -> Result<Tensor> {
        y.gt(&zeros_as(y)?)?.where_cond(dy, &zeros_as(dy)?)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Var};

    use super::*;
    use crate::testing::{filled, without_kernels};

    #[test]
    fn value_and_gradient_are_pytorchs_at_zero_too() -> Result<()> {
        // x = torch.tensor([-2., -0., 0., 3., nan, inf], requires_grad=True); y = x.relu(); y.sum().backward()
        // y: [0, 0, 0, 3, nan, inf]; x.grad: [0, 0, 0, 1, …, 1]
        let x = Var::new(
            &[-2f32, -0.0, 0.0, 3.0, f32::NAN, f32::INFINITY],
            &Device::Cpu,
        )?;
        for y in [relu(&x)?, without_kernels(|| relu(&x))?] {
            let values = y.to_vec1::<f32>()?;
            assert_eq!(values[..4], [0.0, 0.0, 0.0, 3.0]);
            assert!(values[4].is_nan() && values[5] == f32::INFINITY);
            let gradients = crate::backward(&y)?;
            let dx = gradients.get(&x).expect("a gradient").to_vec1::<f32>()?;
            assert_eq!((&dx[..4], dx[5]), (&[0.0, 0.0, 0.0, 1.0][..], 1.0));
        }
        Ok(())
    }

    #[test]
    fn no_gradient_passes_where_the_unit_is_off_not_even_an_infinite_one() -> Result<()> {
        let x = Var::new(&[-1f32, 2.0], &Device::Cpu)?;
        let huge = Tensor::new(&[f32::INFINITY, 3.0], &Device::Cpu)?;
        for y in [relu(&x)?, without_kernels(|| relu(&x))?] {
            let gradients = crate::backward(&(y * &huge)?)?;
            let dx = gradients.get(&x).expect("a gradient").to_vec1::<f32>()?;
            assert_eq!(dx, [0.0, 3.0]);
        }
        Ok(())
    }

    #[test]
    fn the_kernel_and_the_definition_agree_on_many_threads() -> Result<()> {
        let x = filled((300, 257), 3, 4.0, DType::F32, &Device::Cpu)?;
        assert_eq!(
            relu(&x)?.to_vec2::<f32>()?,
            Relu.composed(&x)?.to_vec2::<f32>()?
        );
        Ok(())
    }
}
