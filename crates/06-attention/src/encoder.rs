//! The encoder of both recurrent models: tokens as vectors, and layers of gated recurrent units. D2L zh 9.7.1, en 10.7.3.

use candle_core::{Module, Result, Tensor};
use candle_nn::VarBuilder;
use clap::ValueEnum;
use d2l::nn::{
    Embedding, Gru, Mode, RecurrentOptions, Reset, batch_first, block, boundary, concat, embedding,
    gru,
};
use serde::Serialize;

use crate::encoder_decoder::{Initializers, OF_EMBEDDINGS, Sizes, at_time_step};

/// The position after which the decoder's first state is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EncoderEnd {
    /// After the last time step, which is mostly padding, as in the book
    #[default]
    Padding,
    /// After the sentence's own last token
    Word,
}

/// An embedding and gated recurrent units.
pub struct Encoder {
    embedding: Embedding,
    rnn: Gru,
    num_layers: usize,
    end: EncoderEnd,
}

impl Encoder {
    /// `embedding.weight` `[V, H]`, and PyTorch's parameters of GRU layers under `rnn`.
    pub fn new(sizes: Sizes, end: EncoderEnd, init: &Initializers, vb: VarBuilder) -> Result<Self> {
        let h = sizes.num_hiddens;
        Ok(Self {
            embedding: embedding(sizes.vocabularies[0], h, &OF_EMBEDDINGS, vb.pp("embedding"))?,
            rnn: gru_layers(h, sizes, init, vb.pp("rnn"))?,
            num_layers: sizes.num_layers,
            end,
        })
    }

    /// Tokens `[B, T]` and valid lengths `[B]` to the outputs of the last layer `[T, B, H]` and the state of all layers
    /// `[L, B, H]`.
    pub fn forward(
        &self,
        source: &Tensor,
        valid_lens: &Tensor,
        mode: Mode,
    ) -> Result<(Tensor, Tensor)> {
        let x = batch_first(&self.embedding.forward(source)?)?; // [T, B, H]
        match self.end {
            EncoderEnd::Padding => self.rnn.forward_t(&x, None, mode),
            EncoderEnd::Word => self.up_to_the_last_word(&x, valid_lens, mode),
        }
    }

    /// The outputs and states, computed step by step: a sentence that has ended keeps its state.
    fn up_to_the_last_word(
        &self,
        x: &Tensor,
        valid_lens: &Tensor,
        mode: Mode,
    ) -> Result<(Tensor, Tensor)> {
        let (steps, batch, hiddens) = x.dims3()?;
        let mut state = Tensor::zeros((self.num_layers, batch, hiddens), x.dtype(), x.device())?;
        let mut outputs = Vec::with_capacity(steps);
        let outputs = block("encoder.rnn", || {
            for t in 0..steps {
                let mode = at_time_step(mode, t, steps);
                let (output, after) =
                    self.rnn
                        .forward_t(&x.narrow(0, t, 1)?, Some(&state), mode)?;
                let goes_on = valid_lens.gt(t as u32)?.reshape((1, batch, 1))?;
                let goes_on = goes_on.broadcast_as(state.shape())?;
                state = boundary(&goes_on.where_cond(&after, &state)?)?;
                outputs.push(output);
            }
            batch_first(&concat(&outputs.iter().collect::<Vec<_>>(), 0)?)
        })?;
        Ok((batch_first(&outputs)?, state))
    }
}

/// Gated recurrent units for inputs `[T, B, num_inputs]`, in PyTorch's form.
pub(crate) fn gru_layers(
    num_inputs: usize,
    sizes: Sizes,
    init: &Initializers,
    vb: VarBuilder,
) -> Result<Gru> {
    let options = RecurrentOptions {
        num_layers: sizes.num_layers,
        dropout: sizes.dropout,
        ..RecurrentOptions::default()
    };
    let reset = Reset::AfterProduct;
    gru(
        num_inputs,
        sizes.num_hiddens,
        reset,
        options,
        &init.recurrent,
        vb,
    )
}
