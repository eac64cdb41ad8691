//! Softmax and cross-entropy in one, for classification. D2L zh 3.4 and 3.7.2, en 4.1 and 4.5.2.
//!
//! l = 1/B Σ_b ( log Σ_k exp(o_bk) - o_{b, y_b} ),   ∂l/∂o_bk = 1/B ( softmax(o_b)_k - [k = y_b] )

use std::sync::Mutex;

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CustomOp2, DType, Device, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::scaled;
use crate::kernel::{self, Real};

/// The mean over the batch of the cross-entropy of softmax(`logits`): `[B, K]` and classes `[B]` (u32) to a scalar.
///
/// The largest logit of a row is subtracted first, so that no finite logit overflows.
///
/// # Errors
/// Where the shapes don't fit, the batch is empty, or, on the CPU, a class is not below K. On other devices such a
/// class makes the loss NaN instead: reading the classes back would stop the device in every step.
pub fn cross_entropy(logits: &Tensor, targets: &Tensor) -> Result<Tensor> {
    let (batch, _) = match *logits.dims() {
        [batch, classes] if batch > 0 && classes > 0 => (batch, classes),
        _ => bail!(
            "cross_entropy: found logits of shape {:?}, wanted [batch, classes]",
            logits.dims()
        ),
    };
    if targets.dims() != [batch] {
        bail!(
            "cross_entropy: found targets of shape {:?}, wanted [{batch}], one class for each row",
            targets.dims()
        );
    }
    if targets.dtype() != DType::U32 {
        bail!(
            "cross_entropy: found targets of type {:?}, wanted classes as U32",
            targets.dtype()
        );
    }
    let targets = targets.detach(); // classes have no gradient
    if kernel::has_kernel(logits) {
        let op = CrossEntropy {
            wants_gradient: logits.track_op(),
            gradient: Mutex::new(None),
        };
        logits.contiguous()?.apply_op2(&targets.contiguous()?, op)
    } else {
        composed(logits, &targets)
    }
}

/// The definition in candle's own operations: the reference of the kernel, and what other devices run.
fn composed(logits: &Tensor, targets: &Tensor) -> Result<Tensor> {
    let classes = logits.dim(1)? as u32;
    let shifted = logits.broadcast_sub(&logits.max_keepdim(1)?.detach())?;
    let log_probabilities = shifted.broadcast_sub(&shifted.exp()?.sum_keepdim(1)?.log()?)?;
    let last = Tensor::full(classes - 1, targets.shape(), targets.device())?;
    let picked = log_probabilities
        .gather(&targets.minimum(&last)?.unsqueeze(1)?, 1)?
        .squeeze(1)?;
    // No class: NaN, which the training loop reports, rather than an access beyond the row.
    let nan =
        Tensor::full(f32::NAN, targets.shape(), targets.device())?.to_dtype(logits.dtype())?;
    targets
        .lt(classes)?
        .where_cond(&picked, &nan)?
        .mean_all()?
        .neg()
}

/// Value and gradient in one pass over the logits.
struct CrossEntropy {
    wants_gradient: bool,
    gradient: Mutex<Option<Tensor>>,
}

impl CrossEntropy {
    fn forward<T: Real>(
        &self,
        logits: &[T],
        targets: &[u32],
        classes: usize,
    ) -> Result<CpuStorage> {
        for (row, &target) in targets.iter().enumerate() {
            if target as usize >= classes {
                bail!(
                    "cross_entropy: found class {target} in row {row}, wanted one below {classes}"
                );
            }
        }
        // The softmax goes through this memory even where only the value is wanted.
        let mut gradient = vec![T::ZERO; logits.len()];
        let mut losses = vec![0f64; targets.len()];
        let batch = targets.len() as f64;
        let one = |(gradient, logits, &target, loss): (&mut [T], &[T], &u32, &mut f64)| {
            *loss = row(gradient, logits, target as usize, batch);
        };
        let rows = (kernel::CHUNK / classes).max(1);
        if kernel::pays_to_share(logits.len()) {
            (
                gradient.par_chunks_mut(classes),
                logits.par_chunks(classes),
                targets,
                &mut losses,
            )
                .into_par_iter()
                .with_min_len(rows)
                .for_each(one);
        } else {
            let rows = gradient
                .chunks_mut(classes)
                .zip(logits.chunks(classes))
                .zip(targets)
                .zip(&mut losses);
            rows.for_each(|(((gradient, logits), target), loss)| {
                one((gradient, logits, target, loss))
            });
        }
        if self.wants_gradient
            && let Ok(mut slot) = self.gradient.lock()
        {
            *slot = Some(Tensor::from_vec(
                gradient,
                (targets.len(), classes),
                &Device::Cpu,
            )?);
        }
        let mean = losses.iter().sum::<f64>() / batch;
        Ok(T::to_cpu_storage_owned(vec![T::from_f64(mean)]))
    }
}

/// The loss of one row; `gradient` becomes (softmax(o) - onehot(y)) / B.
fn row<T: Real>(gradient: &mut [T], logits: &[T], target: usize, batch: f64) -> f64 {
    let largest = logits
        .iter()
        .fold(T::from_f64(f64::NEG_INFINITY), |max, &o| {
            if o > max { o } else { max }
        });
    let mut sum = T::ZERO;
    for (exponential, &logit) in gradient.iter_mut().zip(logits) {
        *exponential = (logit - largest).exp();
        sum += *exponential;
    }
    let factor = T::from_f64(1.0 / (sum.to_f64() * batch));
    gradient
        .iter_mut()
        .for_each(|exponential| *exponential *= factor);
    match (gradient.get_mut(target), logits.get(target)) {
        (Some(gradient), Some(&logit)) => {
            *gradient -= T::from_f64(1.0 / batch);
            sum.to_f64().ln() - (logit - largest).to_f64()
        }
        _ => f64::NAN, // checked before
    }
}

impl CustomOp2 for CrossEntropy {
    fn name(&self) -> &'static str {
        "cross-entropy"
    }

    fn cpu_fwd(
        &self,
        logits: &CpuStorage,
        logits_layout: &Layout,
        targets: &CpuStorage,
        targets_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (_, classes) = logits_layout.shape().dims2()?;
        let targets = kernel::elements::<u32>(targets, targets_layout)?;
        let loss = match logits.dtype() {
            DType::F32 => {
                self.forward::<f32>(kernel::elements(logits, logits_layout)?, targets, classes)?
            }
            DType::F64 => {
                self.forward::<f64>(kernel::elements(logits, logits_layout)?, targets, classes)?
            }
            other => bail!("cross_entropy: found logits of type {other:?}, wanted f32 or f64"),
        };
        Ok((loss, Shape::from(())))
    }

    fn bwd(
        &self,
        _logits: &Tensor,
        _targets: &Tensor,
        _loss: &Tensor,
        upstream: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        match self
            .gradient
            .lock()
            .ok()
            .and_then(|gradient| gradient.clone())
        {
            Some(gradient) => Ok((Some(scaled(&gradient, upstream)?), None)),
            None => {
                bail!("cross_entropy: the logits had no gradient to compute in the forward pass")
            }
        }
    }
}
