//! Cross-entropy on the CPU: value and gradient in one pass over the logits.

use std::sync::Mutex;

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CustomOp2, D, DType, Device, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::CrossEntropyOptions;
use crate::graph;
use crate::kernel::{self, Real};
use crate::loss::{Reduction, scaled};
use crate::node;
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
        wants_gradient: graph::tracks(logits),
        gradient: Mutex::new(None),
    };
    node::apply2(op, [logits.contiguous()?, targets.contiguous()?])
}

struct CrossEntropy {
    ignored: Option<u32>,
    smoothing: f64,
    weights: Option<Vec<f64>>,
    lens: Option<Vec<u32>>,
    reduction: Reduction,
    wants_gradient: bool,
    gradient: Mutex<Option<Tensor>>,
}

impl CrossEntropy {
    /// The weight of each row's class; nothing for a row that does not count.
    fn row_weights(&self, targets: &[u32], classes: usize) -> Result<Vec<Option<f64>>> {
        let steps = match &self.lens {
            Some(lens) => targets.len() / lens.len().max(1),
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
        targets.iter().enumerate().map(weight).collect()
    }

    fn forward<T: Real>(
        &self,
        logits: &[T],
        targets: &[u32],
        shape: &Shape,
    ) -> Result<(CpuStorage, Shape)> {
        let classes = shape.dim(D::Minus1)?;
        let weights = self.row_weights(targets, classes)?;
        let rows = &shape.dims()[..shape.rank() - 1];
        let divisor = match self.reduction {
            Reduction::Mean => weights.iter().flatten().sum(),
            other => other.divisor(rows).unwrap_or(1.0),
        };
        let smoothing = Smoothing::<T>::new(self.smoothing, self.weights.as_deref(), classes);

        let mut gradient = match self.wants_gradient {
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
        if self.wants_gradient
            && let Ok(mut slot) = self.gradient.lock()
        {
            *slot = Some(Tensor::from_vec(gradient, shape.clone(), &Device::Cpu)?);
        }
        Ok(match self.reduction {
            Reduction::None => (
                T::to_cpu_storage_owned(losses.into_iter().map(T::from_f64).collect()),
                Shape::from(rows),
            ),
            _ => {
                let loss = losses.iter().sum::<f64>() / divisor;
                (
                    T::to_cpu_storage_owned(vec![T::from_f64(loss)]),
                    Shape::from(()),
                )
            }
        })
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

impl CustomOp2 for CrossEntropy {
    fn name(&self) -> &'static str {
        "cross-entropy"
    }

    fn cpu_fwd(
        &self,
        logits: &CpuStorage,
        layout: &Layout,
        targets: &CpuStorage,
        targets_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let targets = kernel::elements::<u32>(targets, targets_layout)?;
        match logits.dtype() {
            DType::F32 => {
                self.forward::<f32>(kernel::elements(logits, layout)?, targets, layout.shape())
            }
            DType::F64 => {
                self.forward::<f64>(kernel::elements(logits, layout)?, targets, layout.shape())
            }
            other => bail!("cross_entropy: found logits of type {other:?}, wanted f32 or f64"),
        }
    }

    fn bwd(
        &self,
        _logits: &Tensor,
        _targets: &Tensor,
        _loss: &Tensor,
        upstream: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let kept = self.gradient.lock().ok().and_then(|slot| slot.clone());
        let Some(gradient) = kept else {
            bail!("cross_entropy: the logits had no gradient to compute in the forward pass")
        };
        let gradient = match self.reduction {
            Reduction::None => gradient.broadcast_mul(&upstream.unsqueeze(D::Minus1)?)?,
            _ => scaled(&gradient, upstream)?,
        };
        Ok((Some(gradient), None))
    }
}
