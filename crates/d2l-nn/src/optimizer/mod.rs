//! Optimizers: how parameters follow their gradients. D2L zh 11, en 12.
//!
//! Each is written twice: as a composition of candle's operations, which is the definition and runs on any device,
//! and for the CPU as one pass in place, without temporaries, tested against it. Parameters without a gradient are
//! skipped, as PyTorch does.

mod adam;
mod sgd;

pub use adam::Adam;
pub use sgd::Sgd;

use std::collections::{BTreeMap, HashSet};

use candle_core::backprop::GradStore;
use candle_core::{Result, Tensor, Var, bail};

/// Parameters that are trained with settings of their own.
#[derive(Clone, Debug)]
pub struct ParamGroup {
    /// The parameters, by name.
    pub parameters: Vec<(String, Var)>,
    /// The group's learning rate is the optimizer's, times this: 1 for the usual one, 10 for a new last layer on a
    /// model that is fine-tuned.
    pub learning_rate_factor: f64,
    /// Weight decay λ: 0 for none, as is usual for biases.
    pub weight_decay: f64,
}

impl ParamGroup {
    /// A group with the optimizer's learning rate and without weight decay.
    pub fn new(parameters: Vec<(String, Var)>) -> Self {
        Self {
            parameters,
            learning_rate_factor: 1.0,
            weight_decay: 0.0,
        }
    }

    /// Weights that decay by λ, and biases that don't: a bias makes no function steeper.
    pub fn sparing_biases(parameters: Vec<(String, Var)>, weight_decay: f64) -> Vec<Self> {
        let is_bias = |(name, _): &(String, Var)| name.ends_with("bias");
        let (biases, weights) = parameters.into_iter().partition(is_bias);
        vec![
            Self {
                weight_decay,
                ..Self::new(weights)
            },
            Self::new(biases),
        ]
    }
}

/// A rule that changes parameters by their gradients.
pub trait Optimizer {
    /// One update of every parameter that has a gradient.
    fn step(&mut self, gradients: &GradStore) -> Result<()>;

    /// The learning rate η, before the groups' factors.
    fn learning_rate(&self) -> f64;

    /// Changes η, as a schedule does from epoch to epoch.
    fn set_learning_rate(&mut self, learning_rate: f64);

    /// What the rule remembers from step to step, under PyTorch's names after the parameter's: copies, for checkpoints.
    /// A rule without memory, such as plain SGD, keeps this default.
    fn state(&self) -> BTreeMap<String, Tensor> {
        BTreeMap::new()
    }

    /// Goes on from such a state.
    ///
    /// # Errors
    /// Where a name is missing or unexpected or a shape is wrong; then nothing has been changed.
    fn load_state(&mut self, state: &BTreeMap<String, Tensor>) -> Result<()> {
        match state.keys().next() {
            None => Ok(()),
            Some(name) => candle_core::bail!(
                "found {name} in the state of an optimizer that remembers nothing"
            ),
        }
    }
}

impl<O: Optimizer + ?Sized> Optimizer for Box<O> {
    fn step(&mut self, gradients: &GradStore) -> Result<()> {
        (**self).step(gradients)
    }

    fn learning_rate(&self) -> f64 {
        (**self).learning_rate()
    }

    fn set_learning_rate(&mut self, learning_rate: f64) {
        (**self).set_learning_rate(learning_rate);
    }

    fn state(&self) -> BTreeMap<String, Tensor> {
        (**self).state()
    }

    fn load_state(&mut self, state: &BTreeMap<String, Tensor>) -> Result<()> {
        (**self).load_state(state)
    }
}

/// All parameters in the order of the groups, each with its group.
fn flat(groups: &[ParamGroup]) -> impl Iterator<Item = (&ParamGroup, &str, &Var)> {
    groups.iter().flat_map(|group| {
        group
            .parameters
            .iter()
            .map(move |(name, var)| (group, name.as_str(), var))
    })
}

/// Refuses what no optimizer can use.
fn validate(groups: &[ParamGroup], learning_rate: f64) -> Result<()> {
    let not_negative = |x: f64| x.is_finite() && x >= 0.0;
    if !not_negative(learning_rate) {
        bail!("found learning rate {learning_rate}, wanted 0 or more");
    }
    for group in groups {
        if !not_negative(group.learning_rate_factor) {
            bail!(
                "found learning rate factor {}, wanted 0 or more",
                group.learning_rate_factor
            );
        }
        if !not_negative(group.weight_decay) {
            bail!(
                "found weight decay {}, wanted 0 or more",
                group.weight_decay
            );
        }
    }
    let mut names = HashSet::new();
    let mut ids = HashSet::new();
    for (_, name, var) in flat(groups) {
        if !names.insert(name) || !ids.insert(var.id()) {
            bail!("{name} is in the groups twice, wanted once: it would take two steps at a time");
        }
    }
    Ok(())
}

