//! An operation by its definition in candle's operations, for devices without kernels, with its gradients written down.
//!
//! Candle would go back through each operation of a definition by itself, and for each gradient it fills a tensor with
//! zeros and adds to it. On a GPU each of these is a launch. Written down, the gradients are a few launches, and they are
//! handed on as they are.

use candle_core::{Result, Tensor, bail};

use super::apply::record;
use super::no_grad::{input, tracks};
use super::node::GoesBack;
use crate::memory::taken;
use crate::testing::follows_candle;

/// y as `forward` computes it from `inputs`, recorded with these gradients if an input needs one.
///
/// `forward` also returns what the gradients need besides inputs and y.
pub(crate) fn define<const M: usize>(
    name: &'static str,
    inputs: &[&Tensor],
    forward: impl FnOnce(&[Tensor]) -> Result<(Tensor, [Tensor; M])>,
    gradients: impl Fn(Known<M>) -> Result<Vec<Option<Tensor>>> + Send + Sync + 'static,
) -> Result<Tensor> {
    if follows_candle() {
        let inputs: Vec<Tensor> = inputs.iter().map(|x| input(x)).collect();
        return Ok(forward(&inputs)?.0);
    }
    let constants: Vec<Tensor> = inputs.iter().map(|x| x.detach()).collect();
    let (y, kept) = forward(&constants)?;
    if !inputs.iter().any(|x| tracks(x)) {
        return Ok(y);
    }
    let others: Vec<&Tensor> = constants.iter().chain(&kept).collect();
    let (y, shape) = (taken(&y, &others)?, y.shape().clone());
    let inputs = inputs.iter().map(|&x| x.clone()).collect();
    let defined = Defined { name, gradients, kept };
    Ok(record(defined, inputs, (y, shape), std::iter::empty())?.0)
}

/// What the gradients of a definition are computed from. No tensor has a graph.
pub(crate) struct Known<'a, const M: usize> {
    pub inputs: &'a [Tensor],
    wanted: Vec<bool>,
    pub y: &'a Tensor,
    /// ∂l/∂y, contiguous.
    pub dy: &'a Tensor,
    /// What `forward` returned besides y.
    pub kept: &'a [Tensor; M],
}

impl<const M: usize> Known<'_, M> {
    /// `gradient` of the input with this number, if it is wanted. Data want none, and an optional input that isn't there.
    pub fn wanted(
        &self,
        number: usize,
        gradient: impl FnOnce() -> Result<Tensor>,
    ) -> Result<Option<Tensor>> {
        match self.wanted.get(number) {
            Some(true) => gradient().map(Some),
            _ => Ok(None),
        }
    }
}

struct Defined<F, const M: usize> {
    name: &'static str,
    gradients: F,
    kept: [Tensor; M],
}

impl<const M: usize, F> GoesBack for Defined<F, M>
where
    F: Fn(Known<M>) -> Result<Vec<Option<Tensor>>> + Send + Sync,
{
    fn name(&self) -> &'static str {
        self.name
    }

    fn gradients(
        &self,
        inputs: &[Tensor],
        y: &Tensor,
        dys: Vec<Option<Tensor>>,
    ) -> Result<Vec<Option<Tensor>>> {
        let Some(dy) = dys.into_iter().flatten().next() else {
            bail!("{}: found no gradient of its output", self.name);
        };
        let constants: Vec<Tensor> = inputs.iter().map(Tensor::detach).collect();
        (self.gradients)(Known {
            inputs: &constants,
            wanted: inputs.iter().map(Tensor::track_op).collect(),
            y: &y.detach(),
            dy: &dy.detach().contiguous()?,
            kept: &self.kept,
        })
    }
}
