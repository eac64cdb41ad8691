//! The definition of the cross-entropy in candle's own operations: the kernel's reference, and what other devices run.
//!
//! ∂l/∂o_ik = c_i (p_ik - [k = y_i]), where c_i is w_{y_i} over what the losses are divided by; with label smoothing
//! ∂l/∂o_ik = c_i ((1 - ε) w_{y_i} (p_ik - [k = y_i]) + ε / K (p_ik Σ_k w_k - w_k)), where c_i has no w_{y_i}

use candle_core::{D, Result, Tensor};

use super::CrossEntropyOptions;
use crate::constants::{positions, zeros_as};
use crate::graph::{self, exactly};
use crate::loss::Reduction;

/// Shapes and types must fit.
pub(super) fn run(
    logits: &Tensor,
    targets: &Tensor,
    options: CrossEntropyOptions,
) -> Result<Tensor> {
    let losses = Losses::new(logits, targets, options)?;
    let for_gradients = losses.clone();
    let forward = |inputs: &[Tensor]| {
        let [logits] = exactly(inputs)?;
        losses.reduced(logits)
    };
    graph::define("cross_entropy", &[logits], forward, move |known| {
        let [log_probabilities] = known.kept;
        Ok(vec![Some(
            for_gradients.gradient(log_probabilities, known.dy)?,
        )])
    })
}

/// All that the losses depend on besides the logits.
#[derive(Clone)]
struct Losses {
    /// The classes y, `[…]`; in place of a number that is no class, the last class.
    classes: Tensor,
    is_class: Tensor,
    smoothing: f64,
    /// w, `[K]`, and w_y, `[…]`; nothing if all are 1.
    weights: Option<(Tensor, Tensor)>,
    /// Which rows count, u8 `[…]`; nothing if all do.
    counts: Option<Tensor>,
    reduction: Reduction,
    /// What the sum of the losses is multiplied by.
    share: Share,
}

#[derive(Clone)]
enum Share {
    Known(f64),
    /// It depends on the rows that count, or on their weights.
    OnDevice(Tensor),
}

impl Share {
    fn of(&self, x: Tensor) -> Result<Tensor> {
        match self {
            Self::Known(1.0) => Ok(x),
            Self::Known(share) => x * *share,
            Self::OnDevice(share) => x.broadcast_mul(share),
        }
    }
}

impl Losses {
    fn new(logits: &Tensor, targets: &Tensor, options: CrossEntropyOptions) -> Result<Self> {
        let CrossEntropyOptions { label_smoothing, reduction, .. } = options;
        let (dtype, device, shape) = (logits.dtype(), logits.device(), targets.shape());
        let num_classes = logits.dim(D::Minus1)?;
        let last = Tensor::full(num_classes as u32 - 1, shape, device)?;
        let classes = targets.minimum(&last)?.contiguous()?;
        let of_classes = match options.class_weights {
            Some(weights) => Some(weights.detach()),
            None if label_smoothing > 0.0 => Some(Tensor::ones(num_classes, dtype, device)?),
            None => None,
        };
        let weights = match of_classes {
            Some(weights) => {
                let of_rows = weights.index_select(&classes.flatten_all()?, 0)?;
                Some((weights, of_rows.reshape(shape)?))
            }
            None => None,
        };
        let counts = counts(targets, &options)?;
        let summed = match (&weights, &counts) {
            (Some((_, of_rows)), Some(counts)) => Some((of_rows * counts.to_dtype(dtype)?)?),
            (Some((_, of_rows)), None) => Some(of_rows.clone()),
            (None, Some(counts)) => Some(counts.to_dtype(dtype)?),
            (None, None) => None,
        };
        let share = match (reduction, summed) {
            (Reduction::Mean, Some(summed)) => Share::OnDevice(summed.sum_all()?.recip()?),
            _ => Share::Known(1.0 / reduction.divisor(shape.dims()).unwrap_or(1.0)),
        };
        Ok(Self {
            is_class: targets.le(&last)?,
            classes,
            smoothing: label_smoothing,
            weights,
            counts,
            reduction,
            share,
        })
    }

