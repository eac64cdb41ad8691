//! Losses: the mean over a batch, with the gradient computed along with the value.

mod binary_cross_entropy;
mod cross_entropy;
mod mse;
mod pointwise;

pub use binary_cross_entropy::binary_cross_entropy;
pub use cross_entropy::cross_entropy;
pub use mse::mse_loss;

use candle_core::{DType, Result, Tensor};

/// The gradient of the loss, times the gradient `upstream` of whatever was computed from it: usually 1, so that no
/// pass over the batch is needed. A scalar on the CPU is read for nothing.
fn scaled(gradient: &Tensor, upstream: &Tensor) -> Result<Tensor> {
    let factor = upstream.to_dtype(DType::F64)?.to_scalar::<f64>()?;
    if factor == 1.0 {
        Ok(gradient.clone())
    } else {
        gradient.affine(factor, 0.0)
    }
}
