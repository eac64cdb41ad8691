//! The softmax over a part of each row. D2L zh 10.3.1, en 11.3.2.1.
//!
//! y_k = exp(x_k) / Σ_j exp(x_j) with j over the positions that count; 0 for those that don't

use candle_core::{D, DType, Result, Tensor, bail};
use d2l_kernels::softmax::{Function, Seen};

use super::{gradient, op, value};
use crate::constants::{lowest_as, positions, zeros_as};
use crate::graph::{self, exactly};
use crate::observe::{Sees, report_function};

/// The softmax along the last axis over the positions that count, with zeros elsewhere: `[B, …, K] -> [B, …, K]`.
///
/// `mask` says which positions count:
/// - u32 `[B]`: the number of positions that count in each example, from the first on; the book's `valid_lens`;
/// - u32 `[B, Q]`, for `x` `[B, Q, K]` or `[B, heads, Q, K]`: the same for each query;
/// - u8, broadcast to `x`: the positions where it is 1.
///
/// A row without a position that counts gets zeros, and no gradient. (The book adds -10⁶ instead, which makes such a
/// row uniform over positions that don't count.)
///
/// # Errors
/// If the mask is of another type or does not fit.
pub fn masked_softmax(x: &Tensor, mask: &Tensor) -> Result<Tensor> {
    let dims = x.dims();
    let (Some(&batch), true) = (dims.first(), dims.len() >= 2 && x.elem_count() > 0) else {
        bail!("masked_softmax: found an input {dims:?}, wanted [B, …, K] with elements");
    };
    let fits = match (mask.dtype(), mask.dims()) {
        (DType::U32, &[examples]) => examples == batch,
        (DType::U32, &[examples, queries]) => {
            examples == batch && matches!(dims, [_, q, _] | [_, _, q, _] if *q == queries)
        }
        (DType::U8, _) => mask.broadcast_as(x.shape()).is_ok(),
        _ => false,
    };
    if !fits {
        bail!(
            "masked_softmax: found a mask {:?} {:?} for an input {dims:?}, wanted lengths U32 [B] or [B, Q], or U8 \
             that can be broadcast to the input",
            mask.dims(),
            mask.dtype()
        );
    }
    let mask = mask.detach();
    let y = if crate::kernel::has_kernel(x) {
        by_kernel(x, &mask)?
    } else {
        composed(x, &mask)?
    };
    report_function("masked_softmax", &[x], &y, Sees::All);
    Ok(y)
}

fn by_kernel(x: &Tensor, mask: &Tensor) -> Result<Tensor> {
    let last = x.rank().saturating_sub(1);
    let seen = match mask.dtype() {
        DType::U32 => Seen::Lengths {
            lens: mask.flatten_all()?.to_vec1()?,
            per_query: mask.rank() == 2,
        },
        _ => Seen::Mask(mask.broadcast_as(x.shape())?.flatten_all()?.to_vec1()?),
    };
    op::run(x, last, Function::Softmax, seen)
}

/// The definition in candle's own operations: the kernel's reference, and what other devices run.
pub(super) fn composed(x: &Tensor, mask: &Tensor) -> Result<Tensor> {
    let dims = x.dims();
    let seen = if mask.dtype() == DType::U32 {
        let mut shape = vec![1; dims.len()];
        shape[0] = dims[0];
        if let &[_, queries] = mask.dims() {
            shape[dims.len() - 2] = queries;
        }
        let keys = positions(x.dim(D::Minus1)?, x.device())?;
        keys.broadcast_lt(&mask.reshape(shape)?)?
    } else {
        mask.clone()
    };
    over_seen("masked_softmax", x, Some(&seen))
}

/// The softmax along the last axis over the positions where `seen`, u8 and broadcast to x, is not 0. All others are 0.
pub(crate) fn over_seen(name: &'static str, x: &Tensor, seen: Option<&Tensor>) -> Result<Tensor> {
    let seen = seen.map(|seen| seen.broadcast_as(x.shape())).transpose()?;
    let forward = |inputs: &[Tensor]| {
        let [x] = exactly(inputs)?;
        let last = x.rank() - 1;
        let y = match &seen {
            None => value(x, last, Function::Softmax)?,
            Some(seen) => {
                let x = seen.where_cond(x, &lowest_as(x)?)?;
                let y = value(&x, last, Function::Softmax)?;
                seen.where_cond(&y, &zeros_as(&y)?)? // a row without any position is even by now
            }
        };
        Ok((y, []))
    };
    graph::define(name, &[x], forward, |known| {
        let last = known.y.rank() - 1;
        Ok(vec![Some(gradient(known.y, known.dy, last)?)])
    })
}
