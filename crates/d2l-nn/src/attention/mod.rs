//! Scaled dot-product attention. D2L zh 10.3.3, en 11.3.3; Vaswani et al. 2017, arXiv:1706.03762.
//!
//! O = P V,   P = softmax(Q Kᵀ / √d) along the keys, over the keys that a query may see
//!
//! ∂l/∂V = Pᵀ dO,   dS = P ∘ (dO Vᵀ - Σ dO ∘ O),   ∂l/∂Q = dS K / √d,   ∂l/∂K = dSᵀ Q / √d
//!
//! On the CPU ([`d2l_kernels::attention`]) P is never stored, so that the memory grows with the length, not with its
//! square. The step takes 0.84 of PyTorch's time, a causal one 0.70 (one thread; see the README's table). With dropout,
//! P ∘ M takes the place of P where it is multiplied by V, and dO Vᵀ ∘ M that of dO Vᵀ; M is 0 or 1 / (1 - p), a byte for
//! each weight.

mod heads;
mod op;
#[cfg(test)]
mod tests;

pub use heads::{join_heads, split_heads};

use candle_core::{D, DType, Result, Tensor, bail};

use d2l_kernels::attention::Sizes;

use crate::graph;
use crate::{Dropout, Mode, kernel, matmul, precision};

/// Options of [`scaled_dot_product_attention`]. All given masks apply together. Masks get no gradient.
#[derive(Clone, Copy, Debug, Default)]
pub struct AttentionOptions<'a> {
    /// The number of valid keys, counted from the first: `[B]` or, for each query, `[B, Q]`, u32.
    pub valid_lens: Option<&'a Tensor>,
    /// Whether query i sees only the keys up to i.
    pub causal: bool,
    /// A mask that can be broadcast to `[B, heads, Q, K]`. Of type u8, it is 1 where a query sees a key; of the
    /// queries' type, it is added to the scores (-∞ where a query doesn't see a key).
    pub mask: Option<&'a Tensor>,
    /// Drops weights while training.
    pub dropout: Option<(&'a Dropout, Mode)>,
    /// Whether the weights P are returned too.
    pub wants_weights: bool,
}

/// Attention of queries `[B, heads, Q, d]` to keys `[B, heads, K, d]` with values `[B, heads, K, v]`: outputs
/// `[B, heads, Q, v]` and, if they are wanted, the weights `[B, heads, Q, K]`, before dropout.
///
/// A query that sees no key gets zeros. If weights are wanted, they are stored, and the definition runs.
pub fn scaled_dot_product_attention(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    options: AttentionOptions,
) -> Result<(Tensor, Option<Tensor>)> {
    let name = "scaled_dot_product_attention";
    let (sizes, fit) = match (q.dims(), k.dims(), v.dims()) {
        (&[batch, heads, queries, d], &[kb, kh, keys, kd], &[vb, vh, vk, values]) => (
            Sizes { batch, heads, queries, keys, d, values },
            [kb, kh, kd] == [batch, heads, d] && [vb, vh, vk] == [batch, heads, keys],
        ),
        _ => (Sizes::default(), false),
    };
    if !fit || q.elem_count() == 0 || v.elem_count() == 0 {
        bail!(
            "{name}: found queries {:?}, keys {:?} and values {:?}, wanted [batch, heads, queries, d], \
             [batch, heads, keys, d] and [batch, heads, keys, values], none of them empty",
            q.dims(),
            k.dims(),
            v.dims()
        );
    }
    if q.dtype() != k.dtype() || q.dtype() != v.dtype() {
        bail!(
            "{name}: found queries {:?}, keys {:?} and values {:?}, wanted one type",
            q.dtype(),
            k.dtype(),
            v.dtype()
        );
    }
    if let Some(lens) = options.valid_lens
        && (lens.dtype() != DType::U32
            || (lens.dims() != [sizes.batch] && lens.dims() != [sizes.batch, sizes.queries]))
    {
        bail!(
            "{name}: found valid_lens {:?} {:?}, wanted [{}] or [{}, {}] U32",
            lens.dims(),
            lens.dtype(),
            sizes.batch,
            sizes.batch,
            sizes.queries
        );
    }
    if let Some(mask) = options.mask
        && mask.dtype() != DType::U8
        && mask.dtype() != q.dtype()
    {
        bail!(
            "{name}: found a mask {:?}, wanted U8 or {:?}",
            mask.dtype(),
            q.dtype()
        );
    }
    // In 16 bits the two products round, and the softmax between them doesn't.
    if options.wants_weights || !kernel::has_kernel(q) || precision::narrows(q) {
        let [q, k, v] = [q, k, v].map(graph::input);
        return composed(&q, &k, &v, sizes, options);
    }
    Ok((op::run(q, k, v, sizes, options)?, None))
}

