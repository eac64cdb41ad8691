//! All time steps of one layer and direction as one operation on the CPU, and its definition.
//!
//! h_t = cell(W_ih x_t + b, h_{t-1}) for t = 1 … T, or from T to 1
//!
//! The definition computes each step with several operations of candle. The kernel ([`d2l_kernels::recurrent`]) takes
//! groups of a batch's rows through all steps on one thread each, and sums the gradient of a weight in one product at the
//! end. An RNN takes 0.52 of PyTorch's time, a GRU 0.54, an LSTM of 1024 rows 0.52 (one thread; see the README's table).

use std::marker::PhantomData;

use candle_core::{Error, Module, Result, Tensor, bail};
use d2l_kernels::recurrent::{INPUTS, Inputs, Kept, Layer, Sizes};

use super::cell::{Composed, Definition, State};
use crate::graph::{self, Backward, Gradient, Input, Operation, Outputs, exactly};
use crate::kernel::{self, Kernels, Real};
use crate::{Linear, boundary, precision};

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
    fn each(&self, f: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Self> {
        Ok(Self {
            w_ih: f(&self.w_ih)?,
            w_hh: f(&self.w_hh)?,
            bias: f(&self.bias)?,
            further: self.further.as_ref().map(f).transpose()?,
        })
    }
}

/// Runs `cell` over `x` `[T, B, I]` from the state `past`: outputs `[T, B, H]` and the last state.
pub(super) fn run<C: Composed>(
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
    if !precision::narrows(x) {
        return stepped(cell, x, parameters, past, reverse);
    }
    let parameters = parameters.each(precision::narrowed)?;
    let past = past.each(precision::narrowed)?;
    let (y, last) = stepped(cell, &precision::narrowed(x)?, &parameters, &past, reverse)?;
    Ok((precision::widened(&y)?, last.each(precision::widened)?))
}

/// [`run`], by the kernel if there is one.
fn stepped<C: Composed>(
    cell: C,
    x: &Tensor,
    parameters: &Parameters,
    past: &State,
    reverse: bool,
) -> Result<(Tensor, State)> {
    if !(kernel::has_kernel(x) && parameters.w_ih.device().is_cpu()) {
        let input = |x: &Tensor| Ok(graph::input(x));
        let (parameters, past) = (parameters.each(input)?, past.each(input)?);
        let (y, last) = composed(cell, x, &parameters, &past, reverse)?;
        // A decoder calls other layers between two steps; see `boundary`.
        return Ok((boundary(&y)?, last.each(boundary)?));
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
    let layer = Layer { kind: cell.into(), reverse };
    let op = Sequence { layer, hidden, cell: PhantomData::<C> };
    let (y, last_c) = graph::apply_all(op, &inputs)?;
    let h = y.get(if reverse { 0 } else { y.dim(0)? - 1 })?;
    Ok((y, State { h, c: last_c.into_iter().next() }))
}

/// The definition in candle's own operations: the kernel's reference, and what other devices run.
pub(super) fn composed<C: Composed>(
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

/// x `[T, B, I]`, parameters and state, as [`Inputs`] has them, to the outputs `[T, B, H]` and, if the cell has one, the
/// last c `[B, H]`.
struct Sequence<C> {
    layer: Layer,
    hidden: usize,
    cell: PhantomData<C>,
}

impl<C: Composed> Sequence<C> {
    fn inputs<'a, T: Real>(&self, all: &[Input<'a, T>; INPUTS]) -> Result<Inputs<'a, T>> {
        let &[steps, batch, input] = all[0].dims else {
            bail!(
                "{}: found an input of shape {:?}, wanted [steps, batch, features]",
                C::NAME,
                all[0].dims
            );
        };
        let (hidden, gates) = (self.hidden, C::GATES * self.hidden);
        let sizes = Sizes { steps, batch, input, hidden, gates };
        Inputs::new::<C>(sizes, all.map(|input| input.data)).map_err(Error::wrap)
    }
}

impl<C: Composed> Operation for Sequence<C> {
    type Kept<T: Real> = Kept<T>;

    fn name(&self) -> &'static str {
        C::NAME
    }

    fn forward<T: Kernels>(&self, inputs: &[Input<T>], keeps: bool) -> Result<Outputs<T, Kept<T>>> {
        let inputs = self.inputs(exactly(inputs)?)?;
        let (y, last_c, kept) = T::recurrent(self.layer, &inputs, keeps);
        let Sizes { steps, batch, hidden, .. } = inputs.sizes;
        let outputs = Outputs::new(y, (steps, batch, hidden)).keeping(kept);
        Ok(match C::HAS_CELL {
            true => outputs.and(last_c, (batch, hidden)),
            false => outputs,
        })
    }

    fn backward<T: Kernels>(&self, pass: Backward<T, Kept<T>>) -> Result<Vec<Gradient<T>>> {
        let Backward { inputs, y, dy, further, kept, .. } = pass;
        let all: &[Input<T>; INPUTS] = exactly(inputs)?;
        let [x, parameters @ .., _, c] = all;
        let dc = match further {
            [Some(dc)] => dc.to_vec(),
            _ => vec![T::ZERO; c.data.len()],
        };
        let wanted = [
            x.wants_gradient,
            parameters.iter().any(|parameter| parameter.wants_gradient),
        ];
        let inputs = self.inputs(all)?;
        let gradients = T::recurrent_gradients(self.layer, &inputs, kept, [y, dy], dc, wanted);
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
