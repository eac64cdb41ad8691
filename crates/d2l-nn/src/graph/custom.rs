//! Where candle's graph and ours meet: all custom operations that candle is given. [`from_token`] makes an output of one
//! of our nodes a tensor of candle's, [`seed`] starts candle's pass from a tensor, [`with_gradients`] gives a definition in
//! candle's operations gradients that are written down.

use std::sync::Arc;

use candle_core::backend::BackendStorage;
use candle_core::{
    CpuStorage, CudaStorage, CustomOp1, CustomOp3, DType, Device, Layout, MetalStorage, Result,
    Shape, Storage, Tensor, Var, bail,
};

use super::apply::{Once, Values};
use super::node::Output;
use super::tracks;
use super::walk::arrive;

/// An output of a node as a tensor, which to candle comes from a token.
pub(super) fn from_token(output: Arc<Output>, values: Values) -> Result<Tensor> {
    let token = Var::zeros(1, DType::U8, &Device::Cpu)?;
    let values = Once::new(values);
    let tensor = token.apply_op1(FromToken { output: Arc::clone(&output), values })?;
    output.is(&tensor);
    Ok(tensor)
}

/// An output of a recorded operation as candle sees it.
struct FromToken {
    output: Arc<Output>,
    values: Once<Values>,
}

impl CustomOp1 for FromToken {
    fn name(&self) -> &'static str {
        self.output.node.name()
    }

    fn cpu_fwd(&self, _token: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        match self.values.take() {
            Some(values) => Ok(values),
            None => bail!("{}: an output is made once", self.name()),
        }
    }

    fn bwd(&self, _token: &Tensor, y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        arrive(&self.output.node, y, dy)?;
        Ok(None)
    }
}

/// The number 0, whose gradient with respect to `x` is the given tensor.
pub(super) fn seed(x: &Tensor, gradient: Option<&Tensor>) -> Result<Tensor> {
    x.apply_op1(Seed(gradient.cloned()))
}

struct Seed(Option<Tensor>);

impl CustomOp1 for Seed {
    fn name(&self) -> &'static str {
        "seed"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        Ok((CpuStorage::F32(vec![0.0]), Shape::from(1)))
    }

    fn bwd(&self, _x: &Tensor, _y: &Tensor, _dy: &Tensor) -> Result<Option<Tensor>> {
        Ok(self.0.clone())
    }
}

/// The gradients with respect to three inputs, as a function of ∂l/∂y.
type Gradients = dyn Fn(&Tensor) -> Result<[Tensor; 3]> + Send + Sync;

/// `y`, as computed from `inputs` without a graph, with these gradients. It is copied once.
///
/// Candle goes back through each operation of a definition by itself, and for each it fills a tensor with zeros and adds
/// to it. A normalisation is a dozen operations, and some fifty on the way back; its gradients, written down, are ten.
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
