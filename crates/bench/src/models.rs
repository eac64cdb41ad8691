//! Models that the benchmark itself builds from d2l-nn's layers, as in the book.

use anyhow::Result;
use candle_core::{Module, Tensor};
use candle_nn::VarBuilder;
use d2l::nn::{
    AttentionOptions, Initializer, LayerNorm, Linear, Mode, Network, add, join_heads, layer_norm,
    linear, relu, scaled_dot_product_attention, split_heads,
};

/// A pre-norm block of the Transformer's encoder: x + attention(norm1(x)), then x + FFN(norm2(x)), FFN with ReLU.
pub struct EncoderBlock {
    heads: usize,
    norm1: LayerNorm,
    norm2: LayerNorm,
    w_q: Linear,
    w_k: Linear,
    w_v: Linear,
    w_o: Linear,
    dense1: Linear,
    dense2: Linear,
}

impl EncoderBlock {
    /// `[B, T, width]`, with `ffn_width` units between the two dense layers.
    pub fn new(width: usize, heads: usize, ffn_width: usize, vb: VarBuilder) -> Result<Self> {
        let dense = |inputs, outputs, name| {
            linear(inputs, outputs, &Initializer::PytorchDefault, vb.pp(name))
        };
        Ok(Self {
            heads,
            norm1: layer_norm(width, 1e-5, vb.pp("norm1"))?,
            norm2: layer_norm(width, 1e-5, vb.pp("norm2"))?,
            w_q: dense(width, width, "w_q")?,
            w_k: dense(width, width, "w_k")?,
            w_v: dense(width, width, "w_v")?,
            w_o: dense(width, width, "w_o")?,
            dense1: dense(width, ffn_width, "dense1")?,
            dense2: dense(ffn_width, width, "dense2")?,
        })
    }
}

impl Network for EncoderBlock {
    /// `[B, T, H] -> [B, T, H]`
    fn forward(&self, x: &Tensor, _: Mode) -> candle_core::Result<Tensor> {
        let h = self.norm1.forward(x)?;
        let [q, k, v] =
            [&self.w_q, &self.w_k, &self.w_v].map(|w| split_heads(&w.forward(&h)?, self.heads));
        let options = AttentionOptions::default();
        let (mixed, _) = scaled_dot_product_attention(&q?, &k?, &v?, options)?;
        let x = add(x, &self.w_o.forward(&join_heads(&mixed)?)?)?;
        let h = relu(&self.dense1.forward(&self.norm2.forward(&x)?)?)?;
        add(&x, &self.dense2.forward(&h)?)
    }
}

/// A network without dropout: PyTorch would drop other units, and the losses could not agree.
pub struct WithoutDropout<N>(pub N);

impl<N: Network> Network for WithoutDropout<N> {
    fn forward(&self, x: &Tensor, _: Mode) -> candle_core::Result<Tensor> {
        self.0.forward(x, Mode::Evaluate)
    }
}