/// The mask as numbers to add to the scores: a mask of ones and zeros becomes 0 and -∞.
fn additive(mask: &Tensor, dtype: DType) -> Result<Tensor> {
    let mask = mask.detach();
    if mask.dtype() != DType::U8 {
        return Ok(mask);
    }
    let seen = Tensor::zeros(mask.shape(), dtype, mask.device())?;
    let hidden = Tensor::full(f32::NEG_INFINITY, mask.shape(), mask.device())?.to_dtype(dtype)?;
    mask.where_cond(&seen, &hidden)
}

/// The definition in candle's own operations: the kernel's reference, and what other devices run.
fn composed(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    sizes: Sizes,
    options: AttentionOptions,
) -> Result<(Tensor, Option<Tensor>)> {
    let Sizes { batch, heads, queries, keys, d, .. } = sizes;
    let (dtype, device) = (q.dtype(), q.device());
    let shape = (batch, heads, queries, keys);
    let mut scores = (matmul(q, &k.t()?)? * (1.0 / (d as f64).sqrt()))?;
    let mut seen = Tensor::ones(shape, DType::U8, device)?;
    let position = Tensor::arange(0, keys as u32, device)?.reshape((1, 1, 1, keys))?;
    if let Some(lens) = options.valid_lens {
        let per_query = lens.elem_count() / batch;
        let lens = lens.detach().reshape((batch, 1, per_query, 1))?;
        seen = (seen * position.broadcast_lt(&lens)?.broadcast_as(shape)?)?;
    }
    if options.causal {
        let query = Tensor::arange(0, queries as u32, device)?.reshape((1, 1, queries, 1))?;
        seen = (seen * position.broadcast_le(&query)?.broadcast_as(shape)?)?;
    }
    if let Some(mask) = options.mask {
        let mask = additive(mask, dtype)?.broadcast_as(shape)?.contiguous()?;
        let finite = mask.gt(f64::NEG_INFINITY)?;
        scores = (scores + finite.where_cond(&mask, &mask.zeros_like()?)?)?;
        seen = (seen * finite)?;
    }
    // Finite, so that a row without any key contains no ∞ - ∞.
    let lowest = if dtype == DType::F16 { -6e4f32 } else { -1e30 };
    let lowest = Tensor::full(lowest, shape, device)?.to_dtype(dtype)?;
    let scores = seen.where_cond(&scores, &lowest)?;
    let shifted = scores.broadcast_sub(&scores.max_keepdim(D::Minus1)?.detach())?;
    let exponentials = (shifted.exp()? * seen.to_dtype(dtype)?)?;
    let sums = exponentials.sum_keepdim(D::Minus1)?;
    let sums = (&sums + sums.detach().eq(0.0)?.to_dtype(dtype)?)?;
    let weights = exponentials.broadcast_div(&sums)?;
    let used = match options.dropout {
        Some((dropout, mode)) => dropout.forward_t(&weights, mode)?,
        None => weights.clone(),
    };
    let output = matmul(&used, v)?;
    Ok((output, options.wants_weights.then_some(weights)))
}
