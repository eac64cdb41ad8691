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
}

/// A rule that changes parameters by their gradients.
pub trait Optimizer {
    /// One update of every parameter that has a gradient.
    fn step(&mut self, gradients: &GradStore) -> Result<()>;

    /// The learning rate η, before the groups' factors.
    fn learning_rate(&self) -> f64;

    /// Changes η, as a schedule does from epoch to epoch.
    fn set_learning_rate(&mut self, learning_rate: f64);

    /// What is trained.
    fn groups(&self) -> &[ParamGroup];

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

    fn groups(&self) -> &[ParamGroup] {
        (**self).groups()
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
