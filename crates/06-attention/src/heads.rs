//! Multi-head attention: several attentions side by side, each with its own projections. D2L zh 10.5 and 10.6, en 11.5
//! and 11.6; Vaswani et al. 2017, arXiv:1706.03762.
//!
//! h_i = f(W_q^i q, W_k^i k, W_v^i v),   W_o [h_1; …; h_N]
//!
//! All heads' projections are one product: head i has the i-th part of the numbers. If queries, keys and values are the
//! same sequence, this is self-attention.

use candle_core::{Module, Result, Tensor};
use candle_nn::VarBuilder;
use d2l::nn::{
    Initializer, Linear, Mode, block, concat, join_heads, linear, linear_no_bias, split_heads,
};

use crate::attention::DotProductAttention;
use crate::mask::Mask;

/// How many numbers a position has at each place, and the number of heads.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Numbers of a query.
    pub queries: usize,
    /// Numbers of a key.
    pub keys: usize,
    /// Numbers of a value.
    pub values: usize,
    /// Numbers of an output, and of all heads' queries together.
    pub hiddens: usize,
    /// Heads, a divisor of `hiddens`.
    pub heads: usize,
}

impl Sizes {
    /// Self-attention of positions of `hiddens` numbers.
    pub const fn equal(hiddens: usize, heads: usize) -> Self {
        Self {
            queries: hiddens,
            keys: hiddens,
            values: hiddens,
            hiddens,
            heads,
        }
    }
}

/// The projected keys and values of the positions so far, `[B, N, K, d]` each; empty at the start.
#[derive(Clone, Debug, Default)]
pub struct Cache(pub Option<[Tensor; 2]>);

impl Cache {
    /// The number of positions in it.
    pub fn len(&self) -> Result<usize> {
        self.0.as_ref().map_or(Ok(0), |[keys, _]| keys.dim(2))
    }

    /// Whether it holds no position.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Appends keys and values `[B, N, K, d]` and returns all keys and values in the cache.
    fn append(&mut self, keys: Tensor, values: Tensor) -> Result<[Tensor; 2]> {
        let all = match &self.0 {
            None => [keys, values],
            Some([past_keys, past_values]) => [
                concat(&[past_keys, &keys], 2)?,
                concat(&[past_values, &values], 2)?,
            ],
        };
        self.0 = Some(all.clone());
        Ok(all)
    }
}

/// Several attentions with scaled dot products side by side.
#[derive(Clone, Debug)]
pub struct MultiHeadAttention {
    name: String,
    w_q: Linear,
    w_k: Linear,
    w_v: Linear,
    w_o: Linear,
    attention: DotProductAttention,
    heads: usize,
}

impl MultiHeadAttention {
    /// `w_q.weight` `[H, D_q]`, `w_k.weight` `[H, D_k]`, `w_v.weight` `[H, D_v]` and `w_o.weight` `[H, H]`; with `bias`, also
    /// their `.bias` `[H]`. While training, weights are dropped with probability `dropout`.
    ///
    /// # Errors
    /// If the heads don't divide the number of hidden units.
    pub fn new(
        sizes: Sizes,
        dropout: f64,
        bias: bool,
        init: &Initializer,
        vb: VarBuilder,
    ) -> Result<Self> {
        let Sizes { hiddens, heads, .. } = sizes;
        if heads == 0 || hiddens % heads != 0 {
            candle_core::bail!(
                "found {heads} heads for {hiddens} hidden units, wanted a number that divides them"
            );
        }
        let layer = |inputs, name| match bias {
            true => linear(inputs, hiddens, init, vb.pp(name)),
            false => linear_no_bias(inputs, hiddens, init, vb.pp(name)),
        };
        Ok(Self {
            w_q: layer(sizes.queries, "w_q")?,
            w_k: layer(sizes.keys, "w_k")?,
            w_v: layer(sizes.values, "w_v")?,
            w_o: layer(hiddens, "w_o")?,
            attention: DotProductAttention::new(dropout, &vb.prefix())?,
            heads,
            name: vb.prefix(),
        })
    }

    /// Queries `[B, Q, D_q]`, keys `[B, K, D_k]` and values `[B, K, D_v]` to `[B, Q, H]`.
    ///
    /// With a cache, keys and values are appended to it first, and the queries attend to everything in it. A causal
    /// mask counts the positions that were in it before as the past of all queries.
    pub fn forward(
        &self,
        queries: &Tensor,
        keys: &Tensor,
        values: &Tensor,
        mask: Mask,
        cache: Option<&mut Cache>,
        mode: Mode,
    ) -> Result<Tensor> {
        block(&self.name, || {
            let split = |layer: &Linear, x| split_heads(&layer.forward(x)?, self.heads);
            let q = split(&self.w_q, queries)?; // [B, N, Q, d]
            let (k, v) = (split(&self.w_k, keys)?, split(&self.w_v, values)?); // [B, N, K, d]
            let (past, [k, v]) = match cache {
                None => (0, [k, v]),
                Some(cache) => (cache.len()?, cache.append(k, v)?),
            };
            let output = self.attention.forward(&q, &k, &v, (mask, past), mode)?; // [B, N, Q, d]
            self.w_o.forward(&join_heads(&output)?)
        })
    }
}
