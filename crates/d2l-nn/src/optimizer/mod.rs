//! Optimizers: how parameters follow their gradients. D2L zh 11, en 12.
//!
//! Each rule is written twice: as a composition of candle's operations, which is the definition and runs on any
//! device, and for the CPU as one pass in place, without temporaries, tested against it. Parameters without a gradient
//! are skipped, as PyTorch does.
//!
//! Reading order: this file, [`Sgd`], [`Adagrad`], [`RmsProp`], [`Adadelta`], [`Adam`], [`Yogi`], one file each, and
//! `descent`, which walks through the parameters, for all of them.

mod adadelta;
mod adagrad;
mod adam;
mod descent;
mod rmsprop;
mod sgd;
#[cfg(test)]
mod tests;
mod yogi;

pub use adadelta::Adadelta;
pub use adagrad::Adagrad;
pub use adam::Adam;
pub use descent::Descent;
pub use rmsprop::RmsProp;
pub use sgd::Sgd;
pub use yogi::Yogi;

use std::collections::BTreeMap;

use candle_core::backprop::GradStore;
use candle_core::{Result, Tensor, Var};

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
