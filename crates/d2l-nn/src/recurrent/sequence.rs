//! All steps of one layer and direction as one operation on the CPU, and its definition.
//!
//! Rows of a batch don't depend on each other, forward or backward, so groups of rows go through all steps on one
//! thread each. A step is one product with weights that were packed once, into the memory of the gates, and one pass
//! over them. Going back, the gradients of the gates take the place of the gates; when all steps are done, the
//! gradient of a weight is a single product over all rows of all steps.

use std::any::Any;
use std::sync::{Arc, Mutex};

use candle_core::{
    CpuStorage, CustomOp1, CustomOp3, DType, Device, Layout, Module, Result, Shape, Tensor, bail,
};

use super::cell::{Cell, Definition, State};
use super::rows::{Inputs, Sizes};
use super::steps::{Kept, Steps};
use crate::Linear;
use crate::kernel::{self, Real};
use crate::node;

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
        return composed(cell, x, parameters, past, reverse);
    }
    let (_, hidden) = parameters.w_hh.dims2()?;
    let mut all = vec![
        parameters.w_ih.flatten_all()?,
        parameters.w_hh.flatten_all()?,
        parameters.bias.clone(),
    ];
    all.extend(parameters.further.clone());
    let parameters = Tensor::cat(&all, 0)?;
    let state = match &past.c {
        Some(c) => Tensor::cat(&[past.h.flatten_all()?, c.flatten_all()?], 0)?,
        None => past.h.flatten_all()?.contiguous()?,
    };
    let x = x.contiguous()?;
    let shared = Arc::new(Shared::default());
    let op = Sequence {
        steps: Steps {
            cell,
            reverse,
            hidden,
        },
        tracked: x.track_op() || parameters.track_op() || state.track_op(),
        shared: shared.clone(),
    };
    let y = node::apply3(op, [x, parameters, state])?;
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

/// The definition in candle's own operations: the reference of the kernel, and what other devices run.
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
            None => parameters.bias.clone(), // never looked at
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
    /// ∂l/∂c after the last step, where l depends on it.
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

/// x `[T, B, I]`, all parameters in a row and the state (h, c) in a row to the outputs `[T, B, H]`.
struct Sequence<C> {
    steps: Steps<C>,
    tracked: bool,
    shared: Arc<Shared>,
}

impl<C: Cell> Sequence<C> {
    fn forward<T: Real>(
        &self,
        sizes: Sizes,
        x: &[T],
        parameters: &[T],
        state: &[T],
    ) -> Result<CpuStorage> {
        let inputs = Inputs::new::<C>(sizes, x, parameters, state)?;
        let (y, last_c, kept) = self.steps.forward(&inputs, self.tracked);
        if C::HAS_CELL {
            put(&self.shared.last_c, T::to_cpu_storage_owned(last_c));
        }
        if let Some(kept) = kept {
            put(&self.shared.kept, Box::new(kept));
        }
        Ok(T::to_cpu_storage_owned(y))
    }

    fn backward<T: Real>(
        &self,
        x: &Tensor,
        parameters: &Tensor,
        state: &Tensor,
        y: &Tensor,
        dy: &Tensor,
    ) -> Result<[Option<Tensor>; 3]> {
        let sizes = Sizes::new::<C>(x.dims(), self.steps.hidden)?;
        let dc = match take(&self.shared.dc) {
            Some(dc) => kernel::read::<T, _>(&dc.contiguous()?, <[T]>::to_vec)?,
            None => vec![
                T::ZERO;
                if C::HAS_CELL {
                    sizes.batch * sizes.hidden
                } else {
                    0
                }
            ],
        };
        let wanted = [x.track_op(), parameters.track_op()];
        let kept = take(&self.shared.kept).and_then(|kept| kept.downcast::<Kept<T>>().ok());
        let gradients = kernel::read_each::<T, _, 5>(
            [x, parameters, state, y, dy],
            |[x, parameters, state, y, dy]| {
                let inputs = Inputs::new::<C>(sizes, x, parameters, state)?;
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
        let tensor =
            |values: Vec<T>, like: &Tensor| Tensor::from_vec(values, like.shape(), &Device::Cpu);
        let dx = gradients.x.map(|dx| tensor(dx, x)).transpose()?;
        let d_parameters = gradients
            .parameters
            .map(|d| tensor(d, parameters))
            .transpose()?;
        let d_state = if state.track_op() {
            Some(tensor(gradients.state, state)?)
        } else {
            None
        };
        Ok([dx, d_parameters, d_state])
    }
}

impl<C: Cell> CustomOp3 for Sequence<C> {
    fn name(&self) -> &'static str {
        C::NAME
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        parameters: &CpuStorage,
        parameters_layout: &Layout,
        state: &CpuStorage,
        state_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        use candle_core::backend::BackendStorage;
        use kernel::elements;
        let sizes = Sizes::new::<C>(x_layout.dims(), self.steps.hidden)?;
        let y = match x.dtype() {
            DType::F32 => self.forward::<f32>(
                sizes,
                elements(x, x_layout)?,
                elements(parameters, parameters_layout)?,
                elements(state, state_layout)?,
            )?,
            DType::F64 => self.forward::<f64>(
                sizes,
                elements(x, x_layout)?,
                elements(parameters, parameters_layout)?,
                elements(state, state_layout)?,
            )?,
            other => bail!("{}: found type {other:?}, wanted f32 or f64", C::NAME),
        };
        Ok((y, Shape::from((sizes.steps, sizes.batch, sizes.hidden))))
    }

    fn bwd(
        &self,
        x: &Tensor,
        parameters: &Tensor,
        state: &Tensor,
        y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let dy = dy.contiguous()?;
        let [dx, d_parameters, d_state] = match x.dtype() {
            DType::F64 => self.backward::<f64>(x, parameters, state, y, &dy)?,
            _ => self.backward::<f32>(x, parameters, state, y, &dy)?,
        };
        Ok((dx, d_parameters, d_state))
    }
}

/// The last c, which [`Sequence`] computed besides its outputs.
///
/// Its gradient goes straight to the backward pass of [`Sequence`], which runs after those of all that depend on the
/// outputs. Had the outputs and c one tensor, taking them apart would cost passes over the gradients of both.
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
        Ok(Some(y.zeros_like()?)) // so that `Sequence` is reached where only c was used
    }
}
