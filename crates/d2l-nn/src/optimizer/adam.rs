//! Adam, and AdamW with weight decay apart from the gradient. D2L zh 11.10, en 12.10; Kingma and Ba 2015,
//! arXiv:1412.6980; Loshchilov and Hutter 2019, arXiv:1711.05101.

use std::collections::BTreeMap;

use candle_core::backprop::GradStore;
use candle_core::{DType, Result, Tensor, Var, bail};
use rayon::prelude::*;

use super::{
    Optimizer, ParamGroup, find, flat, gradient, key, named, refuse_unexpected, validate, zeros,
};
use crate::kernel::{self, CHUNK, Real};

const MEAN: &str = "exp_avg";
const SQUARE: &str = "exp_avg_sq";
const STEP: &str = "step";

/// Adam by PyTorch's formula, at step t:
///
/// g ← g + λ w  (Adam), or w ← w - η λ w  (AdamW)
/// m ← β₁ m + (1 - β₁) g;   s ← β₂ s + (1 - β₂) g²
/// w ← w - η / (1 - β₁ᵗ) · m / (√(s / (1 - β₂ᵗ)) + ε)
pub struct Adam {
    groups: Vec<ParamGroup>,
    learning_rate: f64,
    betas: (f64, f64),
    epsilon: f64,
    decoupled: bool,
    /// m, s and t of each parameter in the order of the groups.
    means: Vec<Tensor>,
    squares: Vec<Tensor>,
    steps: Vec<u32>,
    in_place: bool,
}

/// The numbers of one update.
#[derive(Clone, Copy)]
struct Rule {
    learning_rate: f64,
    weight_decay: f64,
    decoupled: bool,
    betas: (f64, f64),
    epsilon: f64,
    step: u32,
}

impl Adam {
    /// Adam with β₁ = 0.9, β₂ = 0.999, ε = 1e-8; a group's weight decay is added to its gradients.
    pub fn new(groups: Vec<ParamGroup>, learning_rate: f64) -> Result<Self> {
        validate(&groups, learning_rate)?;
        let (means, squares) = (zeros(&groups)?, zeros(&groups)?);
        let steps = vec![0; means.len()];
        Ok(Self {
            groups,
            learning_rate,
            betas: (0.9, 0.999),
            epsilon: 1e-8,
            decoupled: false,
            means,
            squares,
            steps,
            in_place: true,
        })
    }

    /// AdamW: as Adam, but a group's weight decay shrinks its parameters directly.
    pub fn decoupled(groups: Vec<ParamGroup>, learning_rate: f64) -> Result<Self> {
        Ok(Self {
            decoupled: true,
            ..Self::new(groups, learning_rate)?
        })
    }

    /// The same with other β₁ and β₂, from 0 to below 1.
    pub fn with_betas(self, beta1: f64, beta2: f64) -> Result<Self> {
        if !((0.0..1.0).contains(&beta1) && (0.0..1.0).contains(&beta2)) {
            bail!("found betas {beta1} and {beta2}, wanted 0 or more, below 1");
        }
        Ok(Self {
            betas: (beta1, beta2),
            ..self
        })
    }

    /// The same with another ε, the smallest divisor.
    pub fn with_epsilon(self, epsilon: f64) -> Result<Self> {
        if !(epsilon.is_finite() && epsilon >= 0.0) {
            bail!("found epsilon {epsilon}, wanted 0 or more");
        }
        Ok(Self { epsilon, ..self })
    }
}

impl Optimizer for Adam {
    fn step(&mut self, gradients: &GradStore) -> Result<()> {
        let memory = self
            .means
            .iter_mut()
            .zip(&mut self.squares)
            .zip(&mut self.steps);
        for ((group, name, var), ((mean, square), step)) in flat(&self.groups).zip(memory) {
            let Some(gradient) = gradient(gradients, name, var)? else {
                continue;
            };
            *step += 1;
            let rule = Rule {
                learning_rate: self.learning_rate * group.learning_rate_factor,
                weight_decay: group.weight_decay,
                decoupled: self.decoupled,
                betas: self.betas,
                epsilon: self.epsilon,
                step: *step,
            };
            if !(self.in_place && kernel::has_kernel(var)) {
                rule.composed(var, &gradient, mean, square)?;
            } else if var.dtype() == DType::F64 {
                rule.in_place::<f64>(var, &gradient, mean, square)?;
            } else {
                rule.in_place::<f32>(var, &gradient, mean, square)?;
            }
        }
        Ok(())
    }

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn set_learning_rate(&mut self, learning_rate: f64) {
        self.learning_rate = learning_rate;
    }

    fn state(&self) -> BTreeMap<String, Tensor> {
        let mut state = named(&self.groups, &self.means, MEAN);
        state.extend(named(&self.groups, &self.squares, SQUARE));
        for ((_, name, var), &step) in flat(&self.groups).zip(&self.steps) {
            if let Ok(step) = Tensor::new(step, var.device()) {
                state.insert(key(name, STEP), step);
            }
        }
        state
    }

