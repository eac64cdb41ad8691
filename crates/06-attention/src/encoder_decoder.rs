//! What all translation models have in common: an encoder that reads a sentence, and a decoder that writes one token by
//! token. D2L zh 9.6, en 10.6.

use candle_core::{Result, Tensor};
use d2l::nn::{Initializer, Mode, Step};

/// The state of a decoder.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// The part that stays the same for all tokens: the encoder's outputs, and how many of them count.
    pub encoder: Vec<Tensor>,
    /// The part that changes from token to token: the states of recurrent layers, or the keys and values of the tokens
    /// so far.
    pub carried: Vec<Tensor>,
}

impl State {
    /// The same state without the graph by which it was computed, which would stay in memory with it.
    pub fn detach(&self) -> Self {
        let detached = |tensors: &[Tensor]| tensors.iter().map(Tensor::detach).collect();
        Self {
            encoder: detached(&self.encoder),
            carried: detached(&self.carried),
        }
    }
}

/// A model that translates. The same `decode` learns from whole sentences and writes one token at a time.
pub trait Translator {
    /// Sentences as tokens `[B, T]` and their valid lengths `[B]` to the state that the decoder starts from.
    fn encode(&self, source: &Tensor, valid_lens: &Tensor, mode: Mode) -> Result<State>;

    /// Tokens `[B, T]` and the state before them to logits `[B, T, V]` and the state after them. Row t of the logits
    /// predicts token t + 1.
    fn decode(&self, x: &Tensor, state: State, mode: Mode) -> Result<(Tensor, State)>;

    /// Logits `[B, T, V]` for whole translations, whose tokens but the last are `input` `[B, T]` (teacher forcing). zh 9.7.4,
    /// en 10.7.3.
    fn forward(
        &self,
        source: &Tensor,
        valid_lens: &Tensor,
        input: &Tensor,
        mode: Mode,
    ) -> Result<Tensor> {
        let state = self.encode(source, valid_lens, mode)?;
        Ok(self.decode(input, state, mode)?.0)
    }
}

/// The size of a translation model.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Tokens of the source's and of the target's vocabulary.
    pub vocabularies: [usize; 2],
    /// Numbers of a token's vector, and units of each layer.
    pub num_hiddens: usize,
    /// Layers of the encoder, and of the decoder.
    pub num_layers: usize,
    /// Probability with which a number between layers, or an attention weight, is dropped in training.
    pub dropout: f64,
}

/// PyTorch's initial values for the vectors of tokens, whatever the rule for weights: both editions leave them
/// unchanged.
pub const OF_EMBEDDINGS: Initializer = Initializer::Normal { std: 1.0 };

/// Rules for the initial weights.
#[derive(Clone, Copy, Debug)]
pub struct Initializers {
    /// The rule for recurrent layers.
    pub recurrent: Initializer,
    /// The rule for fully connected layers.
    pub linear: Initializer,
}

/// The mode of time step t, for a layer that is called once for each of `steps` time steps: it drops different numbers
/// each time, as it does if it is called once for all steps.
pub fn at_time_step(mode: Mode, t: usize, steps: usize) -> Mode {
    match mode {
        Mode::Evaluate => Mode::Evaluate,
        Mode::Train(Step { seed, epoch, step }) => {
            Mode::Train(Step { seed, epoch, step: step * steps + t })
        }
    }
}

/// The `N` tensors of a part of a [`State`].
pub fn parts_of<const N: usize>(tensors: &[Tensor]) -> Result<&[Tensor; N]> {
    match tensors.try_into() {
        Ok(parts) => Ok(parts),
        Err(_) => candle_core::bail!("found a state of {} tensors, wanted {N}", tensors.len()),
    }
}
