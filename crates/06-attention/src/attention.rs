//! Attention with the library: weights by a scoring function, and the weighted mean of the values. D2L zh 10.3, en 11.3.
//!
//! f(q) = Σ_i α(q, k_i) v_i,   α(q, k_i) = softmax over the keys that q sees of a(q, k_i)

use candle_core::{Module, Result, Tensor};
use candle_nn::VarBuilder;
use d2l::nn::{
    AttentionOptions, Dropout, Initializer, Linear, Mode, is_observed, linear_no_bias,
    masked_softmax, matmul, report_attention, scaled_dot_product_attention, softmax, tanh,
};

use crate::mask::Mask;

/// Attention with additive scores, a(q, k) = w_v · tanh(W_q q + W_k k). zh 10.3.2, en 11.3.4.
#[derive(Clone, Debug)]
pub struct AdditiveAttention {
    name: String,
    w_q: Linear,
    w_k: Linear,
    w_v: Linear,
    dropout: Dropout,
}

impl AdditiveAttention {
    /// For queries of `d_q` and keys of `d_k` numbers: `w_q.weight` `[H, d_q]`, `w_k.weight` `[H, d_k]` and `w_v.weight`
    /// `[1, H]`. While training, weights are dropped with probability `dropout`.
    pub fn new(
        (d_q, d_k): (usize, usize),
        num_hiddens: usize,
        dropout: f64,
        init: &Initializer,
        vb: VarBuilder,
    ) -> Result<Self> {
        Ok(Self {
            w_q: linear_no_bias(d_q, num_hiddens, init, vb.pp("w_q"))?,
            w_k: linear_no_bias(d_k, num_hiddens, init, vb.pp("w_k"))?,
            w_v: linear_no_bias(num_hiddens, 1, init, vb.pp("w_v"))?,
            dropout: Dropout::new(dropout, vb.pp("dropout").prefix())?,
            name: vb.prefix(),
        })
    }

    /// W_k k for every key: `[B, K, D_k] -> [B, K, H]`. It is the same for all queries.
    pub fn project(&self, keys: &Tensor) -> Result<Tensor> {
        self.w_k.forward(keys)
    }

    /// Queries `[B, Q, D_q]`, keys as [`AdditiveAttention::project`] gives them and values `[B, K, D_v]` to `[B, Q, D_v]`.
    /// A query that sees no key gets zeros.
    pub fn forward(
        &self,
        queries: &Tensor,
        projected_keys: &Tensor,
        values: &Tensor,
        mask: Mask,
        mode: Mode,
    ) -> Result<Tensor> {
        let (batch, num_queries, _) = queries.dims3()?;
        let (_, num_keys, _) = values.dims3()?;
        let q = self.w_q.forward(queries)?.unsqueeze(2)?; // [B, Q, 1, H]
        let features = tanh(&q.broadcast_add(&projected_keys.unsqueeze(1)?)?)?; // [B, Q, K, H]
        let scores = self.w_v.forward(&features)?;
        let scores = scores.reshape((batch, num_queries, num_keys))?; // [B, Q, K]
        let weights = match mask.lens((batch, num_queries), 0, scores.device())? {
            Some(lens) => masked_softmax(&scores, &lens)?,
            None => softmax(&scores, 2)?,
        };
        report_attention(&self.name, &weights);
        matmul(&self.dropout.forward_t(&weights, mode)?, values)
    }
}

/// Attention with scaled dot products as scores, a(q, k) = q · k / √d. It has no parameters. zh 10.3.3, en 11.3.3.
#[derive(Clone, Debug)]
pub struct DotProductAttention {
    name: String,
    dropout: Dropout,
}

impl DotProductAttention {
    /// The layer `name`. While training, weights are dropped with probability `dropout`.
    pub fn new(dropout: f64, name: &str) -> Result<Self> {
        Ok(Self {
            dropout: Dropout::new(dropout, format!("{name}.dropout"))?,
            name: name.to_string(),
        })
    }

    /// Queries `[B, Q, D]`, keys `[B, K, D]` and values `[B, K, D_v]` to `[B, Q, D_v]`, all of one head; or with an axis of
    /// heads after the batch, `[B, N, Q, D]` and so on, to `[B, N, Q, D_v]`. A query that sees no key gets zeros.
    /// `past` keys come before the position of the first query.
    pub fn forward(
        &self,
        queries: &Tensor,
        keys: &Tensor,
        values: &Tensor,
        (mask, past): (Mask, usize),
        mode: Mode,
    ) -> Result<Tensor> {
        if queries.rank() == 3 {
            let [q, k, v] = [queries, keys, values].map(|x| x.unsqueeze(1));
            let output = self.forward(&q?, &k?, &v?, (mask, past), mode)?;
            return output.squeeze(1);
        }
        let (batch, _, num_queries, _) = queries.dims4()?;
        let lens = match past {
            0 => mask.valid_lens.cloned(),
            _ => mask.lens((batch, num_queries), past, queries.device())?,
        };
        let options = AttentionOptions {
            valid_lens: lens.as_ref(),
            causal: mask.causal && past == 0, // after a cache, the lengths say this
            mask: None,
            dropout: Some((&self.dropout, mode)),
            wants_weights: is_observed(),
        };
        let (output, weights) = scaled_dot_product_attention(queries, keys, values, options)?;
        if let Some(weights) = weights {
            report_attention(&self.name, &weights);
        }
        Ok(output)
    }
}
