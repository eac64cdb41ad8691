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

use candle_core::{DType, Device, Result, Tensor, bail};

use d2l_kernels::attention::Sizes;

use crate::constants::{positions, zeros_as};
use crate::graph::{self, exactly};
use crate::matmul::with_transposed;
use crate::softmax::over_seen;
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
        return composed(q, k, v, sizes, options);
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
    let mut scores = scaled(&with_transposed(q, k)?, 1.0 / (sizes.d as f64).sqrt())?;
    if let Some(mask) = options.mask.filter(|mask| mask.dtype() != DType::U8) {
        scores = plus(&scores, mask)?;
    }
    let seen = seen(sizes, options, q.device())?;
    let weights = over_seen("attention weights", &scores, seen.as_ref())?;
    let used = match options.dropout {
        Some((dropout, mode)) => dropout.forward_t(&weights, mode)?,
        None => weights.clone(),
    };
    let output = matmul(&used, v)?;
    Ok((output, options.wants_weights.then_some(weights)))
}

/// c x
fn scaled(x: &Tensor, factor: f64) -> Result<Tensor> {
    let forward = |inputs: &[Tensor]| {
        let [x] = exactly(inputs)?;
        Ok(((x * factor)?, []))
    };
    graph::define("scaled", &[x], forward, move |known| {
        Ok(vec![Some((known.dy * factor)?)])
    })
}

/// The scores plus a mask, which gets no gradient; what isn't seen is left out by [`seen`], or -∞ would be added to it.
fn plus(scores: &Tensor, mask: &Tensor) -> Result<Tensor> {
    let mask = mask.detach().broadcast_as(scores.shape())?;
    let finite = mask.gt(f64::NEG_INFINITY)?;
    let mask = finite.where_cond(&mask, &zeros_as(&mask)?)?;
    let forward = |inputs: &[Tensor]| {
        let [scores] = exactly(inputs)?;
        Ok(((scores + &mask)?, []))
    };
    graph::define("masked scores", &[scores], forward, |known| {
        Ok(vec![Some(known.dy.clone())])
    })
}

/// Where a query sees a key: u8, to be broadcast to `[B, heads, Q, K]`; nothing if all see all.
fn seen(sizes: Sizes, options: AttentionOptions, device: &Device) -> Result<Option<Tensor>> {
    let Sizes { batch, queries, keys, .. } = sizes;
    let key = || positions(keys, device)?.reshape((1, 1, 1, keys));
    let mut all: Vec<Tensor> = Vec::new();
    if let Some(lens) = options.valid_lens {
        let per_query = lens.elem_count() / batch;
        let lens = lens.detach().reshape((batch, 1, per_query, 1))?;
        all.push(key()?.broadcast_lt(&lens)?);
    }
    if options.causal {
        let query = positions(queries, device)?.reshape((1, 1, queries, 1))?;
        all.push(key()?.broadcast_le(&query)?);
    }
    if let Some(mask) = options.mask {
        let mask = mask.detach();
        all.push(match mask.dtype() {
            DType::U8 => mask,
            _ => mask.gt(f64::NEG_INFINITY)?,
        });
    }
    let both = |seen: Tensor, other: Tensor| seen.broadcast_mul(&other);
    all.into_iter()
        .map(Ok)
        .reduce(|a, b| both(a?, b?))
        .transpose()
}
