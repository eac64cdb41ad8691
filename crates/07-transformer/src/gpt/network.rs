//! The network: embeddings, blocks that look back, and the logits of the next token. Radford et al. 2019, "Language models
//! are unsupervised multitask learners".
//!
//! Tokens and positions are embedded and added. Blocks with a causal mask follow, normalized before each layer. A last
//! normalization and a linear layer give the logits of the next token at every position. GPT-2 has biases in attention
//! and reuses the embedding's weight in the output layer; this network does neither.

use attention::heads::Cache;
use attention::mask::Mask;
use candle_core::{Module, Result, Tensor, bail};
use d2l::nn::{
    Dropout, Embedding, Initializer, LayerNorm, Linear, Mode, Network, ParamStore, embedding,
    layer_norm, linear_no_bias,
};

use crate::block::{Activation, BlockOptions, EPSILON, Norm};
use crate::breaks::{Break, Breaks};
use crate::encoder::{EncoderBlock, encoder_blocks};

/// The size of a [`Gpt`].
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Tokens of the vocabulary.
    pub vocab_size: usize,
    /// Largest number of tokens that it sees.
    pub context: usize,
    /// Numbers per position.
    pub num_hiddens: usize,
    /// Numbers between the two dense layers of a block.
    pub ffn_hiddens: usize,
    /// Heads of each attention layer.
    pub num_heads: usize,
    /// Blocks.
    pub num_layers: usize,
    /// Probability of dropout: on the embedding, on attention weights, and before each sum.
    pub dropout: f64,
}

/// Embeddings, blocks, a normalization and the output layer.
pub struct Gpt {
    context: usize,
    embedding: Embedding,
    position: Option<Embedding>,
    dropout: Dropout,
    blocks: Vec<EncoderBlock>,
    norm: LayerNorm,
    output: Linear,
    mask: Mask<'static>,
}

impl Gpt {
    /// `embedding.weight` `[V, H]`, `position.weight` `[context, H]`, `blocks.…`, `norm.…` and `output.weight` `[V, H]`.
    pub fn new(
        size: Size,
        breaks: Breaks,
        init: &Initializer,
        params: &ParamStore,
    ) -> Result<Self> {
        let (vocab_size, num_hiddens) = (size.vocab_size, size.num_hiddens);
        let vb = params.builder();
        let block = BlockOptions {
            num_hiddens,
            ffn_hiddens: size.ffn_hiddens,
            num_heads: size.num_heads,
            attention_dropout: size.dropout,
            output_dropout: size.dropout,
            ffn_dropout: 0.0,
            ffn_output_dropout: size.dropout,
            norm: Norm::Pre.unless_broken(breaks),
            activation: Activation::Gelu,
            scaled: !breaks.has(Break::NoScale),
        };
        let position = match breaks.has(Break::NoPosition) {
            true => None,
            false => Some(embedding(
                size.context,
                num_hiddens,
                init,
                vb.pp("position"),
            )?),
        };
        Ok(Self {
            context: size.context,
            embedding: embedding(vocab_size, num_hiddens, init, vb.pp("embedding"))?,
            position,
            dropout: Dropout::new(size.dropout, "dropout")?,
            blocks: encoder_blocks(size.num_layers, &block, init, &vb)?,
            norm: layer_norm(num_hiddens, EPSILON, vb.pp("norm"))?,
            output: linear_no_bias(num_hiddens, vocab_size, init, vb.pp("output"))?,
            mask: match breaks.has(Break::NoMask) {
                true => Mask::NONE,
                false => Mask::CAUSAL,
            },
        })
    }

    /// Tokens that it sees at most.
    pub fn context(&self) -> usize {
        self.context
    }

    /// An empty cache for each block.
    pub fn caches(&self) -> Vec<Cache> {
        vec![Cache::default(); self.blocks.len()]
    }

    /// Tokens `[B, T]`, which follow those in the caches, to logits `[B, T, V]`. The tokens are added to the caches.
    /// Without caches, the tokens have no past.
    ///
    /// # Errors
    /// If the context has no room for so many tokens.
    pub fn forward_from(&self, x: &Tensor, caches: &mut [Cache], mode: Mode) -> Result<Tensor> {
        let mut caches = caches.iter_mut();
        let first = caches.as_slice().first().map_or(Ok(0), Cache::len)?;
        let mut h = self.embed(x, first, mode)?;
        for block in &self.blocks {
            h = block.forward(&h, self.mask, caches.next(), mode)?;
        }
        self.logits(&h)
    }

    /// What the model would predict after the embedding and after each block: logits `[B, T, V]` for each.
    /// nostalgebraist 2020, "interpreting GPT: the logit lens".
    pub fn logit_lens(&self, x: &Tensor) -> Result<Vec<Tensor>> {
        let mut h = self.embed(x, 0, Mode::Evaluate)?;
        let mut logits = vec![self.logits(&h)?];
        for block in &self.blocks {
            h = block.forward(&h, self.mask, None, Mode::Evaluate)?;
            logits.push(self.logits(&h)?);
        }
        Ok(logits)
    }

    /// Tokens `[B, T]`, the first of which is at position `first`, to `[B, T, H]`.
    fn embed(&self, x: &Tensor, first: usize, mode: Mode) -> Result<Tensor> {
        let (_, steps) = x.dims2()?;
        let end = first + steps;
        if end > self.context {
            bail!(
                "found {end} tokens, wanted {} at most, which the context has room for",
                self.context
            );
        }
        let mut h = self.embedding.forward(x)?; // [B, T, H]
        if let Some(position) = &self.position {
            let places = Tensor::arange(first as u32, end as u32, x.device())?.unsqueeze(0)?;
            h = h.broadcast_add(&position.forward(&places)?)?; // [1, T, H] for every sequence
        }
        self.dropout.forward_t(&h, mode)
    }

    /// The logits for an output of a block: `[B, T, H] -> [B, T, V]`.
    fn logits(&self, h: &Tensor) -> Result<Tensor> {
        self.output.forward(&self.norm.forward(h)?)
    }
}

impl Network for Gpt {
    /// `[B, T] -> [B, T, V]`: logits of each next token.
    fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        self.forward_from(x, &mut [], mode)
    }
}
