//! The mean squared error, for regression. D2L zh 3.3.5, en 3.5.2.
//!
//! l = 1/n Σ_i (ŷ_i - y_i)²,   ∂l/∂ŷ_i = 2/n (ŷ_i - y_i)
//!
//! The book's own `squared_loss` of zh 3.2.5 and en 3.4.2 has a factor ½ that this one, like PyTorch's, has not.

use std::sync::Mutex;

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CustomOp2, DType, Device, Layout, Result, Shape, Tensor, bail};

use super::scaled;
use crate::kernel::{self, Real};

/// The mean over all elements of the squared difference: two tensors of one shape to a scalar.
///
/// # Errors
/// Where the shapes differ. `[B]` against `[B, 1]` would broadcast to `[B, B]` in PyTorch, and train on noise.
pub fn mse_loss(prediction: &Tensor, target: &Tensor) -> Result<Tensor> {
    if prediction.dims() != target.dims() {
        bail!(
            "mse_loss: found predictions {:?} and targets {:?}, wanted equal shapes: nothing is broadcast; reshape one",
            prediction.dims(),
            target.dims()
        );
    }
    if prediction.elem_count() == 0 {
        bail!(
            "mse_loss: found predictions {:?}, wanted at least one",
            prediction.dims()
        );
    }
    if kernel::has_kernel(prediction) {
        let wants_gradient = prediction.track_op() || target.track_op();
        let op = Mse {
            wants_gradient,
            target_tracks: target.track_op(),
            gradient: Mutex::new(None),
        };
        prediction
            .contiguous()?
            .apply_op2(&target.contiguous()?, op)
    } else {
        composed(prediction, target)
    }
}

/// The definition in candle's own operations: the reference of the kernel, and what other devices run.
fn composed(prediction: &Tensor, target: &Tensor) -> Result<Tensor> {
    (prediction - target)?.sqr()?.mean_all()
}

struct Mse {
    wants_gradient: bool,
    target_tracks: bool,
    gradient: Mutex<Option<Tensor>>,
}

impl Mse {
    fn forward<T: Real>(
        &self,
        prediction: &[T],
        target: &[T],
        shape: &Shape,
    ) -> Result<CpuStorage> {
        let n = prediction.len() as f64;
        let error = kernel::map2(prediction, target, |prediction, target| prediction - target);
        let mean = kernel::sum_of_squares(&error) / n;
        if self.wants_gradient
            && let Ok(mut slot) = self.gradient.lock()
        {
            let gradient =
                Tensor::from_vec(error, shape.clone(), &Device::Cpu)?.affine(2.0 / n, 0.0)?;
            *slot = Some(gradient);
        }
        Ok(T::to_cpu_storage_owned(vec![T::from_f64(mean)]))
    }
}

impl CustomOp2 for Mse {
    fn name(&self) -> &'static str {
        "mse-loss"
    }

    fn cpu_fwd(
        &self,
        prediction: &CpuStorage,
        layout: &Layout,
        target: &CpuStorage,
        target_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        use kernel::elements;
        let shape = layout.shape();
        let loss = match prediction.dtype() {
            DType::F32 => self.forward::<f32>(
                elements(prediction, layout)?,
                elements(target, target_layout)?,
                shape,
            )?,
            DType::F64 => self.forward::<f64>(
                elements(prediction, layout)?,
                elements(target, target_layout)?,
                shape,
            )?,
            other => bail!("mse_loss: found type {other:?}, wanted f32 or f64"),
        };
        Ok((loss, Shape::from(())))
    }

    fn bwd(
        &self,
        _prediction: &Tensor,
        _target: &Tensor,
        _loss: &Tensor,
        upstream: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        match self
            .gradient
            .lock()
            .ok()
            .and_then(|gradient| gradient.clone())
        {
            Some(gradient) => {
                let gradient = scaled(&gradient, upstream)?;
                let target = if self.target_tracks {
                    Some(gradient.neg()?)
                } else {
                    None
                };
                Ok((Some(gradient), target))
            }
            None => bail!("mse_loss: nothing had a gradient to compute in the forward pass"),
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Var;

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
    fn the_kernel_and_the_definition_agree() -> Result<()> {
        for n in [1, 10, 100_000] {
            let x = filled((n, 1), 1, 2.0, DType::F64, &Device::Cpu)?;
            let y = filled((n, 1), 2, 2.0, DType::F64, &Device::Cpu)?;
            let (kernel, definition) = (
                mse_loss(&x, &y)?.to_scalar::<f64>()?,
                composed(&x, &y)?.to_scalar::<f64>()?,
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
