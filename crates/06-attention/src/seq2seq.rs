//! Sequence to sequence: one vector holds the whole sentence. D2L zh 9.7, en 10.7; Sutskever et al. 2014, Cho et al. 2014.
//!
//! The encoder's last state starts the decoder. The top layer's part of it, the context c, is joined to every token
//! that the decoder reads: h_t = f(x_t, c, h_{t-1}).

use anyhow::Result;
use candle_core::{Module, Tensor};
use clap::ValueEnum;
use d2l::PresetName::{En, Zh};
use d2l::nn::{
    Embedding, Gru, Linear, Mode, ParamStore, batch_first, block, concat, embedding, linear,
};
use d2l::{Model, Preset, Run};
use serde::Serialize;

use crate::encoder::{Encoder, EncoderEnd, gru_layers};
use crate::encoder_decoder::{Initializers, OF_EMBEDDINGS, Sizes, State, Translator, parts_of};
use crate::translation;

const PRESETS: &[Preset<Options>] = &[
    Preset::quick(100, "zh 9.7", translation::QUICK, Options::QUICK),
    Preset::new(Zh, "zh 9.7", translation::ZH, Options::ZH),
    Preset::new(En, "en 10.7", translation::EN, Options::EN),
];

/// The entry in the chapter's list.
pub fn model() -> Model {
    let about = "Translation by one vector for the whole sentence (D2L zh 9.7, en 10.7)";
    Model::new("seq2seq", about, train, &[], PRESETS)
}

/// The model's options.
#[derive(Clone, Debug, clap::Args, Serialize)]
pub struct Options {
    /// After which position the encoder's state is taken
    #[arg(long, value_enum, help_heading = "Model")]
    pub encoder_end: EncoderEnd,
    /// What the decoder reads beside each token
    #[arg(long, value_enum, help_heading = "Model")]
    pub context: Context,
    /// The options of all translation models.
    #[command(flatten)]
    #[serde(flatten)]
    pub translation: translation::Options,
}

impl Options {
    const QUICK: Self = Self {
        encoder_end: EncoderEnd::Padding,
        context: Context::Encoder,
        translation: translation::Options::ZH,
    };
    const ZH: Self = Self { context: Context::State, ..Self::QUICK };
    const EN: Self = Self { translation: translation::Options::EN, ..Self::QUICK };
}

/// What the decoder reads beside each token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Context {
    /// The encoder's last state
    #[default]
    Encoder,
    /// The top state that the decoder is called with: the encoder's in training, the decoder's own when it writes. The
    /// Chinese edition does this, by mistake (d2l-ai/d2l-en#2134)
    State,
}

fn train(run: &mut Run, options: &Options) -> Result<()> {
    translation::train(run, &options.translation, |sizes, init, params| {
        let model = Seq2Seq::new(sizes, options.encoder_end, options.context, init, params)?;
        Ok(Box::new(model))
    })?;
    Ok(())
}

/// An encoder and a decoder of gated recurrent units.
pub struct Seq2Seq {
    encoder: Encoder,
    embedding: Embedding,
    rnn: Gru,
    dense: Linear,
    context: Context,
}

impl Seq2Seq {
    /// Parameters under `encoder` and `decoder`.
    pub fn new(
        sizes: Sizes,
        end: EncoderEnd,
        context: Context,
        init: &Initializers,
        params: &ParamStore,
    ) -> candle_core::Result<Self> {
        let (h, vocab_size) = (sizes.num_hiddens, sizes.vocabularies[1]);
        let vb = params.builder().pp("decoder");
        Ok(Self {
            encoder: Encoder::new(sizes, end, init, params.builder().pp("encoder"))?,
            embedding: embedding(vocab_size, h, &OF_EMBEDDINGS, vb.pp("embedding"))?,
            rnn: gru_layers(2 * h, sizes, init, vb.pp("rnn"))?,
            dense: linear(h, vocab_size, &init.linear, vb.pp("dense"))?,
            context,
        })
    }
}

impl Translator for Seq2Seq {
    /// The state keeps the context `[B, H]` and carries the state of all layers `[L, B, H]`.
    fn encode(
        &self,
        source: &Tensor,
        valid_lens: &Tensor,
        mode: Mode,
    ) -> candle_core::Result<State> {
        let (_, h) = self.encoder.forward(source, valid_lens, mode)?;
        Ok(State { encoder: vec![top(&h)?], carried: vec![h] })
    }

    fn decode(&self, x: &Tensor, state: State, mode: Mode) -> candle_core::Result<(Tensor, State)> {
        let [h] = parts_of(&state.carried)?;
        let context = match (self.context, parts_of(&state.encoder)?) {
            (Context::Encoder, [context]) => context.clone(),
            (Context::State, _) => top(h)?,
        };
        let x = batch_first(&self.embedding.forward(x)?)?; // [T, B, H]
        let context = context.broadcast_as(x.shape())?.contiguous()?;
        let x = concat(&[&x, &context], 2)?; // [T, B, 2 H]
        let (outputs, h) = self.rnn.forward_t(&x, Some(h), mode)?;
        let logits = block("decoder.dense", || {
            batch_first(&self.dense.forward(&outputs)?)
        })?; // [B, T, V]
        let state = State { carried: vec![h], ..state };
        Ok((logits, state))
    }
}

/// The last layer's part of a state: `[L, B, H] -> [B, H]`
pub(crate) fn top(h: &Tensor) -> candle_core::Result<Tensor> {
    h.get(h.dim(0)?.saturating_sub(1))
}
