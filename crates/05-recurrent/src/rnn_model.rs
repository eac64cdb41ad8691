//! The models with the library: a recurrent layer and a dense layer after it.
//!
//! D2L zh 8.6.2, 9.1.3, 9.2.3, en 9.6, 10.1.3, 10.2.5.

use candle_core::{Module, Result, Tensor};
use candle_nn::VarBuilder;
use d2l::nn::{
    Gru, Initializer, Linear, Lstm, Mode, Nonlinearity, ParamStore, RecurrentOptions, Reset, Rnn,
    batch_first, block, gru, linear, lstm, peephole_lstm, rnn,
};
use serde::Serialize;

use crate::language_model::{Recurrent, State};
use crate::structure::Structure;
use crate::vectors::Vectors;

/// Which recurrent layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cell {
    /// With tanh.
    Rnn,
    /// With ReLU in place of tanh.
    RnnRelu,
    /// The reset gate multiplies the product, as in PyTorch.
    Gru,
    /// Without peepholes.
    Lstm,
    /// Long short-term memory with peepholes; PyTorch has no such layer.
    PeepholeLstm,
}

/// Tokens as vectors, recurrent layers, and a dense layer that gives the logits.
pub struct RnnModel {
    vectors: Vectors,
    rnn: Layer,
    linear: Linear,
}

impl RnnModel {
    /// For a vocabulary of this size.
    pub fn new(
        cell: Cell,
        (vocab_size, structure): (usize, Structure),
        initializer: &Initializer,
        params: &ParamStore,
    ) -> Result<Self> {
        let vb = params.builder();
        let Structure { num_hiddens, embedding_dim, .. } = structure;
        let options = RecurrentOptions {
            num_layers: structure.num_layers,
            bidirectional: structure.bidirectional,
            dropout: structure.dropout,
            ..RecurrentOptions::default()
        };
        let directions = if options.bidirectional { 2 } else { 1 };
        let sizes = (embedding_dim.unwrap_or(vocab_size), num_hiddens);
        let outputs = num_hiddens * directions;
        Ok(Self {
            vectors: Vectors::new(vocab_size, embedding_dim, initializer, &vb)?,
            rnn: Layer::new(cell, sizes, options, initializer, vb.pp("rnn"))?,
            linear: linear(outputs, vocab_size, initializer, vb.pp("linear"))?,
        })
    }
}

impl Recurrent for RnnModel {
    fn forward_from(
        &self,
        x: &Tensor,
        state: Option<&[Tensor]>,
        mode: Mode,
    ) -> Result<(Tensor, State)> {
        let (h, state) = self.rnn.forward(&self.vectors.forward(x)?, state, mode)?;
        let o = block("linear", || batch_first(&self.linear.forward(&h)?))?; // [B, T, V]
        Ok((o, state))
    }
}

/// The library's recurrent layers.
pub enum Layer {
    /// h = tanh(…), or max(0, …).
    Rnn(Rnn),
    /// Gated recurrent units.
    Gru(Gru),
    /// Long short-term memory.
    Lstm(Lstm),
}

impl Layer {
    /// `inputs` inputs and `hiddens` hidden units.
    pub fn new(
        cell: Cell,
        (inputs, hiddens): (usize, usize),
        options: RecurrentOptions,
        init: &Initializer,
        vb: VarBuilder,
    ) -> Result<Self> {
        Ok(match cell {
            Cell::Rnn => {
                let tanh = Nonlinearity::Tanh;
                Self::Rnn(rnn(inputs, hiddens, tanh, options, init, vb)?)
            }
            Cell::RnnRelu => {
                let relu = Nonlinearity::Relu;
                Self::Rnn(rnn(inputs, hiddens, relu, options, init, vb)?)
            }
            Cell::Gru => {
                let reset = Reset::AfterProduct;
                Self::Gru(gru(inputs, hiddens, reset, options, init, vb)?)
            }
            Cell::Lstm => Self::Lstm(lstm(inputs, hiddens, options, init, vb)?),
            Cell::PeepholeLstm => Self::Lstm(peephole_lstm(inputs, hiddens, options, init, vb)?),
        })
    }

    /// `[T, B, D] -> [T, B, directions · H]`, and the state after the last time step.
    pub fn forward(
        &self,
        x: &Tensor,
        state: Option<&[Tensor]>,
        mode: Mode,
    ) -> Result<(Tensor, State)> {
        let [h, c] = [0, 1].map(|i| state.and_then(|state| state.get(i)));
        Ok(match self {
            Self::Rnn(layer) => {
                let (y, h) = layer.forward_t(x, h, mode)?;
                (y, vec![h])
            }
            Self::Gru(layer) => {
                let (y, h) = layer.forward_t(x, h, mode)?;
                (y, vec![h])
            }
            Self::Lstm(layer) => {
                let (y, (h, c)) = layer.forward_t(x, h.zip(c), mode)?;
                (y, vec![h, c])
            }
        })
    }
}
