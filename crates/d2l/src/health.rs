//! What goes wrong in training without an error: parameters without a gradient, dead layers, a prediction that does not
//! depend on the input. Also the likely cause when a number is not finite.

use std::collections::BTreeSet;

use anyhow::Result;
use candle_core::{DType, Tensor};
use d2l_data::Splits;
use d2l_nn::{Layer, Observations, no_grad, observed};

use crate::Run;

/// Number of examples for the check: a unit that is silent for one example says little, for this many it is telling.
const EXAMPLES: usize = 64;

/// Outputs closer to each other than this share of the largest one count as equal: they differ by rounding only.
const ROUNDING: f64 = 1e-6;

/// If a model's first gradient has this norm, no learning rate can help.
const HUGE: f64 = 1e6;

/// What has been noticed so far.
#[derive(Default)]
pub(crate) struct Health {
    /// For each parameter, whether its gradient was 0 in all steps of the epoch so far.
    silent: Vec<bool>,
    /// The warnings that were printed; each is printed once.
    said: BTreeSet<String>,
}

impl Health {
    /// Forgets the last epoch's gradients.
    pub fn epoch_begins(&mut self) {
        self.silent.clear();
    }

    /// Looks at a step's gradients: Σ g² of each parameter.
    pub fn saw_gradients(&mut self, squares: &[Option<f64>]) {
        self.silent.resize(squares.len(), true);
        for (silent, square) in self.silent.iter_mut().zip(squares) {
            *silent &= *square == Some(0.0);
        }
    }

    /// The warning about parameters whose gradient was 0 in every step of the epoch; `names` has all parameters'.
    fn about_gradients(&self, names: impl FnOnce() -> Vec<String>) -> Option<String> {
        if !self.silent.contains(&true) {
            return None; // the usual case, after each epoch
        }
        let names = names();
        let silent = names.iter().zip(&self.silent);
        let silent: Vec<&str> = silent
            .filter(|(_, silent)| **silent)
            .map(|(name, _)| name.as_str())
            .collect();
        let what = match &silent[..] {
            [] => return None,
            all if all.len() == names.len() => "all parameters".to_string(),
            [one] => one.to_string(),
            [one, other] => format!("{one} and {other}"),
            [first, .., last] => format!("{first}, …, {last} ({} parameters)", silent.len()),
        };
        Some(format!(
            "the gradient of {what} was 0 in every step of the epoch: nothing is learned there"
        ))
    }
}

impl Run {
    /// Warns of what is wrong after an epoch, each thing once: parameters whose gradient was 0 in every step, a layer
    /// whose outputs are all 0, a prediction that is the same for different inputs. `predict` computes, in evaluation
    /// mode, a minibatch: the first rows of the held-out set, or of the training set if nothing is held out. A model
    /// written by hand, which reports no layers, is judged by its gradients alone.
    ///
    /// [`fit`](crate::fit()) calls this. A prediction is made after the epochs 1, 2, 4, 8, … and the last.
    pub fn examine<T, const N: usize>(
        &mut self,
        data: &Splits<N>,
        predict: impl FnOnce(&[Tensor; N]) -> Result<T>,
    ) -> Result<()> {
        let names = || {
            let parameters = self.params.parameters().into_iter();
            parameters.map(|(name, _)| name).collect()
        };
        let mut warnings = Vec::from_iter(self.health.about_gradients(names));
        let done = self.checkpoint.progress.epochs_done;
        if done.is_power_of_two() || done == self.settings.recipe.epochs {
            let set = match data.valid.is_empty() {
                true => &data.train,
                false => &data.valid,
            };
            let count = set.len().min(self.settings.recipe.batch_size).min(EXAMPLES);
            let rows: Vec<usize> = (0..count).collect();
            let batch = set.batch(&rows, &self.settings.device)?;
            let (predicted, observations) = observed(|| Ok(no_grad(|| predict(&batch))))?;
            predicted?;
            if let Some(input) = batch.first() {
                warnings.extend(about_layers(&observations, input)?);
            }
        }
        for warning in warnings {
            if self.health.said.insert(warning.clone()) {
                self.say(&format!("warning after epoch {done}: {warning}"));
            }
        }
        Ok(())
    }

    /// The error if `what` is not a finite number after `step` steps of the current epoch.
    pub(crate) fn diverged(&self, what: &str, step: usize) -> anyhow::Error {
        let progress = &self.checkpoint.progress;
        let in_first_step =
            progress.train.first_non_finite() == Some(1) && progress.epochs_done == 0;
        let cause = match progress.first_gradient_norm {
            _ if in_first_step => {
                "nothing has been learned yet, so the initial values (--initializer) or the data are the cause".to_string()
            }
            Some(norm) if !norm.is_finite() || norm > HUGE => format!(
                "the first gradient already had the norm {norm:.1e}, so the initial values (--initializer) are the likely \
                 cause"
            ),
            _ => {
                let rate = self.learning_rate();
                let rate = match (1e-4..1e6).contains(&rate) {
                    true => rate.to_string(),
                    false => format!("{rate:e}"),
                };
                format!("the learning rate {rate} is the likely cause; try a smaller one")
            }
        };
        let place = match (progress.epochs_done, step) {
            (done @ 1.., 0) => format!("after epoch {done}"),
            _ => format!("at epoch {}, step {step}", self.epoch()),
        };
        anyhow::anyhow!("the {what} is not a finite number any more {place}: {cause}")
    }
}

