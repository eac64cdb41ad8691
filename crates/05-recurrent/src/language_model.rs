//! What all models of this chapter are: tokens in, logits of the next token and a state out.
//!
//! D2L zh 8.4 to 8.6, en 9.4 to 9.6.

use candle_core::{Result, Tensor};
use d2l::next_token_loss;
use d2l::nn::{Mode, Network};

use crate::by_hand::Gates;

/// What a model keeps of the tokens that it has read: h of each layer, for an LSTM h and c.
pub type State = Vec<Tensor>;

/// A language model that returns its state.
pub trait Recurrent {
    /// Tokens `[B, T]` and the state before them, or zeros, to logits `[B, T, V]` and the state after them. Row t of the
    /// logits predicts token t + 1.
    fn forward_from(
        &self,
        x: &Tensor,
        state: Option<&[Tensor]>,
        mode: Mode,
    ) -> Result<(Tensor, State)>;

    /// The gates at the time step that reads the tokens `[B]`, from the state before it. A model that doesn't show its
    /// gates has none.
    fn gates_at(&self, _x: &Tensor, _state: Option<&[Tensor]>) -> Result<Gates> {
        Ok(Gates::new())
    }

    /// Tokens and the tokens that follow them, both `[B, T]`, and the state before them to the mean loss and the state
    /// after them. A model whose loss needs no logits computes it in its own way.
    fn loss_from(
        &self,
        [x, y]: [&Tensor; 2],
        state: Option<&[Tensor]>,
        mode: Mode,
    ) -> Result<(Tensor, State)> {
        let (y_hat, state) = self.forward_from(x, state, mode)?;
        Ok((next_token_loss(&y_hat, y)?, state))
    }
}

impl Network for dyn Recurrent + '_ {
    /// `[B, T] -> [B, T, V]`: logits, from a state of zeros.
    fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        Ok(self.forward_from(x, None, mode)?.0)
    }
}
