//! All time steps of one layer and direction as one operation on the CPU, and its definition.
//!
//! ```text
//!            x_1             x_2             x_3
//!             |               |               |          gates_t = W_ih x_t + b + W_hh h_{t-1}
//!    h_0 -> gates_1 -> h_1 -> gates_2 -> h_2 -> gates_3 -> h_3
//!    c_0 -> ---------- c_1 ------------- c_2 ------------- c_3
//! ```
//!
//! The definition computes each step with several operations of candle. The kernel uses that rows of a batch don't
//! depend on each other, forward or backward: groups of rows go through all steps on one thread each. A step is one
//! product with weights that were packed once, into the memory of the gates, and one pass over them. Going back, the
//! gradients of the gates take the place of the gates; when all steps are done, the gradient of a weight is a single
//! product over all rows of all steps. An RNN takes 0.52 of PyTorch's time, a GRU 0.54, an LSTM of 1024 rows 0.52 (one
//! thread; see the README's table).

use candle_core::{Module, Result, Tensor, bail};

use super::cell::{Cell, Definition, State};
use super::rows::{INPUTS, Inputs, Sizes};
use super::steps::{Kept, Steps};
use crate::Linear;
use crate::graph::{self, Gradient, Input, Operation, Outputs, Upstream, exactly};
use crate::kernel::{self, Real};

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
    let (y, last_c) = graph::apply_all(Steps { cell, reverse, hidden }, &inputs)?;
    let h = y.get(if reverse { 0 } else { y.dim(0)? - 1 })?;
    Ok((y, State { h, c: last_c.into_iter().next() }))
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

/// x `[T, B, I]`, parameters and state, as [`Inputs`] has them, to the outputs `[T, B, H]` and, if the cell has one,
/// the last c `[B, H]`.
impl<C: Cell> Operation for Steps<C> {
    type Kept<T: Real> = Kept<T>;

    fn name(&self) -> &'static str {
        C::NAME
    }

    fn forward<T: Real>(&self, inputs: &[Input<T>], keeps: bool) -> Result<Outputs<T, Kept<T>>> {
        let all: &[Input<T>; INPUTS] = exactly(inputs)?;
        let sizes = Sizes::new::<C>(all[0].dims, self.hidden)?;
        let inputs = Inputs::new::<C>(sizes, all.map(|input| input.data))?;
        let (y, last_c, kept) = self.outputs(&inputs, keeps);
        let Sizes { steps, batch, hidden, .. } = sizes;
        let outputs = Outputs::new(y, (steps, batch, hidden)).keeping(kept);
        Ok(match C::HAS_CELL {
            true => outputs.and(last_c, (batch, hidden)),
            false => outputs,
        })
    }

    fn backward<T: Real>(
        &self,
        inputs: &[Input<T>],
        Upstream { y, dy, further, .. }: Upstream<T>,
        kept: Kept<T>,
    ) -> Result<Vec<Gradient<T>>> {
        let all: &[Input<T>; INPUTS] = exactly(inputs)?;
        let [x, parameters @ .., _, c] = all;
        let sizes = Sizes::new::<C>(x.dims, self.hidden)?;
        let inputs = Inputs::new::<C>(sizes, all.map(|input| input.data))?;
        let dc = match further {
            [Some(dc)] => dc.to_vec(),
            _ => vec![T::ZERO; c.data.len()],
        };
        let wanted = [
            x.wants_gradient,
            parameters.iter().any(|parameter| parameter.wants_gradient),
        ];
        let gradients = self.gradients(&inputs, kept, [y, dy], dc, wanted);
        let of_parameters = match gradients.parameters {
            Some(gradients) => gradients.map(Gradient::New),
            None => [const { Gradient::Unwanted }; 4],
        };
        let of_x = gradients.x.map_or(Gradient::Unwanted, Gradient::New);
        let of_state = [gradients.h, gradients.c].map(Gradient::New);
        let all = [of_x].into_iter().chain(of_parameters).chain(of_state);
        Ok(all.collect())
    }
}