/// Warnings about the layers of one pass over `input`: the first whose outputs are all 0, and a constant prediction.
fn about_layers(observations: &Observations, input: &Tensor) -> Result<Vec<String>> {
    let layers = observations.rows(&[input]);
    let mut warnings = Vec::new();
    for (index, layer) in layers.iter().enumerate() {
        if largest(&layer.output)? == 0.0 {
            let after = match index.checked_sub(1).and_then(|index| layers.get(index)) {
                Some(Layer { name, .. }) => format!(" (after {name})"),
                None => String::new(),
            };
            warnings.push(format!(
                "{}{after} is 0 for every example: the layer is dead, no gradient passes it; a smaller --learning-rate or \
                 another --initializer may keep it alive",
                layer.name
            ));
            break;
        }
    }
    if let Some(last) = layers.last()
        && !is_constant(input)?
        && is_constant(&last.output)?
    {
        warnings.push(format!(
            "{} gives the same prediction for {} different examples",
            last.name,
            input.dim(0)?
        ));
    }
    Ok(warnings)
}

/// Whether all examples of a batch have the same numbers, up to rounding. False for fewer than two examples.
fn is_constant(x: &Tensor) -> Result<bool> {
    let examples = x.dim(0)?;
    if examples < 2 {
        return Ok(false);
    }
    let x = floating(x)?.reshape((examples, ()))?;
    let differences = x.broadcast_sub(&x.narrow(0, 0, 1)?)?;
    Ok(largest(&differences)? <= ROUNDING * largest(&x)?)
}

/// max |x|
fn largest(x: &Tensor) -> Result<f64> {
    let x = floating(x)?.flatten_all()?;
    Ok(x.abs()?.max(0)?.to_dtype(DType::F64)?.to_scalar()?)
}

/// Tokens as numbers that can be subtracted; other numbers as they are, since logits of many words take much memory.
fn floating(x: &Tensor) -> Result<Tensor> {
    Ok(match x.dtype().is_float() {
        true => x.clone(),
        false => x.to_dtype(DType::F64)?,
    })
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Module};
    use d2l_nn::{Initializer, ParamStore, linear, relu};

    use super::*;

    #[test]
    fn a_parameter_is_silent_if_all_its_gradients_of_the_epoch_were_0() {
        let names = || ["a", "b", "c"].map(String::from).to_vec();
        let mut health = Health::default();
        assert_eq!(health.about_gradients(names), None);
        health.saw_gradients(&[Some(0.0), Some(0.0), Some(0.0)]);
        let text = health.about_gradients(names).expect("all are silent");
        assert!(
            text.starts_with("the gradient of all parameters was 0"),
            "{text}"
        );
        health.saw_gradients(&[Some(0.0), Some(2.0), None]);
        let text = health.about_gradients(names).expect("a is silent");
        assert!(text.starts_with("the gradient of a was 0"), "{text}");
        health.epoch_begins();
        health.saw_gradients(&[Some(1.0), Some(0.0), Some(0.0)]);
        let text = health.about_gradients(names).expect("b and c are silent");
        assert!(text.starts_with("the gradient of b and c was 0"), "{text}");
    }

    /// x -> hidden -> relu -> output, where the hidden layer's bias is `bias`.
    fn warnings(bias: f64) -> Result<Vec<String>> {
        let params = ParamStore::new(0, &Device::Cpu);
        let normal = Initializer::Normal { std: 0.1 };
        let hidden = linear(3, 4, &normal, params.builder().pp("hidden"))?;
        let output = linear(4, 2, &normal, params.builder().pp("output"))?;
        for (name, var) in params.parameters() {
            if name == "hidden.bias" {
                var.set(&(var.ones_like()? * bias)?)?;
            }
        }
        let x = Tensor::new(&[[1f32, 2.0, 3.0], [-1.0, 0.5, 2.0]], &Device::Cpu)?;
        let forward = || output.forward(&relu(&hidden.forward(&x)?)?);
        let (_, observations) = observed(forward)?;
        about_layers(&observations, &x)
    }

    #[test]
    fn a_dead_layer_and_a_constant_prediction_are_named() -> Result<()> {
        assert_eq!(warnings(1.0)?, Vec::<String>::new());
        let dead = warnings(-100.0)?;
        assert_eq!(dead.len(), 2, "{dead:?}");
        assert!(
            dead[0].starts_with("relu (after hidden) is 0"),
            "{}",
            dead[0]
        );
        assert!(
            dead[1].starts_with("output gives the same prediction for 2 different examples"),
            "{}",
            dead[1]
        );
        Ok(())
    }
}
