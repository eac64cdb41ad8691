//! How a model is trained: every number that changes the result, typed, validated and logged.

use anyhow::Result;
use d2l_nn::{
    Adadelta, Adagrad, Adam, Initializer, Optimizer, ParamGroup, ParamStore, Precision, RmsProp,
    Schedule, Sgd, Yogi,
};
use serde::{Deserialize, Serialize};
use std::fmt::Display;

use crate::changes::name_of;
use crate::{at_least_one, usage};

/// The optimizers that a recipe can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum OptimizerKind {
    /// Stochastic gradient descent. D2L zh 11.4, en 12.4.
    Sgd,
    /// Adagrad. D2L zh 11.7, en 12.7; Duchi et al. 2011.
    Adagrad,
    /// RMSProp with γ = 0.9, as in the book. D2L zh 11.8, en 12.8.
    Rmsprop,
    /// Adadelta with ρ = 0.9; Zeiler's method has --learning-rate 1. D2L zh 11.9, en 12.9; Zeiler 2012,
    /// arXiv:1212.5701.
    Adadelta,
    /// Adam. D2L zh 11.10, en 12.10; Kingma and Ba 2015, arXiv:1412.6980.
    Adam,
    /// Adam with decoupled weight decay. Loshchilov and Hutter 2019, arXiv:1711.05101.
    Adamw,
    /// Yogi. D2L zh 11.10.3, en 12.10.3; Zaheer et al. 2018.
    Yogi,
}

/// α of RMSProp. D2L zh 11.8.3, en 12.8.3.
const RMSPROP_ALPHA: f64 = 0.9;

impl Display for OptimizerKind {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(&name_of(self))
    }
}

/// How a model is trained. Each field is a flag of the same name, which changes the preset's value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, clap::Args)]
#[command(next_help_heading = "Recipe (the preset's values, unless given)")]
pub struct Recipe {
    /// Passes over the training set; 0 evaluates and saves the initial parameters
    #[arg(long, value_name = "N")]
    pub epochs: usize,
    /// Examples in a minibatch
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub batch_size: usize,
    /// Step size η at the start; the schedule may change it from epoch to epoch
    #[arg(long, value_name = "RATE")]
    pub learning_rate: f64,
    /// Update rule
    #[arg(long, value_enum)]
    pub optimizer: OptimizerKind,
    /// Momentum of SGD and RMSProp; 0 for none
    #[arg(long, value_name = "M")]
    pub momentum: f64,
    /// Nesterov's momentum for SGD: true or false
    #[arg(long, value_name = "BOOL", action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    pub nesterov: bool,
    /// Weight decay λ: λw is added to the gradient, or for AdamW subtracted from the weight directly
    #[arg(long, value_name = "LAMBDA")]
    pub weight_decay: f64,
    /// Learning rate from epoch to epoch: constant, square-root, exponential:factor=0.9, step:every=10,factor=0.5,
    /// multi-step:at=15+30,factor=0.5, polynomial:power=2, cosine, one-cycle, …; append warm-up=5 to any.
    /// plateau:factor=0.25 multiplies it after each epoch that doesn't lower the validation loss
    #[arg(long, value_parser = parse::<Schedule>)]
    pub schedule: Schedule,
    /// Number of minibatches whose mean gradient makes one step. The rest of an epoch makes a step too. The log counts
    /// minibatches
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub accumulate: usize,
    /// Scale the gradients down so that the norm of all together is at most this
    #[arg(long, value_name = "NORM")]
    pub clip_norm: Option<f64>,
    /// Stop early, after N epochs without a lower validation loss, and keep the parameters of the best epoch (D2L zh
    /// 4.4.1, en 5.5.3; Prechelt 1998)
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub patience: Option<usize>,
    /// Rule for the initial parameters (pytorch, normal:0.01, xavier, kaiming, zeros, …)
    #[arg(long, value_parser = parse::<Initializer>)]
    pub initializer: Initializer,
    /// Type of the numbers that layers multiply: f32, bf16 or f16. Parameters, losses and everything else stay f32
    #[arg(long, value_name = "TYPE", value_parser = parse::<Precision>)]
    #[serde(default, skip_serializing_if = "Precision::is_f32")]
    pub precision: Precision,
}

