//! Recurrent layers: [`Rnn`], [`Gru`] and [`Lstm`], stacked, in both directions, with PyTorch's parameters.
//!
//! For layer l and its backward direction `_reverse`, the parameters are `weight_ih_l{l}` `[G·H, I]`,
//! `weight_hh_l{l}` `[G·H, H]`, `bias_ih_l{l}` and `bias_hh_l{l}` `[G·H]`, with H hidden units and G gates, in PyTorch's
//! order. PyTorch draws them all from U(-b, b), b = 1/√H. Other rules see the stacked matrices as they are.
//!
//! On the CPU, a layer and direction is one operation over all steps ([`sequence`]). Reading order: `rnn`, `lstm`,
//! `gru` (the equations), `stack` (layers and directions), `cell` (what they have in common), `sequence`.

mod cell;
mod gradients;
mod gru;
mod lstm;
mod rnn;
mod rows;
mod sequence;
mod stack;
mod steps;
#[cfg(test)]
mod tests;

pub use gru::{Gru, Reset, gru};
pub use lstm::{Lstm, lstm, peephole_lstm};
pub use rnn::{Nonlinearity, Rnn, rnn};

/// How a recurrent layer is built up. The default is PyTorch's: one layer, forward, `[T, B, I]`, with biases.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RecurrentOptions {
    /// Layers, each fed with the outputs of the one before.
    pub num_layers: usize,
    /// Whether each layer also runs from the last step to the first. Its outputs follow those of the first direction.
    pub bidirectional: bool,
    /// Probability that an output of a layer but the last is dropped before the next while training.
    pub dropout: f64,
    /// Whether inputs and outputs are `[B, T, …]`. States are `[layers · directions, B, H]` all the same.
    pub batch_first: bool,
    /// Whether there are biases.
    pub bias: bool,
}

impl Default for RecurrentOptions {
    fn default() -> Self {
        Self {
            num_layers: 1,
            bidirectional: false,
            dropout: 0.0,
            batch_first: false,
            bias: true,
        }
    }
}
