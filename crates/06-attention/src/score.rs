//! How well a query fits a key: the book's two scoring functions by hand, side by side.
//!
//! D2L zh 10.3.2 and 10.3.3, en 11.3.3 and 11.3.4; Bahdanau et al. 2015, arXiv:1409.0473; Vaswani et al. 2017,
//! arXiv:1706.03762.
//!
//! additive:            a(q, k) = w_v · tanh(W_q q + W_k k)
//!
//! scaled dot product:  a(q, k) = q · k / √d
//!
//! The first has parameters, and queries and keys may have different lengths. The second has none and is one product
//! for all pairs. If the numbers of q and k have mean 0 and variance 1, q · k has the variance d. The root keeps the
//! softmax from saturating, where its gradient vanishes. `cargo run -p attention --example scores` shows both.

use candle_core::{Result, Tensor};

/// The parameters of additive scores, in the form of PyTorch's layers.
#[derive(Clone, Debug)]
pub struct Additive {
    /// W_q, `[H, Q]`
    pub w_q: Tensor,
    /// W_k, `[H, K]`
    pub w_k: Tensor,
    /// w_v, `[1, H]`
    pub w_v: Tensor,
}

impl Additive {
    /// Queries `[B, Q, D_q]` and keys `[B, K, D_k]` to a score for each pair, `[B, Q, K]`.
    pub fn scores(&self, queries: &Tensor, keys: &Tensor) -> Result<Tensor> {
        let q = product(queries, &self.w_q)?.unsqueeze(2)?; // [B, Q, 1, H]
        let k = product(keys, &self.w_k)?.unsqueeze(1)?; // [B, 1, K, H]
        let features = q.broadcast_add(&k)?.tanh()?; // [B, Q, K, H]
        features.broadcast_mul(&self.w_v.squeeze(0)?)?.sum(3) // [B, Q, K]
    }
}

/// Queries `[B, Q, D]` and keys `[B, K, D]` to a score for each pair, `[B, Q, K]`.
pub fn scaled_dot_product_scores(queries: &Tensor, keys: &Tensor) -> Result<Tensor> {
    let (_, _, d) = queries.dims3()?;
    queries.matmul(&keys.t()?.contiguous()?)? / (d as f64).sqrt()
}

/// x Wᵀ at every position: `[B, T, I]` and `[O, I]` to `[B, T, O]`.
pub fn product(x: &Tensor, w: &Tensor) -> Result<Tensor> {
    let (batch, steps, _) = x.dims3()?;
    let rows = x.contiguous()?.flatten_to(1)?;
    rows.matmul(&w.t()?)?.reshape((batch, steps, ()))
}
