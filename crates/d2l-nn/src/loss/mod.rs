//! Losses, with the gradient computed along with the value.
//!
//! A loss takes predictions, targets and, last, its options: a [`Reduction`], or a structure that holds one.
//! [`cross_entropy`], [`binary_cross_entropy`] and [`mse_loss`] are the common cases without options. [`AdaptiveSoftmax`] is
//! an output layer with its loss.
//!
//! A definition is several passes over the predictions, and its gradient several more. A kernel computes both in one
//! pass ([`cross_entropy()`] of 10,000 classes: 0.15 of PyTorch's time on one thread), and the gradient only if it is
//! wanted.

mod adaptive_softmax;
mod binary_cross_entropy;
mod cross_entropy;
mod focal;
mod huber;
mod kl_divergence;
mod l1;
mod mse;
mod pointwise;

pub use adaptive_softmax::{AdaptiveSoftmax, adaptive_softmax};
pub use binary_cross_entropy::{
    BinaryCrossEntropyOptions, binary_cross_entropy, binary_cross_entropy_with_logits,
};
pub use cross_entropy::{
    CrossEntropyOptions, cross_entropy, cross_entropy_with, masked_cross_entropy,
};
pub use focal::{FocalOptions, focal_loss};
pub use huber::{huber_loss, smooth_l1_loss};
pub use kl_divergence::kl_divergence;
pub use l1::l1_loss;
pub use mse::{mse_loss, mse_loss_with};

use candle_core::{Result, Tensor, bail};

use crate::kernel::Real;

/// How the losses of single elements (rows, for [`cross_entropy_with`]) are combined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reduction {
    /// Their mean, PyTorch's `"mean"`.
    #[default]
    Mean,
    /// Their sum over the size of the first dimension: the mean over the batch of an example's sum, PyTorch's
    /// `"batchmean"`.
    BatchMean,
    /// Their sum, PyTorch's `"sum"`.
    Sum,
    /// They stay as they are, PyTorch's `"none"`.
    None,
}

impl Reduction {
    /// What the sum of losses of this shape is divided by; nothing if they are not added.
    fn divisor(self, shape: &[usize]) -> Option<f64> {
        match self {
            Self::Mean => Some(shape.iter().product::<usize>() as f64),
            Self::BatchMean => Some(shape.first().copied().unwrap_or(1) as f64),
            Self::Sum => Some(1.0),
            Self::None => None,
        }
    }

    /// The losses, reduced.
    fn apply(self, losses: &Tensor) -> Result<Tensor> {
        match self.divisor(losses.dims()) {
            Some(1.0) => losses.sum_all(),
            Some(divisor) => losses.sum_all()? / divisor,
            None => Ok(losses.clone()),
        }
    }
}

/// The gradient of a loss, or of one loss after the other, times the gradient `upstream` of what was computed from it
/// or them. That is usually 1, and then no pass over the batch is needed.
fn scaled<T: Real>(mut gradient: Vec<T>, upstream: &[T]) -> Vec<T> {
    if gradient.len() == upstream.len() {
        let pairs = gradient.iter_mut().zip(upstream);
        pairs.for_each(|(slope, &factor)| *slope *= factor);
        return gradient;
    }
    let of_one = gradient.len() / upstream.len().max(1);
    for (part, &factor) in gradient.chunks_mut(of_one.max(1)).zip(upstream) {
        if factor != T::ONE {
            part.iter_mut().for_each(|slope| *slope *= factor);
        }
    }
    gradient
}

/// Refuses a number that is not above `lowest`, or not finite.
fn check_above(name: &str, what: &str, number: f64, lowest: f64) -> Result<()> {
    if number > lowest && number.is_finite() {
        return Ok(());
    }
    bail!("{name}: found {what} {number}, wanted a number above {lowest}")
}
