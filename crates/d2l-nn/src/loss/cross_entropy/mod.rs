//! Softmax and cross-entropy in one operation, for classification. D2L zh 3.4 and 3.7.2, en 4.1 and 4.5.2.
//!
//! l_i = -w_{y_i} log p_{i y_i},   p_i = softmax(o_i),   l = Σ_i l_i / Σ_i w_{y_i} over the rows i that count
//!
//! ∂l_i/∂o_ik = w_{y_i} (p_ik - [k = y_i])
//!
//! Class weights w are 1 if not given. Label smoothing (Szegedy et al. 2016, arXiv:1512.00567) gives every class a
//! share of ε / K: l_i = -(1 - ε) w_{y_i} log p_{i y_i} - ε / K Σ_k w_k log p_ik. The masked losses of sequences are
//! those of D2L zh 9.7.3 and en 10.7.5.

mod composed;
mod op;
#[cfg(test)]
mod tests;

use candle_core::{DType, Result, Tensor, bail};

use super::Reduction;

/// Options of [`cross_entropy_with`]. None of them gets a gradient.
#[derive(Clone, Copy, Debug, Default)]
pub struct CrossEntropyOptions<'a> {
    /// A target that does not count, such as the padding of sequences. It need not be a class.
    pub ignore_index: Option<u32>,
    /// The share ε of a row's target that is spread evenly over all classes, from 0 to 1.
    pub label_smoothing: f64,
    /// A weight for each class, `[K]`, of the logits' type.
    pub class_weights: Option<&'a Tensor>,
    /// The number of targets that count in each sequence, from the first on: `[B]` u32, for targets `[B, T]`.
    pub valid_lens: Option<&'a Tensor>,
    /// [`Reduction::Mean`] divides by the sum of the weights w_{y_i} of the rows that count, which without weights is
    /// their number, as in PyTorch and D2L en 10.7.5. If no row counts, the loss is NaN, as in PyTorch, and its
    /// gradients are 0. [`Reduction::None`] gives 0 for a row that does not count.
    pub reduction: Reduction,
}

/// The mean over the batch of the cross-entropy of softmax(`logits`): `[B, K]` and classes `[B]` (u32) to a scalar.
///
/// The largest logit of a row is subtracted first, so that no finite logit overflows.
///
/// # Errors
/// If the shapes don't fit, the batch is empty, or, on the CPU, a class is not below K. On other devices such a
/// class makes the loss NaN instead: reading the classes back would stop the device in every step.
pub fn cross_entropy(logits: &Tensor, targets: &Tensor) -> Result<Tensor> {
    if !matches!(*logits.dims(), [batch, classes] if batch > 0 && classes > 0) {
        bail!(
            "cross_entropy: found logits of shape {:?}, wanted [batch, classes]",
            logits.dims()
        );
    }
    cross_entropy_with(logits, targets, CrossEntropyOptions::default())
}

/// The cross-entropy of softmax(`logits`) by `options`: `[…, K]` and classes `[…]` (u32) to a scalar, or to `[…]`
/// without reduction. Classes come last; in PyTorch they come second.
///
/// # Errors
/// As [`cross_entropy`], for the rows that count; and if the options don't fit.
pub fn cross_entropy_with(
    logits: &Tensor,
    targets: &Tensor,
    options: CrossEntropyOptions,
) -> Result<Tensor> {
    let name = "cross_entropy";
    let (rows, classes) = match logits.dims() {
        [rows @ .., classes] if logits.elem_count() > 0 => (rows, *classes),
        _ => bail!(
            "{name}: found logits of shape {:?}, wanted […, classes], not empty",
            logits.dims()
        ),
    };
    if targets.dims() != rows {
        bail!(
            "{name}: found targets of shape {:?}, wanted {rows:?}, one class for each row",
            targets.dims()
        );
    }
    if targets.dtype() != DType::U32 {
        bail!(
            "{name}: found targets of type {:?}, wanted classes as U32",
            targets.dtype()
        );
    }
    if !(0.0..=1.0).contains(&options.label_smoothing) {
        bail!(
            "{name}: found label smoothing {}, wanted a share from 0 to 1",
            options.label_smoothing
        );
    }
    if let Some(weights) = options.class_weights
        && (weights.dims() != [classes] || weights.dtype() != logits.dtype())
    {
        bail!(
            "{name}: found class weights {:?} {:?}, wanted [{classes}] {:?}",
            weights.dims(),
            weights.dtype(),
            logits.dtype()
        );
    }
    if let Some(lens) = options.valid_lens
        && (rows.len() != 2 || lens.dims() != &rows[..1] || lens.dtype() != DType::U32)
    {
        bail!(
            "{name}: found valid_lens {:?} {:?} for targets {rows:?}, wanted [B] U32 for targets [B, T]",
            lens.dims(),
            lens.dtype()
        );
    }
    let targets = targets.detach(); // classes have no gradient
    if crate::kernel::has_kernel(logits) {
        op::run(logits, &targets, options)
    } else {
        composed::run(logits, &targets, options)
    }
}

/// The book's loss of sequences (D2L zh 9.7.3): logits `[B, T, K]`, classes `[B, T]` and lengths `[B]` (u32) to `[B]`.
///
/// A sequence's loss is the sum over its first `valid_lens` steps, divided by T, the number of all steps. To take the
/// mean over the steps that count instead, as D2L en 10.7.5 does, give [`cross_entropy_with`] the lengths.
///
/// # Errors
/// As [`cross_entropy_with`].
pub fn masked_cross_entropy(
    logits: &Tensor,
    targets: &Tensor,
    valid_lens: &Tensor,
) -> Result<Tensor> {
    let options = CrossEntropyOptions {
        valid_lens: Some(valid_lens),
        reduction: Reduction::None,
        ..Default::default()
    };
    cross_entropy_with(logits, targets, options)?.mean(1)
}
