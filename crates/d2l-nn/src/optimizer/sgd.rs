//! Stochastic gradient descent, plain and with momentum. D2L zh 11.4 and 11.6, en 12.4 and 12.6; Sutskever et al.
//! 2013 for Nesterov's momentum.

use std::collections::BTreeMap;

use candle_core::backprop::GradStore;
use candle_core::{DType, Result, Tensor, Var, bail};
use rayon::prelude::*;

use super::{
    Optimizer, ParamGroup, find, flat, gradient, named, refuse_unexpected, validate, zeros,
};
use crate::kernel::{self, CHUNK, Real};

const BUFFER: &str = "momentum_buffer";

/// Stochastic gradient descent by PyTorch's formula:
///
/// g ← g + λ w;   v ← μ v + g;   w ← w - η v, or w ← w - η (g + μ v) with Nesterov's momentum
///
/// Without momentum v = g and nothing is remembered.
pub struct Sgd {
    groups: Vec<ParamGroup>,
    learning_rate: f64,
    momentum: f64,
    nesterov: bool,
    /// v of each parameter in the order of the groups; empty without momentum.
    velocities: Vec<Tensor>,
    in_place: bool,
}

/// The numbers of one update.
#[derive(Clone, Copy)]
struct Rule {
    learning_rate: f64,
    weight_decay: f64,
    momentum: f64,
    nesterov: bool,
}

impl Sgd {
    /// SGD with `momentum` μ, 0 for none, below 1; `nesterov` needs one.
    pub fn new(
        groups: Vec<ParamGroup>,
        learning_rate: f64,
        momentum: f64,
        nesterov: bool,
    ) -> Result<Self> {
        validate(&groups, learning_rate)?;
        if !(0.0..1.0).contains(&momentum) {
            bail!("found momentum {momentum}, wanted 0 or more, below 1");
        }
        if nesterov && momentum == 0.0 {
            bail!("Nesterov's momentum needs a momentum above 0");
        }
        let velocities = if momentum == 0.0 {
            Vec::new()
        } else {
            zeros(&groups)?
        };
        Ok(Self {
            groups,
            learning_rate,
            momentum,
            nesterov,
            velocities,
            in_place: true,
        })
    }
}

impl Optimizer for Sgd {
    fn step(&mut self, gradients: &GradStore) -> Result<()> {
        let mut velocities = self.velocities.iter_mut();
        for (group, name, var) in flat(&self.groups) {
            let velocity = velocities.next();
            let Some(gradient) = gradient(gradients, name, var)? else {
                continue;
            };
            let rule = Rule {
                learning_rate: self.learning_rate * group.learning_rate_factor,
                weight_decay: group.weight_decay,
                momentum: self.momentum,
                nesterov: self.nesterov,
            };
            if !(self.in_place && kernel::has_kernel(var)) {
                rule.composed(var, &gradient, velocity)?;
            } else if var.dtype() == DType::F64 {
                rule.in_place::<f64>(var, &gradient, velocity)?;
            } else {
                rule.in_place::<f32>(var, &gradient, velocity)?;
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
        named(&self.groups, &self.velocities, BUFFER)
    }

    fn load_state(&mut self, state: &BTreeMap<String, Tensor>) -> Result<()> {
        let kinds: &[&str] = if self.momentum == 0.0 { &[] } else { &[BUFFER] };
        refuse_unexpected(&self.groups, state, kinds)?;
        if self.momentum != 0.0 {
            self.velocities = find(&self.groups, state, BUFFER)?;
        }
        Ok(())
    }
}

impl Rule {
    /// The definition, for any device.
    fn composed(self, var: &Var, gradient: &Tensor, velocity: Option<&mut Tensor>) -> Result<()> {
        let w = var.as_detached_tensor();
        let mut g = gradient.clone();
        if self.weight_decay != 0.0 {
            g = (g + (&w * self.weight_decay)?)?;
        }
        let direction = match velocity {
            None => g,
            Some(v) => {
                *v = ((&*v * self.momentum)? + &g)?;
                if self.nesterov {
                    (g + (&*v * self.momentum)?)?
                } else {
                    v.clone()
                }
            }
        };
        var.set(&(w - (direction * self.learning_rate)?)?)
    }

    /// The same in one pass.
    fn in_place<T: Real>(
        self,
        var: &Var,
        gradient: &Tensor,
        velocity: Option<&mut Tensor>,
    ) -> Result<()> {
        match velocity {
            None => kernel::change_by::<T>(var, gradient, |w, g| {
                if kernel::pays_to_share(w.len()) {
                    (w.par_chunks_mut(CHUNK), g.par_chunks(CHUNK))
                        .into_par_iter()
                        .for_each(|(w, g)| self.plain(w, g));
                } else {
                    self.plain(w, g);
                }
                Ok(())
            }),
            Some(velocity) => kernel::change_by::<T>(var, gradient, |w, g| {
                kernel::change::<T>(velocity, |v| {
                    if kernel::pays_to_share(w.len()) {
                        (
                            w.par_chunks_mut(CHUNK),
                            g.par_chunks(CHUNK),
                            v.par_chunks_mut(CHUNK),
                        )
                            .into_par_iter()
                            .for_each(|(w, g, v)| self.with_momentum(w, g, v));
                    } else {
                        self.with_momentum(w, g, v);
                    }
                    Ok(())
                })
            }),
        }
    }

    fn plain<T: Real>(self, w: &mut [T], g: &[T]) {
        let learning_rate = T::from_f64(self.learning_rate);
        let weight_decay = T::from_f64(self.weight_decay);
        for (w, &g) in w.iter_mut().zip(g) {
            *w -= learning_rate * (g + weight_decay * *w);
        }
    }

    fn with_momentum<T: Real>(self, w: &mut [T], g: &[T], v: &mut [T]) {
        let learning_rate = T::from_f64(self.learning_rate);
        let weight_decay = T::from_f64(self.weight_decay);
        let momentum = T::from_f64(self.momentum);
        for ((w, &g), v) in w.iter_mut().zip(g).zip(v) {
            let g = g + weight_decay * *w;
            *v = momentum * *v + g;
            *w -= learning_rate * if self.nesterov { g + momentum * *v } else { *v };
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
        for (momentum, nesterov, weight_decay) in [
            (0.0, false, 0.0),
            (0.0, false, 0.1),
            (0.9, false, 0.1),
            (0.9, true, 0.1),
        ] {
            for (dtype, tolerance) in [(DType::F32, 1e-6), (DType::F64, 1e-15)] {
                let run = |in_place| -> Result<Vec<f64>> {
                    let w = Var::from_tensor(&filled((250, 257), 1, 1.0, dtype, &Device::Cpu)?)?;
                    let group = ParamGroup {
                        weight_decay,
                        ..ParamGroup::new(vec![("w".to_string(), w.clone())])
                    };
                    let mut sgd = Sgd {
                        in_place,
                        ..Sgd::new(vec![group], 0.1, momentum, nesterov)?
                    };
                    for _ in 0..3 {
                        sgd.step(&w.powf(3.0)?.sum_all()?.backward()?)?;
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
