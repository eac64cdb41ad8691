//! Softmax and log-softmax along any axis. D2L zh 3.4.4 and 3.6.2, en 4.1.1 and 4.4.1.
//!
//! y_k = exp(x_k - m) / Σ_j exp(x_j - m),   m = max x,   ∂l/∂x = y ∘ (dy - Σ_k y_k dy_k)
//!
//! log y_k = x_k - m - log Σ_j exp(x_j - m),   ∂l/∂x = dy - y Σ_k dy_k
//!
//! The largest entry is subtracted first, so that no finite number overflows.

mod masked;
mod op;
#[cfg(test)]
mod tests;

pub use masked::masked_softmax;
pub(crate) use masked::over_seen;

use candle_core::shape::Dim;
use candle_core::{Result, Tensor, bail};
use d2l_kernels::softmax::{Function, Seen};

use crate::graph::{self, exactly};
use crate::observe::{Sees, report_function};

/// The exponentials of `x` divided by their sum along `axis`: any shape to the same shape. An axis can be counted from
/// the end, `D::Minus1`.
///
/// If all entries along the axis are -∞, the result is NaN, as in PyTorch; see [`masked_softmax`].
///
/// # Errors
/// If `x` has no such axis or no elements.
pub fn softmax(x: &Tensor, axis: impl Dim) -> Result<Tensor> {
    along(x, axis, Function::Softmax)
}

/// The logarithm of the softmax of `x` along `axis`, computed without the softmax itself, so that small probabilities
/// keep their logarithms: any shape to the same shape.
///
/// # Errors
/// If `x` has no such axis or no elements.
pub fn log_softmax(x: &Tensor, axis: impl Dim) -> Result<Tensor> {
    along(x, axis, Function::LogSoftmax)
}

fn along(x: &Tensor, axis: impl Dim, function: Function) -> Result<Tensor> {
    let name = function.name();
    let axis = axis.to_index(x.shape(), name)?;
    if x.elem_count() == 0 {
        bail!(
            "{name}: found an input {:?}, wanted one with elements",
            x.dims()
        );
    }
    let y = if crate::kernel::has_kernel(x) {
        op::run(x, axis, function, Seen::All)?
    } else {
        composed(x, axis, function)?
    };
    report_function(name, &[x], &y, Sees::All);
    Ok(y)
}

/// The definition in candle's own operations: the kernel's reference, and what other devices run.
fn composed(x: &Tensor, axis: usize, function: Function) -> Result<Tensor> {
    let forward = |inputs: &[Tensor]| {
        let [x] = exactly(inputs)?;
        Ok((value(x, axis, function)?, []))
    };
    graph::define(function.name(), &[x], forward, move |known| {
        let (y, dy) = (known.y, known.dy);
        let dx = match function {
            Function::Softmax => gradient(y, dy, axis)?,
            Function::LogSoftmax => (dy - y.exp()?.broadcast_mul(&dy.sum_keepdim(axis)?)?)?,
        };
        Ok(vec![Some(dx)])
    })
}

fn value(x: &Tensor, axis: usize, function: Function) -> Result<Tensor> {
    let is_last = axis + 1 == x.rank();
    if is_last && matches!(function, Function::Softmax) && !x.track_op() {
        return candle_nn::ops::softmax_last_dim(&x.contiguous()?); // the same in one launch
    }
    let shifted = x.broadcast_sub(&x.max_keepdim(axis)?.detach())?;
    let exponentials = shifted.exp()?;
    let sums = exponentials.sum_keepdim(axis)?;
    match function {
        Function::Softmax => exponentials.broadcast_div(&sums),
        Function::LogSoftmax => shifted.broadcast_sub(&sums.log()?),
    }
}

/// ∂l/∂x of a softmax y along `axis`.
fn gradient(y: &Tensor, dy: &Tensor, axis: usize) -> Result<Tensor> {
    let products = (y * dy)?;
    &products - y.broadcast_mul(&products.sum_keepdim(axis)?)?
}
