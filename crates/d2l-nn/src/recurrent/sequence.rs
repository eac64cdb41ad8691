//! All time steps of one layer and direction as one operation on the CPU, and its definition.
//!
//! Rows of a batch don't depend on each other, forward or backward, so groups of rows go through all steps on one
//! thread each. A step is one product with weights that were packed once, into the memory of the gates, and one pass
//! over them. Going back, the gradients of the gates take the place of the gates; when all steps are done, the
//! gradient of a weight is a single product over all rows of all steps.

use std::any::Any;
use std::sync::{Arc, Mutex};

use candle_core::backend::BackendStorage;
use candle_core::{
    CpuStorage, CustomOp1, DType, Device, Layout, Module, Result, Shape, Tensor, bail,
};

use super::cell::{Cell, Definition, State};
use super::rows::{INPUTS, Inputs, Sizes};
use super::steps::{Kept, Steps};
use crate::Linear;
use crate::graph;
use crate::kernel::{self, Real, elements};
use crate::node::{self, Operation};

/// The parameters of a layer and direction, as the step uses them.
pub(super) struct Parameters {
    /// `[G·H, I]`
    pub w_ih: Tensor,
    /// `[G·H, H]`
    pub w_hh: Tensor,
    /// `[G·H]`
    pub bias: Tensor,
    /// `[further · H]`
    pub further: Option<Tensor>,
}

impl Parameters {
    /// `f` of each.
    fn each(&self, f: impl Fn(&Tensor) -> Tensor) -> Self {
        Self {
            w_ih: f(&self.w_ih),
            w_hh: f(&self.w_hh),
            bias: f(&self.bias),
            further: self.further.as_ref().map(f),
        }
    }
}

/// Runs `cell` over `x` `[T, B, I]` from the state `past`: outputs `[T, B, H]` and the last state.
pub(super) fn run<C: Cell>(
    cell: C,
    x: &Tensor,
    parameters: &Parameters,
    past: &State,
    reverse: bool,
) -> Result<(Tensor, State)> {
    if x.dtype() != parameters.w_ih.dtype() || past.h.dtype() != x.dtype() {
        bail!(
            "{}: found an input {:?} and a state {:?}, wanted {:?} as the weights",
            C::NAME,
            x.dtype(),
            past.h.dtype(),
            parameters.w_ih.dtype()
        );
    }
    if !(kernel::has_kernel(x) && parameters.w_ih.device().is_cpu()) {
        let parameters = parameters.each(graph::input);
        let past = State {
            h: graph::input(&past.h),
            c: past.c.as_ref().map(graph::input),
        };
        return composed(cell, x, &parameters, &past, reverse);
    }
    let (_, hidden) = parameters.w_hh.dims2()?;
    let none = Tensor::zeros(0, x.dtype(), x.device())?;
    let inputs = [
        x,
        &parameters.w_ih,
        &parameters.w_hh,
        &parameters.bias,
        parameters.further.as_ref().unwrap_or(&none),
        &past.h,
        past.c.as_ref().unwrap_or(&none),
    ];
    let shared = Arc::new(Shared::default());
    let op = Sequence {
        steps: Steps { cell, reverse, hidden },
        tracked: inputs.into_iter().any(graph::tracks),
        shared: shared.clone(),
    };
    let inputs: Result<Vec<Tensor>> = inputs.iter().map(|input| input.contiguous()).collect();
    let y = node::apply(op, inputs?)?;
    let last = if reverse { 0 } else { y.dim(0)? - 1 };
    let c = match &past.c {
        Some(c) => {
            let shape = c.shape().clone();
            Some(node::apply1(LastCell { shape, shared }, y.clone())?)
        }
        None => None,
    };
    let h = y.get(last)?;
    Ok((y, State { h, c }))
}

/// The definition in candle's own operations: the kernel's reference, and what other devices run.
pub(super) fn composed<C: Cell>(
    cell: C,
    x: &Tensor,
    parameters: &Parameters,
    past: &State,
    reverse: bool,
) -> Result<(Tensor, State)> {
    let steps = x.dim(0)?;
    let input = Linear::new(parameters.w_ih.clone(), Some(parameters.bias.clone()))?;
    let gates = input.forward(&x.contiguous()?)?;
    let weights = Definition {
        w_hh: parameters.w_hh.clone(),
        further: match &parameters.further {
            Some(further) => further.clone(),
            None => parameters.bias.clone(), // never read
        },
    };
    let mut state = past.clone();
    let mut outputs = Vec::with_capacity(steps);
    for step in 0..steps {
        let t = if reverse { steps - 1 - step } else { step };
        state = cell.composed(&gates.get(t)?, &state, &weights)?;
        outputs.push(state.h.clone());
    }
    if reverse {
        outputs.reverse();
    }
    Ok((Tensor::stack(&outputs, 0)?, state))
}

/// What the operation hands to its backward pass, and to the operation that returns the last c.
#[derive(Default)]
struct Shared {
    /// A `Kept<T>`; the backward pass consumes it.
    kept: Mutex<Option<Box<dyn Any + Send>>>,
    last_c: Mutex<Option<CpuStorage>>,
    /// ∂l/∂c after the last step, if l depends on it.
    dc: Mutex<Option<Tensor>>,
}

fn put<V>(slot: &Mutex<Option<V>>, value: V) {
    if let Ok(mut slot) = slot.lock() {
        *slot = Some(value);
    }
}

fn take<V>(slot: &Mutex<Option<V>>) -> Option<V> {
    slot.lock().ok()?.take()
}

