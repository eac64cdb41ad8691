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
            *loss = kernel::wide(
                #[inline(always)]
                || row(gradient, logits, target as usize, batch),
            );
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
#[inline(always)] // into `wide`
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

#[cfg(test)]
mod tests {
    use candle_core::Var;

    use super::*;
    use crate::testing::{check_gradients, filled, hash};

    fn classes(rows: u32, classes: u32) -> Result<Tensor> {
        Tensor::from_iter((0..rows).map(|i| hash(i, 99) % classes), &Device::Cpu)
    }

    #[test]
    fn gradients_are_right_whatever_lies_around_the_loss() -> anyhow::Result<()> {
        let x = Var::from_tensor(&filled((4, 6), 1, 4.0, DType::F64, &Device::Cpu)?)?;
        let targets = classes(4, 6)?;
        check_gradients(
            std::slice::from_ref(&x),
            || cross_entropy(&x, &targets),
            1e-8,
        )?;
        // scaled, squared, and with logits that are a part of a transposed tensor
        let targets = classes(3, 4)?;
        let f = || (cross_entropy(&x.t()?.narrow(0, 1, 3)?, &targets)?.sqr()? * 0.7)?.sum_all();
        check_gradients(std::slice::from_ref(&x), f, 1e-8)?;
        // a batch of one, and twice the same logits
        let targets = classes(1, 6)?;
        let f = || {
            cross_entropy(&x.narrow(0, 2, 1)?, &targets)?
                + cross_entropy(&x.narrow(0, 2, 1)?, &targets)?
        };
        check_gradients(std::slice::from_ref(&x), f, 1e-8)
    }

    #[test]
    fn equal_logits_cost_the_logarithm_of_the_classes() -> Result<()> {
        for value in [0f32, -1e4, 1e4] {
            let logits = Var::from_tensor(&Tensor::full(value, (3, 10), &Device::Cpu)?)?;
            let loss = cross_entropy(&logits, &classes(3, 10)?)?;
            assert!((loss.to_scalar::<f32>()? - 10f32.ln()).abs() < 1e-6);
        }
        Ok(())
    }

    #[test]
    fn the_kernel_and_the_definition_agree() -> anyhow::Result<()> {
        for (dtype, tolerance) in [(DType::F64, 1e-14), (DType::F32, 1e-6)] {
            for (rows, columns, scale) in
                [(1, 1, 1.0), (7, 3, 9.0), (5000, 10, 30.0), (40, 1000, 2e4)]
            {
                let logits =
                    Var::from_tensor(&filled((rows, columns), 1, scale, dtype, &Device::Cpu)?)?;
                let targets = classes(rows as u32, columns as u32)?;
                let (kernel, definition) = (
                    cross_entropy(&logits, &targets)?,
                    composed(&logits, &targets)?,
                );
                let distance = |a: &Tensor, b: &Tensor| -> Result<f64> {
                    (a - b)?
                        .abs()?
                        .flatten_all()?
                        .max(0)?
                        .to_dtype(DType::F64)?
                        .to_scalar::<f64>()
                };
                let gradients = (kernel.backward()?, definition.backward()?);
                let (Some(a), Some(b)) = (gradients.0.get(&logits), gradients.1.get(&logits))
                else {
                    anyhow::bail!("a gradient is missing");
                };
                let of_value = distance(&kernel, &definition)?;
                assert!(
                    of_value <= tolerance * scale,
                    "{rows} x {columns}: values differ by {of_value}"
                );
                let of_gradient = distance(a, b)?;
                assert!(
                    of_gradient <= tolerance,
                    "{rows} x {columns}: gradients differ by {of_gradient}"
                );
            }
        }
        Ok(())
    }

    #[test]
    fn a_class_that_is_none_is_refused_or_makes_the_loss_nan() -> Result<()> {
        let logits = Tensor::zeros((2, 3), DType::F32, &Device::Cpu)?;
        let targets = Tensor::new(&[0u32, 3], &Device::Cpu)?;
        let error = cross_entropy(&logits, &targets)
            .expect_err("class 3 of 3")
            .to_string();
        assert!(
            error.contains("found class 3 in row 1, wanted one below 3"),
            "{error}"
        );
        assert!(composed(&logits, &targets)?.to_scalar::<f32>()?.is_nan());
        Ok(())
    }

    #[test]
    fn wrong_shapes_and_types_are_named() -> Result<()> {
        let zeros = |shape: &[usize], dtype| Tensor::zeros(shape, dtype, &Device::Cpu);
        for (logits, targets, message) in [
            (
                zeros(&[6], DType::F32)?,
                zeros(&[6], DType::U32)?,
                "logits of shape [6]",
            ),
            (
                zeros(&[0, 3], DType::F32)?,
                zeros(&[0], DType::U32)?,
                "logits of shape [0, 3]",
            ),
            (
                zeros(&[2, 3], DType::F32)?,
                zeros(&[2, 1], DType::U32)?,
                "targets of shape [2, 1], wanted [2]",
            ),
            (
                zeros(&[2, 3], DType::F32)?,
                zeros(&[2], DType::U8)?,
                "targets of type U8, wanted classes as U32",
            ),
        ] {
            let error = cross_entropy(&logits, &targets)
                .expect_err(message)
                .to_string();
            assert!(error.contains(message), "{error}");
        }
        Ok(())
    }

    #[test]
    fn targets_that_were_computed_from_a_parameter_do_no_harm() -> Result<()> {
        let x = Var::new(&[[1f32, 3.0], [2.0, 0.0]], &Device::Cpu)?;
        let targets = x
            .sum(1)?
            .to_dtype(DType::U32)?
            .broadcast_minimum(&Tensor::new(1u32, &Device::Cpu)?)?;
        assert!(cross_entropy(&x, &targets)?.backward()?.get(&x).is_some());
        Ok(())
    }
}
