//! The simple recurrent layer. D2L zh 8.4-8.6, en 9.4-9.6; Elman 1990.
//!
//! h_t = tanh(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh), or with ReLU in place of tanh.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use super::RecurrentOptions;
use super::cell::{Backward, Cell, Definition, Forward, State};
use super::stack::Stack;
use crate::kernel::{self, Real};
use crate::{Initializer, Mode};

/// The activation function of an [`Rnn`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Nonlinearity {
    /// tanh
    #[default]
    Tanh,
    /// max(x, 0); its gradient at 0 is 0.
    Relu,
}

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

impl Cell for Nonlinearity {
    const NAME: &'static str = "rnn";
    const GATES: usize = 1;
    const KEEPS_MORE: bool = false;
    const KEEPS_GATES: bool = false;
    const HAS_CELL: bool = false;

    fn composed(&self, gates: &Tensor, past: &State, weights: &Definition) -> Result<State> {
        let gates = (gates + past.h.matmul(&weights.w_hh.t()?)?)?;
        let h = match self {
            Self::Tanh => gates.tanh()?,
            Self::Relu => crate::relu(&gates)?,
        };
        Ok(State { h, c: None })
    }

    fn forward<T: Real>(&self, step: Forward<T>) {
        let Forward { rows, hidden, weights, h_before, gates, h, .. } = step;
        weights
            .first
            .add_product(rows, (h_before, hidden), (gates, hidden));
        let (gates, zero) = (&*gates, T::ZERO);
        kernel::wide(
            #[inline(always)]
            || {
                let all = h.iter_mut().zip(gates);
                match self {
                    Self::Tanh => {
                        for (h, &a) in all {
                            *h = a.tanh();
                        }
                    }
                    Self::Relu => {
                        for (h, &a) in all {
                            *h = if a <= zero { zero } else { a };
                        }
                    }
                }
            },
        );
    }

    fn backward<T: Real>(&self, step: Backward<T>) {
        let Backward { rows, hidden, weights, h, dy, gates, dh, .. } = step;
        let (zero, one) = (T::ZERO, T::ONE);
        kernel::wide(
            #[inline(always)]
            || {
                let all = gates.iter_mut().zip(h).zip(dy).zip(dh.iter_mut());
                match self {
                    Self::Tanh => {
                        for (((gate, &h), &dy), dh) in all {
                            *gate = (dy + *dh) * (one - h * h);
                            *dh = zero;
                        }
                    }
                    Self::Relu => {
                        for (((gate, &h), &dy), dh) in all {
                            *gate = if h > zero { dy + *dh } else { zero };
                            *dh = zero;
                        }
                    }
                }
            },
        );
        weights
            .first
            .add_product(rows, (gates, hidden), (dh, hidden));
    }
}
