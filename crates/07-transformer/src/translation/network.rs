//! The network: an encoder for the source, a decoder for the target.
//!
//! Both embed tokens as vectors, multiply them by √H, so that they are about as long as the positional encoding, and
//! add this encoding. The encoder's blocks see the whole sentence; the decoder's see the target so far and the
//! encoder's outputs.

use attention::encoder_decoder::{OF_EMBEDDINGS, Sizes, State, Translator};
use attention::heads::Cache;
use attention::mask::Mask;
use attention::position::{MAX_LEN, PositionalEncoding};
use candle_core::{Module, Result, Tensor, bail};
use candle_nn::VarBuilder;
use d2l::nn::{Dropout, Embedding, Initializer, Linear, Mode, ParamStore, embedding, linear};

use super::Evaluation;
use crate::block::{Activation, BlockOptions, Norm};
use crate::breaks::{Break, Breaks};
use crate::decoder::DecoderBlock;
use crate::encoder::{EncoderBlock, encoder_blocks};

/// Tokens as vectors with their positions.
struct Embedded {
    embedding: Embedding,
    position: Position,
    scale: f64,
}

/// What is done to the vectors of tokens.
enum Position {
    /// Their positions are added, and numbers dropped.
    Added(PositionalEncoding),
    /// No positions are added, so a sequence is a set. Numbers are dropped as well.
    Unknown(Dropout),
}

impl Embedded {
    /// `embedding.weight` `[V, H]`.
    fn new(
        vocab_size: usize,
        (num_hiddens, dropout): (usize, f64),
        has_positions: bool,
        vb: &VarBuilder,
    ) -> Result<Self> {
        let at = vb.pp("position");
        Ok(Self {
            embedding: embedding(vocab_size, num_hiddens, &OF_EMBEDDINGS, vb.pp("embedding"))?,
            position: match has_positions {
                true => {
                    Position::Added(PositionalEncoding::new(num_hiddens, MAX_LEN, dropout, at)?)
                }
                false => Position::Unknown(Dropout::new(dropout, at.pp("dropout").prefix())?),
            },
            scale: (num_hiddens as f64).sqrt(),
        })
    }

    /// Tokens `[B, T]`, the first of which is at position `first`, to `[B, T, H]`.
    fn forward(&self, x: &Tensor, first: usize, mode: Mode) -> Result<Tensor> {
        let h = (self.embedding.forward(x)? * self.scale)?;
        match &self.position {
            Position::Added(position) => position.forward(&h, first, mode),
            Position::Unknown(dropout) => dropout.forward_t(&h, mode),
        }
    }
}

/// The Transformer's options besides those of all translation models.
#[derive(Clone, Copy, Debug)]
pub struct Parts {
    /// Numbers between the two dense layers of a block.
    pub ffn_hiddens: usize,
    /// Heads of each attention layer.
    pub num_heads: usize,
    /// How the decoder works outside training.
    pub evaluation: Evaluation,
    /// The parts that are left out.
    pub breaks: Breaks,
}

/// Encoder and decoder.
pub struct Transformer {
    source: Embedded,
    encoder: Vec<EncoderBlock>,
    target: Embedded,
    decoder: Vec<DecoderBlock>,
    dense: Linear,
    causal: bool,
    evaluation: Evaluation,
}

impl Transformer {
    /// `encoder.embedding.weight`, `encoder.blocks.…`, `decoder.embedding.weight`, `decoder.blocks.…` and
    /// `decoder.dense.…`.
    pub fn new(
        sizes: Sizes,
        parts: Parts,
        init: &Initializer,
        params: &ParamStore,
    ) -> Result<Self> {
        let Sizes {
            vocabularies: [source, target],
            num_hiddens,
            num_layers,
            dropout,
        } = sizes;
        let breaks = parts.breaks;
        let block = BlockOptions {
            num_hiddens,
            ffn_hiddens: parts.ffn_hiddens,
            num_heads: parts.num_heads,
            attention_dropout: dropout,
            output_dropout: dropout,
            ffn_dropout: 0.0,
            ffn_output_dropout: dropout,
            norm: Norm::Post.unless_broken(breaks),
            activation: Activation::Relu,
            scaled: !breaks.has(Break::NoScale),
        };
        let (encoder, decoder) = (
            params.builder().pp("encoder"),
            params.builder().pp("decoder"),
        );
        let has_positions = !breaks.has(Break::NoPosition);
        let embedded = |size, vb| Embedded::new(size, (num_hiddens, dropout), has_positions, vb);
        let decoder_block =
            |number| DecoderBlock::new(&block, init, decoder.pp(format!("blocks.{number}")));
        Ok(Self {
            source: embedded(source, &encoder)?,
            encoder: encoder_blocks(num_layers, &block, init, &encoder)?,
            target: embedded(target, &decoder)?,
            decoder: (0..num_layers).map(decoder_block).collect::<Result<_>>()?,
            dense: linear(num_hiddens, target, init, decoder.pp("dense"))?,
            causal: !breaks.has(Break::NoMask),
            evaluation: parts.evaluation,
        })
    }
}

impl Translator for Transformer {
    /// The state keeps the encoder's outputs `[B, S, H]` and the valid lengths `[B]`.
    fn encode(&self, source: &Tensor, valid_lens: &Tensor, mode: Mode) -> Result<State> {
        let mut h = self.source.forward(source, 0, mode)?; // [B, S, H]
        for block in &self.encoder {
            h = block.forward(&h, Mask::valid(valid_lens), None, mode)?;
        }
        Ok(State { encoder: vec![h, valid_lens.clone()], carried: Vec::new() })
    }

    /// The state carries, for each block, keys and values of the target so far.
    fn decode(&self, x: &Tensor, state: State, mode: Mode) -> Result<(Tensor, State)> {
        let [encoded, valid_lens] = &state.encoder[..] else {
            bail!(
                "found {} tensors of an encoder, wanted 2",
                state.encoder.len()
            );
        };
        let mut caches = caches(&state.carried, self.decoder.len())?;
        let past = caches.first().map_or(Ok(0), Cache::len)?;
        let as_the_book = self.evaluation == Evaluation::Book && mode == Mode::Evaluate;
        let first = if as_the_book { 0 } else { past };
        let target = Mask { valid_lens: None, causal: self.causal && !as_the_book };
        let mut h = self.target.forward(x, first, mode)?; // [B, T, H]
        for (block, cache) in self.decoder.iter().zip(&mut caches) {
            let masks = (Mask::valid(valid_lens), target);
            h = block.forward(&h, encoded, masks, cache, mode)?;
        }
        let logits = self.dense.forward(&h)?; // [B, T, V]
        let carried = caches.into_iter().filter_map(|cache| cache.0).flatten();
        let state = State { carried: carried.collect(), encoder: state.encoder };
        Ok((logits, state))
    }
}

/// The caches of `count` blocks: empty, or of keys and values in turn.
fn caches(carried: &[Tensor], count: usize) -> Result<Vec<Cache>> {
    let (pairs, rest) = carried.as_chunks::<2>();
    if !(carried.is_empty() || pairs.len() == count && rest.is_empty()) {
        bail!(
            "found a state of {} tensors, wanted keys and values of {count} blocks or none",
            carried.len()
        );
    }
    let mut caches: Vec<Cache> = pairs
        .iter()
        .cloned()
        .map(|pair| Cache(Some(pair)))
        .collect();
    caches.resize_with(count, Cache::default);
    Ok(caches)
}
