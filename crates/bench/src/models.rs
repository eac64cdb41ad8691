//! Models that are measured before their chapters are written: d2l-nn's layers put together as the book does.

use anyhow::Result;
use candle_core::{DType, Module, Tensor};
use d2l::nn::{
    AttentionOptions, Gru, Initializer, LayerNorm, Linear, Lstm, Mode, Network, Nonlinearity,
    ParamStore, RecurrentOptions, Reset, Rnn, gru, layer_norm, linear, lstm, relu, rnn,
    scaled_dot_product_attention,
};

/// The three recurrent layers.
pub enum Recurrent {
    /// With tanh.
    Rnn(Rnn),
    /// As in PyTorch: reset after the product.
    Gru(Gru),
    /// Without peepholes.
    Lstm(Lstm),
}

/// One-hot tokens, a recurrent layer, logits of the next token. D2L zh 8.6, 9.1, 9.2, en 9.6, 10.1, 10.2.
pub struct LanguageModel {
    layer: Recurrent,
    one_hot: Tensor,
    output: Linear,
}

impl LanguageModel {
    /// `layer` is `rnn`, `gru` or `lstm`.
    pub fn new(
        layer: &str,
        vocab_size: usize,
        num_hiddens: usize,
        params: &ParamStore,
    ) -> Result<Self> {
        let (rule, options) = (Initializer::PytorchDefault, RecurrentOptions::default());
        let vb = params.builder();
        let inner = vb.pp("rnn");
        let (inputs, hiddens) = (vocab_size, num_hiddens);
        let layer = match layer {
            "gru" => {
                let reset = Reset::AfterProduct;
                Recurrent::Gru(gru(inputs, hiddens, reset, options, &rule, inner)?)
            }
            "lstm" => Recurrent::Lstm(lstm(inputs, hiddens, options, &rule, inner)?),
            _ => Recurrent::Rnn(rnn(
                inputs,
                hiddens,
                Nonlinearity::Tanh,
                options,
                &rule,
                inner,
            )?),
        };
        Ok(Self {
            layer,
            one_hot: Tensor::eye(vocab_size, DType::F32, vb.device())?,
            output: linear(num_hiddens, vocab_size, &rule, vb.pp("output"))?,
        })
    }
}

impl Network for LanguageModel {
    /// Tokens `[B, T] -> [T · B, V]`: logits.
    fn forward_t(&self, x: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
        let (batch, steps) = x.dims2()?;
        let tokens = x.t()?.flatten_all()?;
        let x = self
            .one_hot
            .index_select(&tokens, 0)?
            .reshape((steps, batch, ()))?;
        let h = match &self.layer {
            Recurrent::Rnn(layer) => layer.forward_t(&x, None, mode)?.0,
            Recurrent::Gru(layer) => layer.forward_t(&x, None, mode)?.0,
            Recurrent::Lstm(layer) => layer.forward_t(&x, None, mode)?.0,
        };
        self.output.forward(&h.flatten_to(1)?)
    }

    fn layers(&self, x: &Tensor) -> candle_core::Result<Vec<(String, Tensor)>> {
        Ok(vec![(
            "output".to_string(),
            self.forward_t(x, Mode::Evaluate)?,
        )])
    }
}

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
    pub fn new(width: usize, heads: usize, ffn_width: usize, params: &ParamStore) -> Result<Self> {
        let vb = params.builder();
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

    /// `[B, T, H] -> [B, heads, T, H / heads]`
    fn split(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let (batch, steps, _) = x.dims3()?;
        x.reshape((batch, steps, self.heads, ()))?.transpose(1, 2)
    }
}

impl Network for EncoderBlock {
    /// `[B, T, H] -> [B, T, H]`
    fn forward_t(&self, x: &Tensor, _: Mode) -> candle_core::Result<Tensor> {
        let h = self.norm1.forward(x)?;
        let [q, k, v] = [&self.w_q, &self.w_k, &self.w_v]
            .map(|w| w.forward(&h).and_then(|projected| self.split(&projected)));
        let options = AttentionOptions::default();
        let (mixed, _) = scaled_dot_product_attention(&q?, &k?, &v?, options)?;
        let joined = mixed.transpose(1, 2)?.reshape(x.shape())?;
        let x = (x + self.w_o.forward(&joined)?)?;
        let h = relu(&self.dense1.forward(&self.norm2.forward(&x)?)?)?;
        &x + self.dense2.forward(&h)?
    }

    fn layers(&self, x: &Tensor) -> candle_core::Result<Vec<(String, Tensor)>> {
        Ok(vec![(
            "output".to_string(),
            self.forward_t(x, Mode::Evaluate)?,
        )])
    }
}

/// A network whose units all stay: PyTorch would drop others, and the losses could not agree.
pub struct WithoutDropout<N>(pub N);

impl<N: Network> Network for WithoutDropout<N> {
    fn forward_t(&self, x: &Tensor, _: Mode) -> candle_core::Result<Tensor> {
        self.0.forward_t(x, Mode::Evaluate)
    }

    fn layers(&self, x: &Tensor) -> candle_core::Result<Vec<(String, Tensor)>> {
        self.0.layers(x)
    }
}
