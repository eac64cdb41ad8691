//! Optimizers: how parameters follow their gradients. D2L zh 11, en 12.
//!
//! Each rule is written twice. The definition is a composition of candle's operations and runs on any device. The CPU
//! kernel is one pass in place, without temporaries, and is tested against the definition. Parameters without a
//! gradient are skipped, as in PyTorch.
//!
//! Reading order: this file, [`Sgd`], [`Adagrad`], [`RmsProp`], [`Adadelta`], [`Adam`], [`Yogi`], one file each, and
//! `descent`, which walks through the parameters for all of them, and `joined`, for devices without kernels.

mod adadelta;
mod adagrad;
mod adam;
mod descent;
mod joined;
mod rmsprop;
mod sgd;
mod state;
#[cfg(test)]
mod tests;
mod yogi;

pub use adadelta::Adadelta;
pub use adagrad::Adagrad;
pub use adam::Adam;
pub use descent::Descent;
pub use rmsprop::RmsProp;
pub use sgd::Sgd;
pub use state::State;
pub use yogi::Yogi;

use candle_core::backprop::GradStore;
use candle_core::{Result, Var};

/// Parameters that are trained with their own settings.
#[derive(Clone, Debug)]
pub struct ParamGroup {
    /// The parameters, by name.
    pub parameters: Vec<(String, Var)>,
    /// The group's learning rate is the optimizer's times this factor: usually 1; 10 for the new last layer of a model
    /// that is fine-tuned.
    pub learning_rate_factor: f64,
    /// Weight decay λ: 0 for none, as is usual for biases.
    pub weight_decay: f64,
}

impl ParamGroup {
    /// A group with the optimizer's learning rate and without weight decay.
    pub fn new(parameters: Vec<(String, Var)>) -> Self {
        Self { parameters, learning_rate_factor: 1.0, weight_decay: 0.0 }
    }

    /// Two groups: weights that decay by λ, and biases that don't, since a bias makes no function steeper.
    pub fn sparing_biases(parameters: Vec<(String, Var)>, weight_decay: f64) -> Vec<Self> {
        let is_bias = |(name, _): &(String, Var)| name.ends_with("bias");
        let (biases, weights) = parameters.into_iter().partition(is_bias);
        vec![
            Self { weight_decay, ..Self::new(weights) },
            Self::new(biases),
        ]
    }
}

/// A rule that changes parameters by their gradients.
pub trait Optimizer: State {
    /// One update of every parameter that has a gradient.
    fn step(&mut self, gradients: &GradStore) -> Result<()>;

    /// The learning rate η, before the groups' factors.
    fn learning_rate(&self) -> f64;

    /// Changes η, as a schedule does from epoch to epoch.
    fn set_learning_rate(&mut self, learning_rate: f64);
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
}