impl Recipe {
    /// Plain SGD without extras: the base from which the first chapters' presets start.
    pub const SGD: Self = Self {
        epochs: 10,
        batch_size: 256,
        learning_rate: 0.1,
        optimizer: OptimizerKind::Sgd,
        momentum: 0.0,
        nesterov: false,
        weight_decay: 0.0,
        schedule: Schedule::CONSTANT,
        accumulate: 1,
        clip_norm: None,
        patience: None,
        initializer: Initializer::PytorchDefault,
        precision: Precision::F32,
    };

    /// Refuses values that make no sense for training, with a usage error that names the flag.
    pub fn validate(&self) -> Result<()> {
        let positive = |x: f64| x.is_finite() && x > 0.0;
        if !positive(self.learning_rate) {
            usage!(
                "--learning-rate {}: wanted a number above 0",
                self.learning_rate
            );
        }
        if !(0.0..1.0).contains(&self.momentum) {
            usage!("--momentum {}: wanted 0 or more, below 1", self.momentum);
        }
        let has_momentum = [OptimizerKind::Sgd, OptimizerKind::Rmsprop].contains(&self.optimizer);
        if self.momentum != 0.0 && !has_momentum {
            usage!(
                "--momentum belongs to --optimizer sgd or rmsprop, not to {}",
                self.optimizer
            );
        }
        if self.nesterov && (self.momentum == 0.0 || self.optimizer != OptimizerKind::Sgd) {
            usage!("--nesterov needs --optimizer sgd with a --momentum above 0");
        }
        if !(self.weight_decay.is_finite() && self.weight_decay >= 0.0) {
            usage!("--weight-decay {}: wanted 0 or more", self.weight_decay);
        }
        if self.clip_norm.is_some_and(|norm| !positive(norm)) {
            usage!(
                "--clip-norm {}: wanted a number above 0",
                self.clip_norm.unwrap_or_default()
            );
        }
        Ok(())
    }

    /// The optimizer that this recipe names, over all parameters of `store`.
    pub fn optimizer(&self, store: &ParamStore) -> Result<Box<dyn Optimizer>> {
        self.optimizer_over(vec![ParamGroup {
            weight_decay: self.weight_decay,
            ..ParamGroup::new(store.parameters())
        }])
    }

    /// The optimizer that this recipe names, over groups that have their own weight decay: some recipes don't decay
    /// biases.
    pub fn optimizer_over(&self, groups: Vec<ParamGroup>) -> Result<Box<dyn Optimizer>> {
        Ok(match self.optimizer {
            OptimizerKind::Sgd => Box::new(Sgd::new(
                groups,
                self.learning_rate,
                self.momentum,
                self.nesterov,
            )?),
            OptimizerKind::Adagrad => Box::new(Adagrad::new(groups, self.learning_rate)?),
            OptimizerKind::Rmsprop => Box::new(RmsProp::new(
                groups,
                self.learning_rate,
                RMSPROP_ALPHA,
                self.momentum,
                false,
            )?),
            OptimizerKind::Adadelta => Box::new(Adadelta::new(groups, self.learning_rate)?),
            OptimizerKind::Adam => Box::new(Adam::new(groups, self.learning_rate)?),
            OptimizerKind::Adamw => Box::new(Adam::decoupled(groups, self.learning_rate)?),
            OptimizerKind::Yogi => Box::new(Yogi::new(groups, self.learning_rate)?),
        })
    }
}

/// Reads a flag's value. The message has all causes; clap itself would show only the first.
fn parse<T: std::str::FromStr<Err = anyhow::Error>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|cause| format!("{cause:#}"))
}

#[cfg(test)]
mod tests;
