//! Cross-entropy on the CPU.
//!
//! ```text
//! a row of logits o -> m = max o -> e^(o - m), in the gradient's memory -> Σ -> w (p - [k = y]) / n, in its place
//! ```
//!
//! The definition writes a tensor of the logits' size for each of its operations; the kernel writes one, the gradient,
//! row by row in the cache: 0.15 of PyTorch's time for 10,000 classes on one thread.

use candle_core::{DType, Result, Tensor, bail};
use rayon::prelude::*;

use super::CrossEntropyOptions;
use crate::graph::{self, Gradient, Input, Operation, Outputs, Upstream, exactly};
use crate::kernel::{self, Real};
use crate::loss::{Reduction, scaled};
use crate::softmax::row::{exponentials, largest, sum_of, sum_of_both};

/// Shapes and types must fit.
pub(super) fn run(
    logits: &Tensor,
    targets: &Tensor,
    options: CrossEntropyOptions,
) -> Result<Tensor> {
    let weights = match options.class_weights {
        Some(weights) => Some(weights.to_dtype(DType::F64)?.to_vec1::<f64>()?),
        None => None,
    };
    let lens = match options.valid_lens {
        Some(lens) => Some(lens.to_vec1::<u32>()?),
        None => None,
    };
    let op = CrossEntropy {
        ignored: options.ignore_index,
        smoothing: options.label_smoothing,
        weights,
        lens,
        reduction: options.reduction,
        targets: targets.flatten_all()?.to_vec1()?,
    };
    graph::apply(op, &[logits])
}

struct CrossEntropy {
    /// The class of each row.
    targets: Vec<u32>,
    ignored: Option<u32>,
    smoothing: f64,
    weights: Option<Vec<f64>>,
    lens: Option<Vec<u32>>,
    reduction: Reduction,
}

impl CrossEntropy {
    /// The weight of each row's class; nothing for a row that does not count.
    fn row_weights(&self, classes: usize) -> Result<Vec<Option<f64>>> {
        let steps = match &self.lens {
            Some(lens) => self.targets.len() / lens.len().max(1),
            None => 1,
        };
        let weight = |(row, &target): (usize, &u32)| {
            let is_padding = match &self.lens {
                Some(lens) => (row % steps) as u32 >= lens[row / steps],
                None => false,
            };
            if is_padding || self.ignored == Some(target) {
                return Ok(None);
            }
            if target as usize >= classes {
                bail!(
                    "cross_entropy: found class {target} in row {row}, wanted one below {classes}"
                );
            }
            Ok(Some(match &self.weights {
                Some(weights) => weights[target as usize],
                None => 1.0,
            }))
        };
        self.targets.iter().enumerate().map(weight).collect()
    }
}

impl Operation for CrossEntropy {
    /// ∂l/∂o
    type Kept<T: Real> = Vec<T>;

