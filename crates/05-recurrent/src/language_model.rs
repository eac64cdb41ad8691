//! What all models of this chapter are: tokens in, logits of the next token and a state out.
//!
//! D2L zh 8.4 to 8.6, en 9.4 to 9.6.

use candle_core::{DType, Device, Result, Tensor};
use d2l::nn::{Mode, Network};

/// What a model keeps of the tokens that it has seen: h, and of an LSTM h and c, for each layer.
pub type State = Vec<Tensor>;

/// A language model that hands on its state.
pub trait Recurrent: Network {
    /// Tokens `[B, T]` and the state before them, zeros where there is none, to logits `[B, T, V]` and the state behind
    /// them. Row t of the logits is about token t + 1.
    fn forward(&self, x: &Tensor, state: Option<&[Tensor]>, mode: Mode) -> Result<(Tensor, State)>;
}

/// Each token as a vector with a 1 in its place. D2L zh 8.5.1, en 9.5.2.1.
pub struct OneHot {
    identity: Tensor,
}

impl OneHot {
    /// For a vocabulary of so many tokens.
    pub fn new(vocab_size: usize, dtype: DType, device: &Device) -> Result<Self> {
        Ok(Self {
            identity: Tensor::eye(vocab_size, dtype, device)?,
        })
    }

    /// V
    pub fn vocab_size(&self) -> usize {
        self.identity.dims().first().copied().unwrap_or(0)
    }

    /// `[B, T] -> [T, B, V]`: a recurrent layer takes one step after the other.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (batch, steps) = x.dims2()?;
        let tokens = x.t()?.flatten_all()?;
        let rows = self.identity.index_select(&tokens, 0)?;
        rows.reshape((steps, batch, ())) // [T, B, V]
    }
}

impl<M: Recurrent + ?Sized> Recurrent for Box<M> {
    fn forward(&self, x: &Tensor, state: Option<&[Tensor]>, mode: Mode) -> Result<(Tensor, State)> {
        (**self).forward(x, state, mode)
    }
}