/// The gradient of a parameter, contiguous; `None` where the loss does not depend on it.
fn gradient(gradients: &GradStore, name: &str, var: &Var) -> Result<Option<Tensor>> {
    let Some(gradient) = gradients.get(var) else {
        return Ok(None);
    };
    if gradient.shape() != var.shape() || gradient.dtype() != var.dtype() {
        bail!(
            "{name}: found a gradient {:?} {:?}, wanted {:?} {:?}",
            gradient.shape(),
            gradient.dtype(),
            var.shape(),
            var.dtype()
        );
    }
    gradient.detach().contiguous().map(Some)
}

/// One tensor of zeros for each parameter.
fn zeros(groups: &[ParamGroup]) -> Result<Vec<Tensor>> {
    flat(groups)
        .map(|(_, _, var)| Ok(var.zeros_like()?.detach()))
        .collect()
}

/// `NAME.kind` of each parameter's entry in the state.
fn key(name: &str, kind: &str) -> String {
    format!("{name}.{kind}")
}

/// Copies of `tensors`, one for each parameter, by name.
fn named(groups: &[ParamGroup], tensors: &[Tensor], kind: &str) -> BTreeMap<String, Tensor> {
    // A copy on one device fails only where memory does; then the shared tensor is the best there is.
    let copy = |tensor: &Tensor| tensor.copy().unwrap_or_else(|_| tensor.clone());
    flat(groups)
        .zip(tensors)
        .map(|((_, name, _), tensor)| (key(name, kind), copy(tensor)))
        .collect()
}

/// One tensor for each parameter out of a state, on the parameter's device and in its type.
fn find(
    groups: &[ParamGroup],
    state: &BTreeMap<String, Tensor>,
    kind: &str,
) -> Result<Vec<Tensor>> {
    flat(groups)
        .map(|(_, name, var)| {
            let Some(tensor) = state.get(&key(name, kind)) else {
                bail!(
                    "{} is missing: this is the state of another optimizer",
                    key(name, kind)
                );
            };
            if tensor.dims() != var.dims() {
                bail!(
                    "{}: found shape {:?}, wanted {:?}",
                    key(name, kind),
                    tensor.dims(),
                    var.dims()
                );
            }
            // A copy, so that steps in place don't change the caller's.
            tensor
                .to_device(var.device())?
                .to_dtype(var.dtype())?
                .copy()
        })
        .collect()
}

