//! Loss scaling for f16: gradients below its smallest number would become 0. So the loss is multiplied by a large
//! factor before the backward pass, and the gradients are divided by it after, in f32. Micikevicius et al. 2018,
//! arXiv:1710.03740.
//!
//! The factor is as large as the gradients allow. Rule and numbers are those of PyTorch's `torch.amp.GradScaler`.

use anyhow::{Result, bail};
use candle_core::backprop::GradStore;
use candle_core::{Result as TensorResult, Tensor, Var};
use d2l_nn::{Precision, backward};
use serde::{Deserialize, Serialize};

const INITIAL: f64 = 65536.0;
const GROWTH: f64 = 2.0;
const STEPS_BEFORE_GROWTH: usize = 2000;
/// If even a loss divided by this much has gradients too large for f16, the network itself has numbers too large for
/// f16.
const SMALLEST: f64 = 1.0 / INITIAL;

/// The factor of the loss, and how long it has been right.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct LossScale {
    factor: f64,
    good_steps: usize,
}

impl LossScale {
    /// The scale at the start of training in `precision`; types other than f16 have the range of f32 and need none.
    pub fn of(precision: Precision) -> Option<Self> {
        (precision == Precision::F16).then_some(Self { factor: INITIAL, good_steps: 0 })
    }

    /// The gradients of `loss`, computed from the scaled loss.
    pub fn gradients(
        &self,
        loss: &Tensor,
        parameters: &[(String, Var)],
    ) -> TensorResult<GradStore> {
        let mut gradients = backward(&(loss * self.factor)?)?;
        for (_, var) in parameters {
            if let Some(gradient) = gradients.remove(var) {
                gradients.insert(var, (gradient.detach() / self.factor)?);
            }
        }
        Ok(gradients)
    }

    /// Adapts the factor, depending on whether the gradients are finite. If they are not, the step must be skipped, and
    /// the new factor is returned.
    ///
    /// # Errors
    /// If no factor helps.
    pub fn adapt(&mut self, are_finite: bool) -> Result<Option<f64>> {
        if !are_finite {
            self.factor /= GROWTH;
            self.good_steps = 0;
            if self.factor < SMALLEST {
                bail!(
                    "the gradients are larger than f16 can hold, wanted 65504 at most; try --precision bf16 or a lower \
                     --learning-rate"
                );
            }
            return Ok(Some(self.factor));
        }
        self.good_steps += 1;
        if self.good_steps == STEPS_BEFORE_GROWTH {
            self.factor *= GROWTH;
            self.good_steps = 0;
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};
    use d2l_nn::{gradient_norm, in_precision, matmul};

    use super::*;

    #[test]
    fn the_factor_halves_at_once_and_doubles_after_many_steps() -> Result<()> {
        let mut scale = LossScale::of(Precision::F16).expect("f16 has one");
        assert_eq!(scale.adapt(false)?, Some(32768.0));
        for _ in 0..STEPS_BEFORE_GROWTH - 1 {
            assert_eq!(scale.adapt(true)?, None);
        }
        assert_eq!(scale.factor, 32768.0);
        assert_eq!(scale.adapt(true)?, None);
        assert_eq!(scale, LossScale { factor: 65536.0, good_steps: 0 });
        assert_eq!(scale.adapt(true)?, None);
        assert_eq!(scale.adapt(false)?, Some(32768.0));
        assert_eq!(scale.good_steps, 0, "it counts steps in a row");
        Ok(())
    }

    #[test]
    fn a_factor_that_never_helps_ends_the_training() -> Result<()> {
        let mut scale = LossScale::of(Precision::F16).expect("f16 has one");
        let error = loop {
            if let Err(error) = scale.adapt(false) {
                break error;
            }
        };
        assert!(error.to_string().contains("--precision bf16"), "{error}");
        assert_eq!(LossScale::of(Precision::Bf16), None);
        Ok(())
    }

    /// The gradient of slope · x w. f16 has numbers from 6e-8 to 65504.
    #[test]
    fn small_gradients_survive_and_large_ones_are_seen() -> Result<()> {
        let w = Var::zeros((1, 1), DType::F32, &Device::Cpu)?;
        let parameters = [("w".to_string(), w.clone())];
        let gradient = |x: f32, slope: f64, scale: &LossScale| -> Result<f64> {
            in_precision(Precision::F16, || {
                let x = Tensor::new(&[[x]], &Device::Cpu)?;
                let loss = (matmul(&x, &w)?.sum_all()? * slope)?;
                let gradients = scale.gradients(&loss, &parameters)?;
                Ok(gradient_norm(&parameters, &gradients)?)
            })
        };
        let scale = LossScale::of(Precision::F16).expect("f16 has one");
        let unscaled = LossScale { factor: 1.0, ..scale };
        let exact = 0.5 * 1e-8;
        assert_eq!(
            gradient(0.5, 1e-8, &unscaled)?,
            0.0,
            "f16 has no such number"
        );
        assert!((gradient(0.5, 1e-8, &scale)? / exact - 1.0).abs() < 2e-3);
        assert!(
            !gradient(0.5, 2.0, &scale)?.is_finite(),
            "131072 is beyond f16"
        );
        assert!((gradient(0.5, 2.0, &unscaled)? - 1.0).abs() < 1e-3);
        Ok(())
    }
}