/// x `[T, B, I]`, parameters and state, as [`Inputs`] has them, to the outputs `[T, B, H]`.
struct Sequence<C> {
    steps: Steps<C>,
    tracked: bool,
    shared: Arc<Shared>,
}

impl<C: Cell> Sequence<C> {
    fn forward<T: Real>(
        &self,
        sizes: Sizes,
        inputs: &[(&CpuStorage, &Layout)],
    ) -> Result<CpuStorage> {
        let slices = inputs
            .iter()
            .map(|(storage, layout)| elements::<T>(storage, layout));
        let slices: Vec<&[T]> = slices.collect::<Result<_>>()?;
        let inputs = Inputs::new::<C>(sizes, node::exactly(&slices)?)?;
        let (y, last_c, kept) = self.steps.forward(&inputs, self.tracked);
        if C::HAS_CELL {
            put(&self.shared.last_c, T::to_cpu_storage_owned(last_c));
        }
        if let Some(kept) = kept {
            put(&self.shared.kept, Box::new(kept));
        }
        Ok(T::to_cpu_storage_owned(y))
    }

    fn gradients<T: Real>(
        &self,
        inputs: &[Tensor],
        y: &Tensor,
        dy: &Tensor,
    ) -> Result<Vec<Option<Tensor>>> {
        let tensors: &[Tensor; INPUTS] = node::exactly(inputs)?;
        let [x, w_ih, w_hh, bias, further, h, c] = tensors;
        let sizes = Sizes::new::<C>(x.dims(), self.steps.hidden)?;
        let dc = match take(&self.shared.dc) {
            Some(dc) => kernel::read::<T, _>(&dc.contiguous()?, <[T]>::to_vec)?,
            None => vec![T::ZERO; c.elem_count()],
        };
        let of_parameters = [w_ih, w_hh, bias, further];
        let wanted = [
            x.track_op(),
            of_parameters.iter().any(|parameter| parameter.track_op()),
        ];
        let kept = take(&self.shared.kept).and_then(|kept| kept.downcast::<Kept<T>>().ok());
        let gradients = kernel::read_each::<T, _, { INPUTS + 2 }>(
            [x, w_ih, w_hh, bias, further, h, c, y, dy],
            |[x, w_ih, w_hh, bias, further, h, c, y, dy]| {
                let inputs = Inputs::new::<C>(sizes, &[x, w_ih, w_hh, bias, further, h, c])?;
                // A second pass over the same graph starts from the beginning.
                let kept = match kept {
                    Some(kept) => Some(*kept),
                    None => self.steps.forward(&inputs, true).2,
                };
                match kept {
                    Some(kept) => Ok(self.steps.backward(&inputs, kept, y, dy, dc, wanted)),
                    None => bail!("{}: nothing was kept for the backward pass", C::NAME),
                }
            },
        )??;
        let of_parameters = match gradients.parameters {
            Some(gradients) => gradients.map(Some),
            None => [const { None }; 4],
        };
        let all = [gradients.x].into_iter().chain(of_parameters);
        let all = all.chain([Some(gradients.h), Some(gradients.c)]);
        let pairs = all.zip(tensors);
        let tensor = |(values, input): (Option<Vec<T>>, &Tensor)| match values {
            Some(values) if input.track_op() => {
                Tensor::from_vec(values, input.shape(), &Device::Cpu).map(Some)
            }
            _ => Ok(None),
        };
        pairs.map(tensor).collect()
    }
}

impl<C: Cell> Operation for Sequence<C> {
    fn name(&self) -> &'static str {
        C::NAME
    }

    fn forward(&self, inputs: &[(&CpuStorage, &Layout)]) -> Result<(CpuStorage, Shape)> {
        let [(x, layout), ..] = node::exactly::<_, INPUTS>(inputs)?;
        let sizes = Sizes::new::<C>(layout.dims(), self.steps.hidden)?;
        let y = match x.dtype() {
            DType::F32 => self.forward::<f32>(sizes, inputs)?,
            DType::F64 => self.forward::<f64>(sizes, inputs)?,
            other => bail!("{}: found type {other:?}, wanted f32 or f64", C::NAME),
        };
        Ok((y, Shape::from((sizes.steps, sizes.batch, sizes.hidden))))
    }

    fn backward(&self, inputs: &[Tensor], y: &Tensor, dy: &Tensor) -> Result<Vec<Option<Tensor>>> {
        let dy = dy.contiguous()?;
        match dy.dtype() {
            DType::F64 => self.gradients::<f64>(inputs, y, &dy),
            _ => self.gradients::<f32>(inputs, y, &dy),
        }
    }
}

/// The last c, which [`Sequence`] computed besides its outputs.
///
/// Its gradient goes straight to the backward pass of [`Sequence`], which runs after everything that depends on the
/// outputs has gone back. If the outputs and c were one tensor, splitting it would cost passes over the gradients of
/// both.
struct LastCell {
    shape: Shape,
    shared: Arc<Shared>,
}

impl CustomOp1 for LastCell {
    fn name(&self) -> &'static str {
        "last-cell"
    }

    fn cpu_fwd(&self, _y: &CpuStorage, _layout: &Layout) -> Result<(CpuStorage, Shape)> {
        match take(&self.shared.last_c) {
            Some(c) => Ok((c, self.shape.clone())),
            None => bail!("lstm: the layer computed no memory"),
        }
    }

    fn bwd(&self, y: &Tensor, _c: &Tensor, dc: &Tensor) -> Result<Option<Tensor>> {
        put(&self.shared.dc, dc.clone());
        Ok(Some(y.zeros_like()?)) // so that `Sequence` is reached if only c was used
    }
}
