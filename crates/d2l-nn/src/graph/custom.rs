//! Where candle's graph and ours meet: all custom operations that candle is given. [`from_token`] makes an output of one
//! of our nodes a tensor of candle's, [`seed`] starts candle's pass from a tensor.

use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{
    CpuStorage, CudaStorage, CustomOp1, DType, Device, Layout, MetalStorage, Result, Shape,
    Storage, Tensor, Var, bail,
};

use super::apply::{Once, Values};
use super::node::Output;
use super::walk::arrive;
use crate::memory::{elsewhere, unread};

/// An output of a node as a tensor, which to candle comes from a token.
pub(super) fn from_token(output: Arc<Output>, values: Values) -> Result<Tensor> {
    let token = token(&values.0.device())?;
    let values = Once::new(values);
    let tensor = token.apply_op1(FromToken { output: Arc::clone(&output), values })?;
    output.is(&tensor);
    Ok(tensor)
}

/// The variable that the outputs on `device` come from. It never gets a gradient, so that one is enough.
fn token(device: &Device) -> Result<Var> {
    static TOKENS: Mutex<Vec<Var>> = Mutex::new(Vec::new());
    // Each change is one call: no thread leaves it half done.
    let mut tokens = TOKENS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(token) = tokens
        .iter()
        .find(|token| token.device().same_device(device))
    {
        return Ok(token.clone());
    }
    let token = Var::zeros(1, DType::U8, device)?;
    tokens.push(token.clone());
    Ok(token)
}

/// An output of a recorded operation as candle sees it.
struct FromToken {
    output: Arc<Output>,
    values: Once<Values>,
}

impl FromToken {
    fn take(&self) -> Result<Values> {
        match self.values.take() {
            Some(values) => Ok(values),
            None => bail!("{}: an output is made once", self.output.node.name()),
        }
    }
}

impl CustomOp1 for FromToken {
    fn name(&self) -> &'static str {
        "output"
    }

    fn cpu_fwd(&self, _token: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        match self.take()? {
            (Storage::Cpu(values), shape) => Ok((values, shape)),
            _ => elsewhere(),
        }
    }

    fn cuda_fwd(&self, _token: &CudaStorage, _: &Layout) -> Result<(CudaStorage, Shape)> {
        match self.take()? {
            (Storage::Cuda(values), shape) => Ok((values, shape)),
            _ => elsewhere(),
        }
    }

    fn metal_fwd(&self, _token: &MetalStorage, _: &Layout) -> Result<(MetalStorage, Shape)> {
        match self.take()? {
            (Storage::Metal(values), shape) => Ok((values, shape)),
            _ => elsewhere(),
        }
    }

    fn bwd(&self, _token: &Tensor, y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        arrive(&self.output.node, y, dy)?;
        Ok(None)
    }
}

/// A number whose gradient with respect to `x` is the given tensor.
pub(super) fn seed(x: &Tensor, gradient: Option<&Tensor>) -> Result<Tensor> {
    x.apply_op1(Seed(gradient.cloned()))
}

struct Seed(Option<Tensor>);

impl CustomOp1 for Seed {
    fn name(&self) -> &'static str {
        "seed"
    }

    fn cpu_fwd(&self, x: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        Ok((unread(x, DType::F32)?, Shape::from(1)))
    }

    fn cuda_fwd(&self, x: &CudaStorage, _: &Layout) -> Result<(CudaStorage, Shape)> {
        Ok((unread(x, DType::F32)?, Shape::from(1)))
    }

    fn metal_fwd(&self, x: &MetalStorage, _: &Layout) -> Result<(MetalStorage, Shape)> {
        Ok((unread(x, DType::F32)?, Shape::from(1)))
    }

    fn bwd(&self, _x: &Tensor, _y: &Tensor, _dy: &Tensor) -> Result<Option<Tensor>> {
        Ok(self.0.clone())
    }
}