    fn load_state(&mut self, state: &BTreeMap<String, Tensor>) -> Result<()> {
        refuse_unexpected(&self.groups, state, &[MEAN, SQUARE, STEP])?;
        let means = find(&self.groups, state, MEAN)?;
        let squares = find(&self.groups, state, SQUARE)?;
        let steps = flat(&self.groups)
            .map(|(_, name, _)| match state.get(&key(name, STEP)) {
                Some(step) => step.to_dtype(DType::U32)?.to_scalar::<u32>(),
                None => bail!(
                    "{} is missing: this is the state of another optimizer",
                    key(name, STEP)
                ),
            })
            .collect::<Result<Vec<u32>>>()?;
        (self.means, self.squares, self.steps) = (means, squares, steps);
        Ok(())
    }
}

impl Rule {
    /// η / (1 - β₁ᵗ) and √(1 - β₂ᵗ).
    fn corrections(self) -> (f64, f64) {
        let (beta1, beta2) = self.betas;
        let step = f64::from(self.step);
        (
            self.learning_rate / (1.0 - beta1.powf(step)),
            (1.0 - beta2.powf(step)).sqrt(),
        )
    }

    /// The definition, for any device.
    fn composed(
        self,
        var: &Var,
        gradient: &Tensor,
        mean: &mut Tensor,
        square: &mut Tensor,
    ) -> Result<()> {
        let (beta1, beta2) = self.betas;
        let (step_size, correction) = self.corrections();
        let mut w = var.as_detached_tensor();
        let mut g = gradient.clone();
        if self.weight_decay != 0.0 {
            if self.decoupled {
                w = (w * (1.0 - self.learning_rate * self.weight_decay))?;
            } else {
                g = (g + (&w * self.weight_decay)?)?;
            }
        }
        *mean = ((&*mean * beta1)? + (&g * (1.0 - beta1))?)?;
        *square = ((&*square * beta2)? + (g.sqr()? * (1.0 - beta2))?)?;
        let divisor = ((square.sqrt()? / correction)? + self.epsilon)?;
        var.set(&(w - ((&*mean / divisor)? * step_size)?)?)
    }

    /// The same in one pass.
    fn in_place<T: Real>(
        self,
        var: &Var,
        gradient: &Tensor,
        mean: &Tensor,
        square: &Tensor,
    ) -> Result<()> {
        kernel::change_by::<T>(var, gradient, |w, g| {
            kernel::change::<T>(mean, |m| {
                kernel::change::<T>(square, |s| {
                    if kernel::pays_to_share(w.len()) {
                        (
                            w.par_chunks_mut(CHUNK),
                            g.par_chunks(CHUNK),
                            m.par_chunks_mut(CHUNK),
                            s.par_chunks_mut(CHUNK),
                        )
                            .into_par_iter()
                            .for_each(|(w, g, m, s)| self.update(w, g, m, s));
                    } else {
                        self.update(w, g, m, s);
                    }
                    Ok(())
                })
            })
        })
    }

    fn update<T: Real>(self, w: &mut [T], g: &[T], m: &mut [T], s: &mut [T]) {
        let (step_size, correction) = self.corrections();
        let (step_size, one_over_correction) =
            (T::from_f64(step_size), T::from_f64(1.0 / correction));
        let (beta1, beta2) = (T::from_f64(self.betas.0), T::from_f64(self.betas.1));
        let (rest1, rest2) = (
            T::from_f64(1.0 - self.betas.0),
            T::from_f64(1.0 - self.betas.1),
        );
        let epsilon = T::from_f64(self.epsilon);
        let (added, shrink) = if self.decoupled {
            (
                T::ZERO,
                T::from_f64(1.0 - self.learning_rate * self.weight_decay),
            )
        } else {
            (T::from_f64(self.weight_decay), T::ONE)
        };
        for (((w, &g), m), s) in w.iter_mut().zip(g).zip(m).zip(s) {
            let g = g + added * *w;
            *m = beta1 * *m + rest1 * g;
            *s = beta2 * *s + rest2 * g * g;
            *w = shrink * *w - step_size * *m / (s.sqrt() * one_over_correction + epsilon);
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::testing::filled;

    #[test]
    fn the_kernel_and_the_definition_agree() -> Result<()> {
        for decoupled in [false, true] {
            for (dtype, tolerance) in [(DType::F32, 2e-6), (DType::F64, 4e-15)] {
                let run = |in_place| -> Result<Vec<f64>> {
                    let w = Var::from_tensor(&filled((250, 257), 1, 1.0, dtype, &Device::Cpu)?)?;
                    let group = ParamGroup {
                        weight_decay: 0.1,
                        ..ParamGroup::new(vec![("w".to_string(), w.clone())])
                    };
                    // An epsilon that keeps the quotient smooth where a gradient is almost zero.
                    let adam = Adam::new(vec![group], 0.1)?.with_epsilon(1e-3)?;
                    let mut adam = Adam {
                        in_place,
                        decoupled,
                        ..adam
                    };
                    for _ in 0..3 {
                        adam.step(&w.powf(3.0)?.sum_all()?.backward()?)?;
                    }
                    w.flatten_all()?.to_dtype(DType::F64)?.to_vec1()
                };
                let (kernel, definition) = (run(true)?, run(false)?);
                for (a, b) in kernel.iter().zip(&definition) {
                    assert!((a - b).abs() <= tolerance, "{a} and {b}");
                }
            }
        }
        Ok(())
    }
}