/// Refuses entries of a state that belong to no parameter or to another rule.
fn refuse_unexpected(
    groups: &[ParamGroup],
    state: &BTreeMap<String, Tensor>,
    kinds: &[&str],
) -> Result<()> {
    let known: HashSet<String> = flat(groups)
        .flat_map(|(_, name, _)| kinds.iter().map(move |kind| key(name, kind)))
        .collect();
    match state.keys().find(|name| !known.contains(*name)) {
        Some(name) => bail!("{name} is unexpected: this is the state of another optimizer"),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;
    use crate::testing::filled;

    type Make = fn(Vec<ParamGroup>) -> Result<Box<dyn Optimizer>>;

    const EVERY_RULE: [Make; 5] = [
        |groups| Ok(Box::new(Sgd::new(groups, 0.1, 0.0, false)?)),
        |groups| Ok(Box::new(Sgd::new(groups, 0.1, 0.9, false)?)),
        |groups| Ok(Box::new(Sgd::new(groups, 0.1, 0.9, true)?)),
        |groups| Ok(Box::new(Adam::new(groups, 0.1)?)),
        |groups| Ok(Box::new(Adam::decoupled(groups, 0.1)?)),
    ];

    /// Two parameters in two groups, and the loss Σ a³ + Σ b².
    struct Toy {
        a: Var,
        b: Var,
    }

    impl Toy {
        fn new() -> Result<Self> {
            let var =
                |salt| Var::from_tensor(&filled((6, 7), salt, 1.0, DType::F32, &Device::Cpu)?);
            Ok(Self {
                a: var(1)?,
                b: var(2)?,
            })
        }

        fn groups(&self) -> Vec<ParamGroup> {
            vec![
                ParamGroup {
                    weight_decay: 0.1,
                    ..ParamGroup::new(vec![("a".to_string(), self.a.clone())])
                },
                ParamGroup {
                    learning_rate_factor: 2.0,
                    ..ParamGroup::new(vec![("b".to_string(), self.b.clone())])
                },
            ]
        }

        fn train(&self, optimizer: &mut dyn Optimizer, steps: usize) -> Result<()> {
            for _ in 0..steps {
                let loss = (self.a.powf(3.0)?.sum_all()? + self.b.sqr()?.sum_all()?)?;
                optimizer.step(&loss.backward()?)?;
            }
            Ok(())
        }

        fn values(&self) -> Result<[Vec<Vec<f32>>; 2]> {
            Ok([self.a.to_vec2()?, self.b.to_vec2()?])
        }
    }

    #[test]
    fn a_restored_state_goes_on_bit_for_bit() -> Result<()> {
        for make in EVERY_RULE {
            let whole = Toy::new()?;
            whole.train(&mut make(whole.groups())?, 5)?;

            let first = Toy::new()?;
            let mut optimizer = make(first.groups())?;
            first.train(&mut optimizer, 2)?;
            let state = optimizer.state();
            let second = Toy::new()?;
            second.a.set(&first.a)?;
            second.b.set(&first.b)?;
            first.train(&mut optimizer, 1)?; // changes neither the state taken before nor the second model
            let mut optimizer = make(second.groups())?;
            let sums = || -> Result<Vec<f64>> {
                let sum = |tensor: &Tensor| tensor.to_dtype(DType::F64)?.sum_all()?.to_scalar();
                state.values().map(sum).collect()
            };
            let before = sums()?;
            optimizer.load_state(&state)?;
            second.train(&mut optimizer, 3)?;
            assert_eq!(sums()?, before, "the caller's state is not trained on");
            assert_eq!(second.values()?, whole.values()?);
        }
        Ok(())
    }

    #[test]
    fn the_state_of_another_optimizer_is_refused_and_named() -> Result<()> {
        let toy = Toy::new()?;
        let [mut plain, mut momentum, mut adam] = [EVERY_RULE[0], EVERY_RULE[1], EVERY_RULE[3]]
            .map(|make| make(toy.groups()).expect("valid"));
        let refused = |result: Result<()>| result.expect_err("another state").to_string();
        assert!(
            refused(plain.load_state(&momentum.state()))
                .contains("a.momentum_buffer is unexpected")
        );
        assert!(
            refused(momentum.load_state(&plain.state())).contains("a.momentum_buffer is missing")
        );
        assert!(
            refused(adam.load_state(&momentum.state())).contains("a.momentum_buffer is unexpected")
        );
        let mut state = adam.state();
        state.insert(
            "b.exp_avg".to_string(),
            Tensor::zeros(3, DType::F32, &Device::Cpu)?,
        );
        assert!(
            refused(adam.load_state(&state)).contains("b.exp_avg: found shape [3], wanted [6, 7]")
        );
        Ok(())
    }

    #[test]
    fn settings_that_no_training_can_use_are_refused() -> Result<()> {
        let groups = || -> Result<Vec<ParamGroup>> { Ok(Toy::new()?.groups()) };
        assert!(Sgd::new(groups()?, -0.1, 0.0, false).is_err());
        assert!(Sgd::new(groups()?, f64::NAN, 0.0, false).is_err());
        assert!(Sgd::new(groups()?, 0.1, 1.0, false).is_err());
        assert!(Sgd::new(groups()?, 0.1, 0.0, true).is_err());
        assert!(Adam::new(groups()?, 0.1)?.with_betas(0.9, 1.0).is_err());
        assert!(Adam::new(groups()?, 0.1)?.with_epsilon(-1.0).is_err());
        let toy = Toy::new()?;
        let twice = [toy.groups(), toy.groups()].concat();
        let error = Sgd::new(twice, 0.1, 0.0, false)
            .err()
            .expect("twice")
            .to_string();
        assert!(error.contains("a is in the groups twice"), "{error}");
        Ok(())
    }

    #[test]
    fn a_schedule_changes_the_rate_of_every_group() -> Result<()> {
        let toy = Toy::new()?;
        let before = toy.values()?;
        let mut optimizer = Sgd::new(toy.groups(), 0.1, 0.0, false)?;
        optimizer.set_learning_rate(0.0);
        toy.train(&mut optimizer, 1)?;
        assert_eq!((optimizer.learning_rate(), toy.values()?), (0.0, before));
        Ok(())
    }
}
