//! Gated recurrent units. D2L zh 9.1, en 10.2; Cho et al. 2014, arXiv:1406.1078.
//!
//! r = σ(W_ir x + W_hr h + b_r), z = σ(W_iz x + W_hz h + b_z), h' = (1 - z) ∘ n + z ∘ h, where
//!
//! n = tanh(W_in x + b_in + r ∘ (W_hn h + b_hn)) in PyTorch: reset after the product, and
//! n = tanh(W_in x + b_in + W_hn (r ∘ h) + b_hn) in the book and the paper: reset before it.
//!
//! With equal weights the two give different numbers; they learn equally well. The first needs one product for all
//! three gates.

use candle_core::{D, Result, Tensor};
use candle_nn::VarBuilder;
use candle_nn::ops::sigmoid;
use d2l_kernels::recurrent::Reset;

use super::RecurrentOptions;
use super::cell::{Composed, Definition, State};
use super::stack::Stack;
use crate::{Initializer, Mode};

/// A layer of gated recurrent units of `input_size` features and `hidden_size` units, with PyTorch's names, shapes,
/// order of gates (r, z, n) and initial values (see the module's docs).
pub fn gru(
    input_size: usize,
    hidden_size: usize,
    reset: Reset,
    options: RecurrentOptions,
    initializer: &Initializer,
    vb: VarBuilder,
) -> Result<Gru> {
    let sizes = (input_size, hidden_size);
    Ok(Gru(Stack::new(reset, sizes, options, initializer, vb)?))
}

/// A layer of gated recurrent units, as `torch.nn.GRU`.
#[derive(Clone, Debug)]
pub struct Gru(Stack<Reset>);

impl Gru {
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

impl Composed for Reset {
    fn composed(&self, gates: &Tensor, past: &State, weights: &Definition) -> Result<State> {
        let (h, hidden) = (&past.h, past.h.dim(1)?);
        let w = weights.w_hh.narrow(0, 0, 2 * hidden)?;
        let w_n = weights.w_hh.narrow(0, 2 * hidden, hidden)?;
        let both = (gates.narrow(D::Minus1, 0, 2 * hidden)? + h.matmul(&w.t()?)?)?;
        let r = sigmoid(&both.narrow(D::Minus1, 0, hidden)?)?;
        let z = sigmoid(&both.narrow(D::Minus1, hidden, hidden)?)?;
        let of_h = match self {
            Self::AfterProduct => (r * h.matmul(&w_n.t()?)?.broadcast_add(&weights.further)?)?,
            Self::BeforeProduct => (r * h)?.matmul(&w_n.t()?)?,
        };
        let n = (gates.narrow(D::Minus1, 2 * hidden, hidden)? + of_h)?.tanh()?;
        let h = (&n + (z * (h - &n)?)?)?;
        Ok(State { h, c: None })
    }
}
