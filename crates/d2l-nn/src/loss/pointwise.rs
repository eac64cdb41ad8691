//! Losses that are sums over elements: value and gradient in one pass on the CPU.

use std::marker::PhantomData;
use std::sync::Mutex;

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CustomOp2, DType, Device, Layout, Result, Shape, Tensor, bail};

use super::scaled;
use crate::kernel::{self, Real, elements};

/// l = 1/n Σ_i f(ŷ_i, y_i), where n is up to the caller.
pub(super) trait Pointwise: Send + Sync + 'static {
    /// As in error messages.
    const NAME: &'static str;

    /// f(ŷ, y) and ∂f/∂ŷ.
    fn value_and_slope<T: Real>(prediction: T, target: T) -> (T, T);
}

/// Refuses what would broadcast, or has no elements to take a mean over.
pub(super) fn check_shapes(name: &str, prediction: &Tensor, target: &Tensor) -> Result<()> {
    if prediction.dims() != target.dims() {
        bail!(
            "{name}: found predictions {:?} and targets {:?}, wanted equal shapes: nothing is broadcast; reshape one",
            prediction.dims(),
            target.dims()
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

/// The loss by its kernel: two tensors of one shape to a scalar. The target carries no gradient.
pub(super) fn apply<P: Pointwise>(
    prediction: &Tensor,
    target: &Tensor,
    n: usize,
) -> Result<Tensor> {
    let op = Op::<P> {
        n: n as f64,
        wants_gradient: prediction.track_op(),
        gradient: Mutex::new(None),
        loss: PhantomData,
    };
    prediction
        .contiguous()?
        .apply_op2(&target.detach().contiguous()?, op)
}

struct Op<P> {
    n: f64,
    wants_gradient: bool,
    gradient: Mutex<Option<Tensor>>,
    loss: PhantomData<P>,
}

impl<P: Pointwise> Op<P> {
    fn forward<T: Real>(
        &self,
        prediction: &[T],
        target: &[T],
        shape: &Shape,
    ) -> Result<CpuStorage> {
        let share = T::from_f64(1.0 / self.n);
        let (sum, gradient) = kernel::map2_and_sum(
            prediction,
            target,
            #[inline(always)]
            |prediction, target| {
                let (value, slope) = P::value_and_slope(prediction, target);
                (value, slope * share)
            },
        );
        if self.wants_gradient
            && let Ok(mut slot) = self.gradient.lock()
        {
            *slot = Some(Tensor::from_vec(gradient, shape.clone(), &Device::Cpu)?);
        }
        Ok(T::to_cpu_storage_owned(vec![T::from_f64(sum / self.n)]))
    }
}

impl<P: Pointwise> CustomOp2 for Op<P> {
    fn name(&self) -> &'static str {
        P::NAME
    }

    fn cpu_fwd(
        &self,
        prediction: &CpuStorage,
        layout: &Layout,
        target: &CpuStorage,
        target_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
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
            other => bail!("{}: found type {other:?}, wanted f32 or f64", P::NAME),
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
        let gradient = match self.gradient.lock() {
            Ok(gradient) => gradient.clone(),
            Err(_) => None,
        };
        match gradient {
            Some(gradient) => Ok((Some(scaled(&gradient, upstream)?), None)),
            None => bail!(
                "{}: nothing had a gradient to compute in the forward pass",
                P::NAME
            ),
        }
    }
}
