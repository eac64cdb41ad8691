//! Attention while translating, with the library. D2L zh 10.4, en 11.4.

use candle_core::{Module, Result, Tensor};
use d2l::PresetName::{En, Zh};
use d2l::nn::{
    Embedding, Gru, Linear, Mode, ParamStore, batch_first, block, concat, embedding, linear,
};
use d2l::{Preset, Recipe};

use super::Options;
use crate::attention::AdditiveAttention;
use crate::encoder::{Encoder, EncoderEnd, gru_layers};
use crate::encoder_decoder::{
    Initializers, OF_EMBEDDINGS, Sizes, State, Translator, at_time_step, parts_of,
};
use crate::mask::Mask;
use crate::seq2seq::top;
use crate::translation;

const ZH: Recipe = Recipe { epochs: 250, ..translation::ZH };
/// The experiments.
pub const PRESETS: &[Preset<Options>] = &[
    Preset::quick(100, "zh 10.4", translation::QUICK, Options::ZH),
    Preset::new(Zh, "zh 10.4", ZH, Options::ZH),
    Preset::new(En, "en 11.4", translation::EN, Options::EN),
];

/// An encoder of gated recurrent units, and a decoder of them with attention.
pub struct Bahdanau {
    encoder: Encoder,
    embedding: Embedding,
    attention: AdditiveAttention,
    rnn: Gru,
    dense: Linear,
}

impl Bahdanau {
    /// Parameters under `encoder` and `decoder`.
    pub fn new(
        sizes: Sizes,
        end: EncoderEnd,
        init: &Initializers,
        params: &ParamStore,
    ) -> Result<Self> {
        let (h, vocab_size) = (sizes.num_hiddens, sizes.vocabularies[1]);
        let vb = params.builder().pp("decoder");
        Ok(Self {
            encoder: Encoder::new(sizes, end, init, params.builder().pp("encoder"))?,
            embedding: embedding(vocab_size, h, &OF_EMBEDDINGS, vb.pp("embedding"))?,
            attention: AdditiveAttention::new(
                (h, h),
                h,
                sizes.dropout,
                &init.linear,
                vb.pp("attention"),
            )?,
            rnn: gru_layers(2 * h, sizes, init, vb.pp("rnn"))?,
            dense: linear(h, vocab_size, &init.linear, vb.pp("dense"))?,
        })
    }
}

impl Translator for Bahdanau {
    /// The state keeps the encoder's outputs `[B, T, H]`, the keys that are made of them `[B, T, H]` and their valid lengths
    /// `[B]`, and carries the state of all layers `[L, B, H]`.
    fn encode(&self, source: &Tensor, valid_lens: &Tensor, mode: Mode) -> Result<State> {
        let (outputs, h) = self.encoder.forward(source, valid_lens, mode)?;
        let values = batch_first(&outputs)?;
        let keys = self.attention.project(&values)?;
        Ok(State {
            encoder: vec![values, keys, valid_lens.clone()],
            carried: vec![h],
        })
    }

    fn decode(&self, x: &Tensor, state: State, mode: Mode) -> Result<(Tensor, State)> {
        let (_, steps) = x.dims2()?;
        let [values, keys, valid_lens] = parts_of(&state.encoder)?;
        let [h] = parts_of(&state.carried)?;
        let mut h = h.clone();
        let x = batch_first(&self.embedding.forward(x)?)?; // [T, B, H]
        let mask = Mask::valid(valid_lens);
        let logits = block("decoder", || {
            let mut outputs = Vec::with_capacity(steps);
            for t in 0..steps {
                let mode = at_time_step(mode, t, steps);
                let query = top(&h)?.unsqueeze(1)?; // [B, 1, H]
                let context = self.attention.forward(&query, keys, values, mask, mode)?; // [B, 1, H]
                let input = concat(&[&context.squeeze(1)?, &x.get(t)?], 1)?; // [B, 2 H]
                let (output, after) = self.rnn.forward_t(&input.unsqueeze(0)?, Some(&h), mode)?;
                outputs.push(output);
                h = after;
            }
            let outputs = concat(&outputs.iter().collect::<Vec<_>>(), 0)?; // [T, B, H]
            batch_first(&self.dense.forward(&outputs)?) // [B, T, V]
        })?;
        let state = State { carried: vec![h], ..state };
        Ok((logits, state))
    }
}
