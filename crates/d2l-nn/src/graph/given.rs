//! A definition in candle's operations whose gradients are given, not found by candle.
//!
//! Candle goes back through each operation of a definition by itself, and for each it fills a tensor with zeros and adds
//! to it. A normalisation is a dozen operations, and some fifty on the way back; its gradients, written down, are ten.

use candle_core::backend::BackendStorage;
use candle_core::{
    CpuStorage, CudaStorage, CustomOp3, Layout, MetalStorage, Result, Shape, Storage, Tensor, bail,
};

use super::tracks;

/// The gradients with respect to three inputs, as a function of ∂l/∂y.
type Gradients = dyn Fn(&Tensor) -> Result<[Tensor; 3]> + Send + Sync;

/// `y`, as computed from `inputs` without a graph, with these gradients. It is copied once.
pub(crate) fn with_gradients(
    y: Tensor,
    inputs: [&Tensor; 3],
    gradients: impl Fn(&Tensor) -> Result<[Tensor; 3]> + Send + Sync + 'static,
) -> Result<Tensor> {
    if !inputs.into_iter().any(tracks) {
        return Ok(y);
    }
    let [x, second, third] = inputs;
    let y = y.contiguous()?;
    x.apply_op3(second, third, Given { y, gradients: Box::new(gradients) })
}

struct Given {
    y: Tensor,
    gradients: Box<Gradients>,
}

impl CustomOp3 for Given {
    fn name(&self) -> &'static str {
        "given-gradients"
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (storage, layout) = self.y.storage_and_layout();
        match &*storage {
            Storage::Cpu(storage) => Ok((storage.try_clone(layout)?, layout.shape().clone())),
            _ => bail!("found an output on another device than its inputs"),
        }
    }

    fn cuda_fwd(
        &self,
        _: &CudaStorage,
        _: &Layout,
        _: &CudaStorage,
        _: &Layout,
        _: &CudaStorage,
        _: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        let (storage, layout) = self.y.storage_and_layout();
        match &*storage {
            Storage::Cuda(storage) => Ok((storage.try_clone(layout)?, layout.shape().clone())),
            _ => bail!("found an output on another device than its inputs"),
        }
    }

    fn metal_fwd(
        &self,
        _: &MetalStorage,
        _: &Layout,
        _: &MetalStorage,
        _: &Layout,
        _: &MetalStorage,
        _: &Layout,
    ) -> Result<(MetalStorage, Shape)> {
        let (storage, layout) = self.y.storage_and_layout();
        match &*storage {
            Storage::Metal(storage) => Ok((storage.try_clone(layout)?, layout.shape().clone())),
            _ => bail!("found an output on another device than its inputs"),
        }
    }

    fn bwd(
        &self,
        _: &Tensor,
        _: &Tensor,
        _: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let [first, second, third] = (self.gradients)(dy)?;
        Ok((Some(first), Some(second), Some(third)))
    }
}
