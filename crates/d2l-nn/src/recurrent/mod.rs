//! Recurrent layers: [`Rnn`], [`Gru`] and [`Lstm`], stacked, in both directions, with PyTorch's parameters.
//!
//! For layer l and its backward direction `_reverse`, the parameters are `weight_ih_l{l}` `[G·H, I]`, `weight_hh_l{l}`
//! `[G·H, H]`, `bias_ih_l{l}` and `bias_hh_l{l}` `[G·H]`, with H hidden units and G gates, in PyTorch's order. PyTorch
//! draws them all from U(-b, b), b = 1/√H. Other rules treat the matrices of all gates as one matrix.
//!
//! On the CPU, a layer and direction is one operation over all time steps ([`sequence`]). Reading order: `rnn`, `lstm`,
//! `gru` (the equations), `stack` (layers and directions), `cell` (what the three have in common), `sequence`.

mod cell;
mod gru;
mod lstm;
mod rnn;
mod sequence;
mod stack;
#[cfg(test)]
mod tests;

pub use d2l_kernels::recurrent::{Nonlinearity, Reset};
pub use gru::{Gru, gru};
pub use lstm::{Lstm, lstm, peephole_lstm};
pub use rnn::{Rnn, rnn};

/// The structure of a recurrent layer. The default is PyTorch's: one layer, forward, `[T, B, I]`, with biases.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RecurrentOptions {
    /// The number of layers. Each takes the outputs of the one before.
    pub num_layers: usize,
    /// Whether each layer also runs from the last time step to the first. These outputs follow those of the forward
    /// direction.
    pub bidirectional: bool,
    /// The probability that dropout drops an output of a layer but the last, in training.
    pub dropout: f64,
    /// Whether inputs and outputs are `[B, T, …]`. States are `[layers · directions, B, H]` in both cases.
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
