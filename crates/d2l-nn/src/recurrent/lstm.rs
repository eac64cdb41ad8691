//! Long short-term memory. D2L zh 9.2, en 10.1; Hochreiter and Schmidhuber 1997; peepholes: Gers and Schmidhuber 2000.
//!
//! i = σ(W_ii x + W_hi h + b_i), f = σ(W_if x + W_hf h + b_f), g = tanh(W_ig x + W_hg h + b_g),
//! o = σ(W_io x + W_ho h + b_o), c' = f ∘ c + i ∘ g, h' = o ∘ tanh(c')
//!
//! With peepholes, p_i ∘ c and p_f ∘ c are added to the sums of i and f, and p_o ∘ c' to that of o.

use candle_core::{D, Result, Tensor};
use candle_nn::VarBuilder;
use candle_nn::ops::sigmoid;
use d2l_kernels::recurrent::Peepholes;

use super::RecurrentOptions;
use super::cell::{Composed, Definition, State};
use super::stack::Stack;
use crate::{Initializer, Mode};

/// A long short-term memory of `input_size` features and `hidden_size` units, with PyTorch's names, shapes, order of
/// gates (i, f, g, o) and initial values (see the module's docs).
pub fn lstm(
    input_size: usize,
    hidden_size: usize,
    options: RecurrentOptions,
    initializer: &Initializer,
    vb: VarBuilder,
) -> Result<Lstm> {
    with(
        Peepholes(false),
        input_size,
        hidden_size,
        options,
        initializer,
        vb,
    )
}

/// As [`lstm`], with gates that see the memory too: `weight_peephole_l0` `[3 · H]` holds p_i, p_f, p_o. PyTorch has no
/// such layer.
pub fn peephole_lstm(
    input_size: usize,
    hidden_size: usize,
    options: RecurrentOptions,
    initializer: &Initializer,
    vb: VarBuilder,
) -> Result<Lstm> {
    with(
        Peepholes(true),
        input_size,
        hidden_size,
        options,
        initializer,
        vb,
    )
}

fn with(
    peepholes: Peepholes,
    input_size: usize,
    hidden_size: usize,
    options: RecurrentOptions,
    initializer: &Initializer,
    vb: VarBuilder,
) -> Result<Lstm> {
    let sizes = (input_size, hidden_size);
    Ok(Lstm(Stack::new(
        peepholes,
        sizes,
        options,
        initializer,
        vb,
    )?))
}

/// A long short-term memory, as `torch.nn.LSTM`.
#[derive(Clone, Debug)]
pub struct Lstm(Stack<Peepholes>);

impl Lstm {
    /// Takes `[T, B, I]` and, if they are not zero, the initial states h and c, each `[layers · directions, B, H]`.
    /// Returns the outputs of the last layer, `[T, B, directions · H]`, and the final states, shaped as the initial
    /// ones.
    pub fn forward_t(
        &self,
        x: &Tensor,
        state: Option<(&Tensor, &Tensor)>,
        mode: Mode,
    ) -> Result<(Tensor, (Tensor, Tensor))> {
        let (y, h, c) = self
            .0
            .forward(x, state.map(|(h, _)| h), state.map(|(_, c)| c), mode)?;
        match c {
            Some(c) => Ok((y, (h, c))),
            None => candle_core::bail!("lstm: the layers returned no memory"),
        }
    }
}

impl Composed for Peepholes {
    fn composed(&self, gates: &Tensor, past: &State, weights: &Definition) -> Result<State> {
        let gates = (gates + past.h.matmul(&weights.w_hh.t()?)?)?;
        let hidden = past.h.dim(1)?;
        let gate = |i: usize| gates.narrow(D::Minus1, i * hidden, hidden);
        let Some(c) = &past.c else {
            candle_core::bail!("lstm: found no memory");
        };
        let see = |gate: Tensor, i: usize, c: &Tensor| -> Result<Tensor> {
            if !self.0 {
                return Ok(gate);
            }
            gate + c.broadcast_mul(&weights.further.narrow(0, i * hidden, hidden)?)?
        };
        let i = sigmoid(&see(gate(0)?, 0, c)?)?;
        let f = sigmoid(&see(gate(1)?, 1, c)?)?;
        let g = gate(2)?.tanh()?;
        let c = ((f * c)? + (i * g)?)?;
        let o = sigmoid(&see(gate(3)?, 2, &c)?)?;
        let h = (o * c.tanh()?)?;
        Ok(State { h, c: Some(c) })
    }
}
