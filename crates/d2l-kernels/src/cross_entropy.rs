//! Softmax and cross-entropy of rows, with the gradient.
//!
//! ```text
//! a row of logits o -> m = max o -> e^(o - m), in the gradient's memory -> Σ -> w (p - [k = y]) / n, in its place
//! ```
//!
//! The definition writes a tensor of the logits' size for each of its operations; the kernel writes one, the gradient,
//! row by row in the cache: 0.15 of PyTorch's time for 10,000 classes on one thread.

use rayon::prelude::*;

use crate::softmax::row::{exponentials, largest, sum_of, sum_of_both};
use crate::{CHUNK, Misfit, Real, pays_to_share, widest};

/// Which losses of rows are computed.
pub struct CrossEntropy {
    /// The class of each row.
    pub targets: Vec<u32>,
    /// A target that does not count.
    pub ignored: Option<u32>,
    /// ε, the share of a row's target that is spread over all classes.
    pub smoothing: f64,
    /// A weight for each class.
    pub weights: Option<Vec<f64>>,
    /// The number of rows that count in each sequence.
    pub lens: Option<Vec<u32>>,
}

impl CrossEntropy {
    /// The weight of each row's class; nothing for a row that does not count.
    ///
    /// # Errors
    /// If a row that counts has no class below `classes`.
    pub fn row_weights(&self, classes: usize) -> Result<Vec<Option<f64>>, Misfit> {
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
                return Err(Misfit(format!(
                    "cross_entropy: found class {target} in row {row}, wanted one below {classes}"
                )));
            }
            Ok(Some(match &self.weights {
                Some(weights) => weights[target as usize],
                None => 1.0,
            }))
        };
        self.targets.iter().enumerate().map(weight).collect()
    }

    /// The loss of each row of `logits`, with these weights of the rows; and, if it is wanted, the gradient of their sum
    /// divided by `divisor`.
    pub fn losses<T: Real>(
        &self,
        logits: &[T],
        weights: &[Option<f64>],
        divisor: f64,
        wants_gradient: bool,
    ) -> (Vec<f64>, Vec<T>) {
        let targets = &self.targets;
        let classes = logits.len() / targets.len();
        let smoothing = Smoothing::<T>::new(self.smoothing, self.weights.as_deref(), classes);

        let mut gradient = match wants_gradient {
            true => vec![T::ZERO; logits.len()],
            false => Vec::new(),
        };
        let mut slots: Vec<&mut [T]> = gradient.chunks_mut(classes).collect();
        slots.resize_with(targets.len(), Default::default);
        let mut losses = vec![0f64; targets.len()];
        let one = |(((loss, slot), logits), (&target, &weight)): Row<T>| {
            if let Some(weight) = weight {
                *loss = widest(
                    #[inline(always)]
                    || row(slot, logits, target as usize, weight, &smoothing, divisor),
                );
            }
        };
        if pays_to_share(logits.len()) {
            let all = losses.par_iter_mut().zip(slots);
            all.zip(logits.par_chunks(classes))
                .zip(targets.par_iter().zip(weights))
                .with_min_len((CHUNK / classes).max(1))
                .for_each(one);
        } else {
            let all = losses.iter_mut().zip(slots);
            all.zip(logits.chunks(classes))
                .zip(targets.iter().zip(weights))
                .for_each(one);
        }
        (losses, gradient)
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
#[inline(always)] // into `widest`
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