    /// The losses, reduced, and log p.
    fn reduced(&self, logits: &Tensor) -> Result<(Tensor, [Tensor; 1])> {
        let shifted = logits.broadcast_sub(&logits.max_keepdim(D::Minus1)?.detach())?;
        let log_sums = shifted.exp()?.sum_keepdim(D::Minus1)?.log()?;
        let log_probabilities = shifted.broadcast_sub(&log_sums)?;
        let picked = log_probabilities
            .gather(&self.classes.unsqueeze(D::Minus1)?, D::Minus1)?
            .squeeze(D::Minus1)?;
        // No class: NaN, which the training loop reports, rather than an access beyond the row.
        let nan = Tensor::full(f32::NAN, picked.shape(), picked.device())?;
        let nan = nan.to_dtype(picked.dtype())?;
        let picked = self.is_class.where_cond(&picked, &nan)?;
        let mut losses = match &self.weights {
            Some((_, of_rows)) => ((picked * of_rows)? * (self.smoothing - 1.0))?,
            None => picked.neg()?,
        };
        if let (Some((weights, _)), true) = (&self.weights, self.smoothing > 0.0) {
            let smooth = log_probabilities.broadcast_mul(weights)?.sum(D::Minus1)?;
            losses = (losses - (smooth * (self.smoothing / weights.dim(0)? as f64))?)?;
        }
        if let Some(counts) = &self.counts {
            losses = counts.where_cond(&losses, &zeros_as(&losses)?)?;
        }
        let loss = match self.reduction {
            Reduction::None => losses,
            _ => self.share.of(losses.sum_all()?)?,
        };
        Ok((loss, [log_probabilities]))
    }

    /// ∂l/∂o, where `dy` is the gradient of the reduced loss.
    fn gradient(&self, log_probabilities: &Tensor, dy: &Tensor) -> Result<Tensor> {
        let (dtype, num_classes) = (log_probabilities.dtype(), log_probabilities.dim(D::Minus1)?);
        let p = log_probabilities.exp()?;
        let is_class = positions(num_classes, p.device())?
            .broadcast_eq(&self.classes.unsqueeze(D::Minus1)?)?;
        let mut slopes = (&p - is_class.to_dtype(dtype)?)?;
        if let Some((weights, of_rows)) = &self.weights {
            let of_rows = (of_rows.unsqueeze(D::Minus1)? * (1.0 - self.smoothing))?;
            slopes = slopes.broadcast_mul(&of_rows)?;
            if self.smoothing > 0.0 {
                let smooth = p
                    .broadcast_mul(&weights.sum_all()?)?
                    .broadcast_sub(weights)?;
                slopes = (slopes + (smooth * (self.smoothing / num_classes as f64))?)?;
            }
        }
        let mut of_rows = self
            .share
            .of(dy.clone())?
            .broadcast_as(self.classes.shape())?;
        if let Some(counts) = &self.counts {
            of_rows = counts.where_cond(&of_rows, &zeros_as(&of_rows)?)?; // 0 even if no row counts
        }
        slopes.broadcast_mul(&of_rows.unsqueeze(D::Minus1)?)
    }
}

/// Which rows count, u8; nothing if all do.
fn counts(targets: &Tensor, options: &CrossEntropyOptions) -> Result<Option<Tensor>> {
    let not_ignored = options.ignore_index.map(|ignored| targets.ne(ignored));
    let not_ignored = not_ignored.transpose()?;
    let Some(lens) = options.valid_lens else {
        return Ok(not_ignored);
    };
    let steps = targets.dim(1)?;
    let step = positions(steps, targets.device())?.reshape((1, steps))?;
    let within = step.broadcast_lt(&lens.detach().unsqueeze(1)?)?;
    match not_ignored {
        Some(not_ignored) => (not_ignored * within).map(Some),
        None => Ok(Some(within)),
    }
}
