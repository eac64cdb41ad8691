//! The mean gradient of several batches, for one step: a large batch for a small memory.

use std::collections::BTreeMap;

use candle_core::backprop::GradStore;
use candle_core::{Result, Tensor, Var, bail};

use crate::kernel;

/// Σ n g of each parameter, over batches of n examples with the mean gradient g.
#[derive(Default)]
pub struct Accumulator {
    sums: BTreeMap<String, Tensor>,
}

impl Accumulator {
    /// Adds the gradients of `parameters`, the mean over `examples` examples. A parameter without one counts as zero.
    pub fn add(
        &mut self,
        parameters: &[(String, Var)],
        gradients: &GradStore,
        examples: usize,
    ) -> Result<()> {
        for (name, var) in parameters {
            let Some(gradient) = gradients.get(var) else {
                continue;
            };
            let gradient = gradient.detach().contiguous()?;
            match self.sums.get_mut(name) {
                None => {
                    let sum = (gradient * examples as f64)?;
                    self.sums.insert(name.clone(), sum);
                }
                Some(sum) if !kernel::has_kernel(sum) => {
                    *sum = (&*sum + (gradient * examples as f64)?)?;
                }
                Some(sum) => kernel::add_multiple(sum, &gradient, examples as f64)?,
            }
        }
        Ok(())
    }

    /// Puts the mean over `examples` examples, all that have been added, into `gradients`, and starts anew.
    pub fn take(
        &mut self,
        parameters: &[(String, Var)],
        gradients: &mut GradStore,
        examples: usize,
    ) -> Result<()> {
        for (name, var) in parameters {
            if let Some(sum) = self.sums.remove(name) {
                gradients.insert(var, (sum / examples as f64)?);
            }
        }
        Ok(())
    }

    /// The sums so far by the parameters' names: copies, for checkpoints.
    pub fn state(&self) -> Result<BTreeMap<String, Tensor>> {
        let copies = self.sums.iter();
        copies
            .map(|(name, sum)| Ok((name.clone(), sum.copy()?)))
            .collect()
    }

    /// Continues from sums that `state` returned.
    ///
    /// # Errors
    /// If one belongs to no parameter or has another shape; nothing is changed then.
    pub fn load_state(
        &mut self,
        parameters: &[(String, Var)],
        state: &BTreeMap<String, Tensor>,
    ) -> Result<()> {
        let mut sums = BTreeMap::new();
        for (name, sum) in state {
            let Some((_, var)) = parameters.iter().find(|(known, _)| known == name) else {
                bail!("found a sum of gradients of {name}, which this model does not have");
            };
            if sum.dims() != var.dims() {
                bail!(
                    "{name}: found a sum of gradients {:?}, wanted {:?}",
                    sum.dims(),
                    var.dims()
                );
            }
            let sum = sum.to_device(var.device())?.to_dtype(var.dtype())?.copy()?;
            sums.insert(name.clone(), sum);
        }
        self.sums = sums;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;
    use crate::testing::filled;

    /// The gradient of the mean of (x · w)² over rows `from` to `to`, and, for the last of them only, of b.
    fn gradients(w: &Var, b: &Var, from: usize, to: usize) -> Result<GradStore> {
        let x = filled((7, 3), 5, 1.0, w.dtype(), &Device::Cpu)?.narrow(0, from, to - from)?;
        let mut loss = x.matmul(w)?.sqr()?.mean_all()?;
        if to == 7 {
            loss = (loss + b.sqr()?.sum_all()?)?;
        }
        crate::backward(&loss)
    }

    #[test]
    fn unequal_batches_give_the_gradient_of_all_their_examples() -> Result<()> {
        for (dtype, tolerance) in [(DType::F32, 1e-6), (DType::F64, 1e-15)] {
            let w = Var::from_tensor(&filled((3, 1), 1, 1.0, dtype, &Device::Cpu)?)?;
            let b = Var::from_tensor(&filled(2, 2, 1.0, dtype, &Device::Cpu)?)?;
            let parameters = [("w".to_string(), w.clone()), ("b".to_string(), b.clone())];
            let mut sums = Accumulator::default();
            sums.add(&parameters, &gradients(&w, &b, 4, 7)?, 3)?; // b has its gradient in this batch only
            sums.add(&parameters, &gradients(&w, &b, 0, 2)?, 2)?;
            let state = sums.state()?;
            let mut resumed = Accumulator::default();
            resumed.load_state(&parameters, &state)?;
            let whole = gradients(&w, &b, 0, 7)?;
            for sums in [&mut sums, &mut resumed] {
                let mut found = gradients(&w, &b, 2, 4)?;
                sums.add(&parameters, &found, 2)?;
                sums.take(&parameters, &mut found, 7)?;
                for (var, share) in [(&w, 1.0), (&b, 3.0 / 7.0)] {
                    let difference = (found.get(var).expect("a gradient")
                        - (whole.get(var).expect("a gradient") * share)?)?;
                    let largest = difference.abs()?.max_all()?.to_dtype(DType::F64)?;
                    assert!(largest.to_scalar::<f64>()? <= tolerance, "{dtype:?}");
                }
                assert!(sums.state()?.is_empty(), "it starts anew");
            }
        }
        Ok(())
    }

    #[test]
    fn sums_of_another_model_are_refused() -> Result<()> {
        let w = Var::zeros(3, DType::F32, &Device::Cpu)?;
        let parameters = [("w".to_string(), w)];
        let sum = |n: usize| Tensor::zeros(n, DType::F32, &Device::Cpu);
        for (name, sum, message) in [("v", sum(3)?, "of v"), ("w", sum(2)?, "wanted [3]")] {
            let state = BTreeMap::from([(name.to_string(), sum)]);
            let error = Accumulator::default()
                .load_state(&parameters, &state)
                .expect_err(name);
            assert!(error.to_string().contains(message), "{error}");
        }
        Ok(())
    }
}
