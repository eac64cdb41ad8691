//! The simple recurrent layer. D2L zh 8.4-8.6, en 9.4-9.6; Elman 1990.
//!
//! h_t = tanh(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh), or with ReLU in place of tanh.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use d2l_kernels::recurrent::Nonlinearity;

use super::RecurrentOptions;
use super::cell::{Composed, Definition, State};
use super::stack::Stack;
use crate::{Initializer, Mode};

/// A simple recurrent layer of `input_size` features and `hidden_size` units, with PyTorch's names, shapes and initial
/// values (see the module's docs).
pub fn rnn(
    input_size: usize,
    hidden_size: usize,
    nonlinearity: Nonlinearity,
    options: RecurrentOptions,
    initializer: &Initializer,
    vb: VarBuilder,
) -> Result<Rnn> {
    let sizes = (input_size, hidden_size);
    Ok(Rnn(Stack::new(
        nonlinearity,
        sizes,
        options,
        initializer,
        vb,
    )?))
}

/// A simple recurrent layer, as `torch.nn.RNN`.
#[derive(Clone, Debug)]
pub struct Rnn(Stack<Nonlinearity>);

impl Rnn {
    /// Takes `[T, B, I]` and, if it is not zero, the initial state `[layers · directions, B, H]`. Returns the outputs
    /// of the last layer, `[T, B, directions · H]`, and the final state, shaped as the initial one.
    pub fn forward_t(
        &self,
        x: &Tensor,
        state: Option<&Tensor>,
        mode: Mode,
    ) -> Result<(Tensor, Tensor)> {
        let (y, h, _) = self.0.forward(x, state, None, mode)?;
        Ok((y, h))
    }
}

impl Composed for Nonlinearity {
    fn composed(&self, gates: &Tensor, past: &State, weights: &Definition) -> Result<State> {
        let gates = (gates + past.h.matmul(&weights.w_hh.t()?)?)?;
        let h = match self {
            Self::Tanh => gates.tanh()?,
            Self::Relu => gates.elu(0.0)?, // as the definition of `relu`
        };
        Ok(State { h, c: None })
    }
}
