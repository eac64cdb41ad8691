//! The memory that training takes, estimated from shapes before it is taken.

use anyhow::Result;
use candle_core::{DType, Device, Tensor, Var};
use d2l_nn::{Observations, ParamGroup, ParamStore, State};
use indicatif::DecimalBytes;

use crate::{Recipe, usage};

/// Bytes that training needs, apart from its data.
pub(crate) struct Memory {
    /// Parameters and buffers.
    parameters: u64,
    /// As much again for the gradients, and the optimizer's state for each parameter.
    gradients_and_optimizer: u64,
    /// The layers' outputs for one example. A backward pass needs all of them.
    outputs_per_example: u64,
}

impl Memory {
    /// The estimate for a model that was observed in a pass over `examples` examples. Models written by hand report no
    /// outputs.
    pub fn of(
        recipe: &Recipe,
        params: &ParamStore,
        observations: &Observations,
        examples: usize,
    ) -> Result<Self> {
        let bytes = |tensor: &Tensor| (tensor.elem_count() * tensor.dtype().size_in_bytes()) as u64;
        let parameters = params.state().values().map(bytes).sum();
        Ok(Self {
            parameters,
            gradients_and_optimizer: parameters * (1 + remembered(recipe)?),
            outputs_per_example: observations.output_bytes() / examples.max(1) as u64,
        })
    }

    /// Bytes of the layers' outputs for a minibatch.
    fn outputs(&self, batch_size: usize) -> u64 {
        self.outputs_per_example.saturating_mul(batch_size as u64)
    }

    /// Refuses training that needs more than `available` bytes even if the outputs' gradients took no memory of their
    /// own.
    pub fn check(&self, batch_size: usize, available: u64) -> Result<()> {
        let fixed = self.parameters + self.gradients_and_optimizer;
        let outputs = self.outputs(batch_size);
        if fixed.saturating_add(outputs) <= available {
            return Ok(());
        }
        let flag = match fixed <= available / 2 {
            true => format!("--batch-size {batch_size}"),
            false => "the model".to_string(),
        };
        usage!(
            "{flag} needs at least {}: {} for parameters, gradients and the optimizer, {} for the layers' outputs of a \
             minibatch; this machine has {}; wanted something smaller",
            DecimalBytes(fixed.saturating_add(outputs)),
            DecimalBytes(fixed),
            DecimalBytes(outputs),
            DecimalBytes(available)
        );
    }

    /// The estimate as `--summary` prints it. Gradients of outputs take as much as the outputs.
    pub fn text(&self, batch_size: usize) -> String {
        let outputs = self.outputs(batch_size).saturating_mul(2);
        let all = (self.parameters + self.gradients_and_optimizer).saturating_add(outputs);
        let (minibatch, outputs) = match outputs {
            0 => (String::new(), String::new()),
            bytes => (
                format!(", minibatch of {batch_size}"),
                format!(", outputs {}", DecimalBytes(bytes)),
            ),
        };
        format!(
            "memory beside the data{minibatch}: about {}\n  parameters {}, gradients and optimizer {}{outputs}",
            DecimalBytes(all),
            DecimalBytes(self.parameters),
            DecimalBytes(self.gradients_and_optimizer)
        )
    }
}

/// How many numbers the recipe's optimizer remembers for each parameter: 2 for Adam.
fn remembered(recipe: &Recipe) -> Result<u64> {
    const SHAPE: [usize; 2] = [2, 3];
    let parameter = Var::zeros(&SHAPE, DType::F32, &Device::Cpu)?;
    let group = ParamGroup::new(vec![("parameter".to_string(), parameter)]);
    let state = recipe.optimizer_over(vec![group])?.state();
    Ok(state
        .values()
        .filter(|tensor| tensor.dims() == SHAPE)
        .count() as u64)
}

#[cfg(test)]
mod tests {
    use d2l_nn::{Initializer, linear, observed};

    use super::*;
    use crate::OptimizerKind;

    fn memory(optimizer: OptimizerKind) -> Result<Memory> {
        let params = ParamStore::new(0, &Device::Cpu);
        let layer = linear(10, 4, &Initializer::Zeros, params.builder().pp("layer"))?;
        let x = Tensor::zeros((3, 10), DType::F32, &Device::Cpu)?;
        let (_, observations) = observed(|| candle_core::Module::forward(&layer, &x))?;
        let recipe = Recipe { optimizer, ..Recipe::SGD };
        Memory::of(&recipe, &params, &observations, 3)
    }

    #[test]
    fn each_optimizer_counts_what_it_remembers() -> Result<()> {
        for (optimizer, numbers) in [(OptimizerKind::Sgd, 1), (OptimizerKind::Adam, 3)] {
            let memory = memory(optimizer)?;
            assert_eq!(memory.parameters, 44 * 4);
            assert_eq!(memory.gradients_and_optimizer, 44 * 4 * numbers);
            assert_eq!(memory.outputs(5), 5 * 4 * 4);
        }
        Ok(())
    }

    #[test]
    fn what_does_not_fit_is_refused_with_its_cause() -> Result<()> {
        let memory = memory(OptimizerKind::Sgd)?;
        memory.check(5, 44 * 4 * 2 + 5 * 16)?;
        let error = memory.check(1_000_000, 1_000_000).expect_err("16 MB");
        assert!(
            error
                .to_string()
                .starts_with("--batch-size 1000000 needs at least 16.00 MB: 352 B for"),
            "{error}"
        );
        let error = memory.check(5, 400).expect_err("the parameters");
        assert!(error.to_string().starts_with("the model needs"), "{error}");
        Ok(())
    }
}
