//! The parts of a Transformer's blocks: attention, a feed-forward network that sees one position at a time, and a
//! residual path around each of them with a normalization. D2L zh 10.7.2 and 10.7.3, en 11.7.2 and 11.7.3; Vaswani et
//! al. 2017.
//!
//! post-norm: norm(x + drop(f(x))),   pre-norm: x + drop(f(norm(x)))
//!
//! The paper and the book's translator normalize after the sum. GPT-2 and the vision Transformer normalize before the
//! layer. This leaves a path without any normalization from the first block to the last, and the model learns without a
//! warm-up (Xiong et al. 2020, arXiv:2002.04745).

use attention::heads::{Cache, MultiHeadAttention, Sizes};
use attention::mask::Mask;
use candle_core::{Module, Result, Tensor};
use candle_nn::VarBuilder;
use d2l::nn::{
    Dropout, Initializer, LayerNorm, Linear, Mode, Sees, add, block, gelu, layer_norm, linear,
    relu, report_function,
};

use crate::breaks::{Break, Breaks};

/// PyTorch's ε.
pub const EPSILON: f64 = 1e-5;

/// The size of a block, and its parts.
#[derive(Clone, Copy, Debug)]
pub struct BlockOptions {
    /// Numbers per position.
    pub num_hiddens: usize,
    /// Numbers between the two dense layers.
    pub ffn_hiddens: usize,
    /// Heads of each attention layer.
    pub num_heads: usize,
    /// Probability that an attention weight is dropped.
    pub attention_dropout: f64,
    /// Probability that a number of the attention's output is dropped.
    pub output_dropout: f64,
    /// Probability that a number between the two dense layers is dropped.
    pub ffn_dropout: f64,
    /// Probability that a number of the feed-forward network's output is dropped.
    pub ffn_output_dropout: f64,
    /// Where the block normalizes.
    pub norm: Norm,
    /// The function between the two dense layers.
    pub activation: Activation,
    /// Whether scores are divided by √d.
    pub scaled: bool,
}

/// Where a block normalizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Norm {
    /// After the sum, as in the paper.
    Post,
    /// Before the layer, as in GPT-2.
    Pre,
}

impl Norm {
    /// This place, or the other one if `--break` asks for it.
    pub fn unless_broken(self, breaks: Breaks) -> Self {
        match self {
            Self::Post if breaks.has(Break::PreNorm) => Self::Pre,
            Self::Pre if breaks.has(Break::PostNorm) => Self::Post,
            place => place,
        }
    }
}

/// The function between the two layers of a [`FeedForward`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// max(x, 0), as in the paper.
    Relu,
    /// x Φ(x), as in GPT-2 and the vision Transformer.
    Gelu,
}

/// Multi-head attention without biases, whose values are its keys.
#[derive(Clone, Debug)]
pub struct Attention {
    name: String,
    heads: MultiHeadAttention,
    /// √d, if scores are not to be divided by it.
    factor: Option<f64>,
}

impl Attention {
    /// `w_q.weight`, `w_k.weight`, `w_v.weight` and `w_o.weight`, `[H, H]` each.
    pub fn new(options: &BlockOptions, init: &Initializer, vb: VarBuilder) -> Result<Self> {
        let sizes = Sizes::equal(options.num_hiddens, options.num_heads);
        let d = options.num_hiddens as f64 / options.num_heads.max(1) as f64;
        let name = vb.prefix();
        Ok(Self {
            heads: MultiHeadAttention::new(sizes, options.attention_dropout, false, init, vb)?,
            factor: (!options.scaled).then(|| d.sqrt()),
            name,
        })
    }

    /// Queries `[B, Q, H]` and keys `[B, K, H]` to `[B, Q, H]`; see [`MultiHeadAttention::forward`].
    pub fn forward(
        &self,
        queries: &Tensor,
        keys: &Tensor,
        mask: Mask,
        cache: Option<&mut Cache>,
        mode: Mode,
    ) -> Result<Tensor> {
        block(&self.name, || {
            let q = match self.factor {
                None => queries.clone(),
                Some(root) => (queries * root)?, // W_q has no bias, so the scores are √d times as large
            };
            let output = self.heads.forward(&q, keys, keys, mask, cache, mode)?;
            report_function("attention", &[queries, keys], &output, Sees::All);
            Ok(output)
        })
    }
}

/// Two dense layers that see one position at a time: W₂ φ(W₁ x + b₁) + b₂.
#[derive(Clone, Debug)]
pub struct FeedForward {
    name: String,
    dense1: Linear,
    dense2: Linear,
    activation: Activation,
    dropout: Dropout,
}

impl FeedForward {
    /// Parameters of `dense1`, from H numbers to the wider layer, and of `dense2`, back.
    pub fn new(options: &BlockOptions, init: &Initializer, vb: VarBuilder) -> Result<Self> {
        let (outer, inner) = (options.num_hiddens, options.ffn_hiddens);
        Ok(Self {
            dense1: linear(outer, inner, init, vb.pp("dense1"))?,
            dense2: linear(inner, outer, init, vb.pp("dense2"))?,
            activation: options.activation,
            dropout: Dropout::new(options.ffn_dropout, vb.pp("dropout").prefix())?,
            name: vb.prefix(),
        })
    }

    /// `[B, T, H] -> [B, T, H]`
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        block(&self.name, || {
            let h = self.dense1.forward(x)?; // [B, T, ffn]
            let h = match self.activation {
                Activation::Relu => relu(&h)?,
                Activation::Gelu => gelu(&h)?,
            };
            self.dense2.forward(&self.dropout.forward_t(&h, mode)?)
        })
    }
}

/// The residual path around a layer: dropout, sum, normalization.
#[derive(Clone, Debug)]
pub struct AddNorm {
    place: Norm,
    norm: LayerNorm,
    dropout: Dropout,
}

impl AddNorm {
    /// `weight` and `bias` of the normalization, `[H]`. The layer's output is dropped with probability `dropout`.
    pub fn new(options: &BlockOptions, dropout: f64, vb: VarBuilder) -> Result<Self> {
        Ok(Self {
            place: options.norm,
            dropout: Dropout::new(dropout, vb.pp("dropout").prefix())?,
            norm: layer_norm(options.num_hiddens, EPSILON, vb)?,
        })
    }

    /// x and the layer f to `[B, T, H]`.
    pub fn around(
        &self,
        x: &Tensor,
        mode: Mode,
        f: impl FnOnce(&Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        match self.place {
            Norm::Post => {
                let h = self.dropout.forward_t(&f(x)?, mode)?;
                self.norm.forward(&add(x, &h)?)
            }
            Norm::Pre => {
                let h = f(&self.norm.forward(x)?)?;
                add(x, &self.dropout.forward_t(&h, mode)?)
            }
        }
    }
}
