//! Which positions count: the sequence mask, and the softmax over the positions that count, by its definition.
//!
//! D2L zh 9.7.3 and 10.3.1, en 10.7.5 and 11.3.2.1.
//!
//! Sentences of a minibatch are padded to one length. The padding must neither be attended to nor counted. A decoder
//! that learns from whole sentences must not see later tokens either: query t sees only the keys up to t, as if there
//! were no more. So one number for each query is enough: how many keys it sees.

use candle_core::{D, Device, Result, Tensor};

/// Which keys a query sees.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mask<'a> {
    /// How many keys are seen, from the first on: `[B]` or, query by query, `[B, Q]`, u32.
    pub valid_lens: Option<&'a Tensor>,
    /// Whether a query sees no key after its own position. This holds in addition to `valid_lens`.
    pub causal: bool,
}

impl<'a> Mask<'a> {
    /// Every query sees every key.
    pub const NONE: Self = Self { valid_lens: None, causal: false };

    /// A query sees the keys up to its own position.
    pub const CAUSAL: Self = Self { valid_lens: None, causal: true };

    /// A query sees as many keys as `valid_lens` says, `[B]` or `[B, Q]`.
    pub const fn valid(valid_lens: &'a Tensor) -> Self {
        Self { valid_lens: Some(valid_lens), causal: false }
    }

    /// How many keys each query of a batch sees, if `past` keys come before the position of the first query: `[B]` or
    /// `[B, Q]`, or `None` if all queries see all keys.
    pub fn lens(
        &self,
        (batch, queries): (usize, usize),
        past: usize,
        device: &Device,
    ) -> Result<Option<Tensor>> {
        if !self.causal {
            return Ok(self.valid_lens.cloned());
        }
        let (first, last) = (past as u32 + 1, (past + queries) as u32);
        let own = Tensor::arange(first, last + 1, device)?.broadcast_as((batch, queries))?;
        let lens = match self.valid_lens {
            None => own,
            Some(lens) if lens.rank() == 1 => own.broadcast_minimum(&lens.unsqueeze(1)?)?,
            Some(lens) => own.minimum(lens)?,
        };
        Ok(Some(lens.contiguous()?))
    }
}

/// 1 at the first `lens` of `steps` positions, 0 after them: `[…]` u32 to `[…, steps]` u8. zh 9.7.3, en 10.7.5.
pub fn sequence_mask(lens: &Tensor, steps: usize) -> Result<Tensor> {
    let position = Tensor::arange(0, steps as u32, lens.device())?; // [T]
    position.broadcast_lt(&lens.unsqueeze(D::Minus1)?) // […, T]
}

/// The softmax of each query's scores over the keys that it sees, zeros elsewhere: `[B, Q, K]` and `lens` as
/// [`Mask::lens`] gives them to `[B, Q, K]`.
///
/// As in the book, a number far below all scores replaces the scores of hidden keys. If a query sees no key at all, its
/// weights would become uniform; multiplied by the mask, they are zeros.
pub fn masked_softmax(scores: &Tensor, lens: Option<&Tensor>) -> Result<Tensor> {
    const HIDDEN: f64 = -1e6;
    let softmax = |scores: &Tensor| -> Result<Tensor> {
        let shifted = scores.broadcast_sub(&scores.max_keepdim(D::Minus1)?.detach())?;
        let exponentials = shifted.exp()?;
        exponentials.broadcast_div(&exponentials.sum_keepdim(D::Minus1)?)
    };
    let Some(lens) = lens else {
        return softmax(scores);
    };
    let mask = sequence_mask(lens, scores.dim(D::Minus1)?)?; // [B, K] or [B, Q, K]
    let mask = if mask.rank() < scores.rank() {
        mask.unsqueeze(1)?
    } else {
        mask
    };
    let mask = mask.broadcast_as(scores.shape())?.contiguous()?;
    let hidden = (scores.ones_like()? * HIDDEN)?;
    softmax(&mask.where_cond(scores, &hidden)?)? * mask.to_dtype(scores.dtype())?
}