    fn name(&self) -> &'static str {
        "cross_entropy"
    }

    fn forward<T: Real>(&self, inputs: &[Input<T>], keeps: bool) -> Result<Outputs<T, Vec<T>>> {
        let [Input { data: logits, dims: [rows @ .., classes], .. }] = *exactly(inputs)? else {
            bail!("cross_entropy: found a number, wanted logits […, classes]");
        };
        let (classes, targets) = (*classes, &self.targets);
        let weights = self.row_weights(classes)?;
        let divisor = match self.reduction {
            Reduction::Mean => weights.iter().flatten().sum(),
            other => other.divisor(rows).unwrap_or(1.0),
        };
        let smoothing = Smoothing::<T>::new(self.smoothing, self.weights.as_deref(), classes);

        let mut gradient = match keeps {
            true => vec![T::ZERO; logits.len()],
            false => Vec::new(),
        };
        let mut slots: Vec<&mut [T]> = gradient.chunks_mut(classes).collect();
        slots.resize_with(targets.len(), Default::default);
        let mut losses = vec![0f64; targets.len()];
        let one = |(((loss, slot), logits), (&target, &weight)): Row<T>| {
            if let Some(weight) = weight {
                *loss = kernel::wide(
                    #[inline(always)]
                    || row(slot, logits, target as usize, weight, &smoothing, divisor),
                );
            }
        };
        if kernel::pays_to_share(logits.len()) {
            let all = losses.par_iter_mut().zip(slots);
            all.zip(logits.par_chunks(classes))
                .zip(targets.par_iter().zip(&weights))
                .with_min_len((kernel::CHUNK / classes).max(1))
                .for_each(one);
        } else {
            let all = losses.iter_mut().zip(slots);
            all.zip(logits.chunks(classes))
                .zip(targets.iter().zip(&weights))
                .for_each(one);
        }
        let outputs = match self.reduction {
            Reduction::None => Outputs::new(losses.into_iter().map(T::from_f64).collect(), rows),
            _ => {
                let loss = losses.iter().sum::<f64>() / divisor;
                Outputs::new(vec![T::from_f64(loss)], ())
            }
        };
        Ok(outputs.keeping(gradient))
    }

    fn backward<T: Real>(
        &self,
        _inputs: &[Input<T>],
        upstream: Upstream<T>,
        gradient: Vec<T>,
    ) -> Result<Vec<Gradient<T>>> {
        Ok(vec![Gradient::New(scaled(gradient, upstream.dy))])
    }
}

/// ((loss, gradient), logits), (target, weight)
type Row<'a, T> = (
    ((&'a mut f64, &'a mut [T]), &'a [T]),
    (&'a u32, &'a Option<f64>),
);

/// What label smoothing adds to a row.
struct Smoothing<T> {
    /// ε
    epsilon: f64,
    /// ε / K
    share: f64,
    /// w; empty without weights
    weights: Vec<T>,
    /// Σ_k w_k
    sum: f64,
}

impl<T: Real> Smoothing<T> {
    fn new(epsilon: f64, weights: Option<&[f64]>, classes: usize) -> Self {
        let weights = weights.unwrap_or_default();
        Self {
            epsilon,
            share: epsilon / classes as f64,
            sum: match weights {
                [] => classes as f64,
                weights => weights.iter().sum(),
            },
            weights: weights.iter().map(|&w| T::from_f64(w)).collect(),
        }
    }
}

/// The loss of one row; `gradient`, if it isn't empty, becomes the loss's divided by `divisor`.
#[inline(always)] // into `wide`
fn row<T: Real>(
    gradient: &mut [T],
    logits: &[T],
    target: usize,
    weight: f64,
    smoothing: &Smoothing<T>,
    divisor: f64,
) -> f64 {
    let largest = largest(logits);
    let sum = if gradient.is_empty() {
        sum_of(
            logits,
            #[inline(always)]
            |o| (o - largest).exp(),
        )
    } else {
        exponentials(gradient, logits, largest)
    };
    let sum = sum.to_f64();
    let own = weight * (1.0 - smoothing.epsilon);
    let mut all = own;
    if smoothing.epsilon > 0.0 {
        all += smoothing.share * smoothing.sum;
    }
    let factor = T::from_f64(all / (sum * divisor));
    gradient.iter_mut().for_each(|slope| *slope *= factor);
    if let Some(slope) = gradient.get_mut(target) {
        *slope -= T::from_f64(own / divisor);
    }
    let mut loss = match logits.get(target) {
        Some(&logit) => own * (sum.ln() - (logit - largest).to_f64()),
        None => f64::NAN, // checked before
    };
    if smoothing.epsilon > 0.0 {
        let share = T::from_f64(smoothing.share / divisor);
        let shifted = if smoothing.weights.is_empty() {
            gradient.iter_mut().for_each(|slope| *slope -= share);
            sum_of(logits, |o| o - largest)
        } else {
            let both = gradient.iter_mut().zip(&smoothing.weights);
            both.for_each(|(slope, &w)| *slope -= share * w);
            sum_of_both(logits, &smoothing.weights, |o, w| w * (o - largest))
        };
        loss += smoothing.share * (smoothing.sum * sum.ln() - shifted.to_f64());
    }
    loss
}
