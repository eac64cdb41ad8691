//! How a model is trained: every number that changes the result, typed, validated and logged.

use anyhow::Result;
use d2l_nn::{
    Adadelta, Adagrad, Adam, Initializer, Optimizer, ParamGroup, ParamStore, RmsProp, Schedule,
    Sgd, Yogi,
};
use serde::{Deserialize, Serialize};
use std::fmt::Display;

use crate::usage;

/// The optimizers that a recipe can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum OptimizerKind {
    /// Stochastic gradient descent. D2L zh 11.4, en 12.4.
    Sgd,
    /// Adagrad. D2L zh 11.7, en 12.7; Duchi et al. 2011.
    Adagrad,
    /// RMSProp, which keeps a share of 0.9 of the squares, as in the book. D2L zh 11.8, en 12.8.
    Rmsprop,
    /// Adadelta with ρ = 0.9; the method itself has --learning-rate 1. D2L zh 11.9, en 12.9; Zeiler 2012,
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
        f.write_str(match self {
            Self::Sgd => "sgd",
            Self::Adagrad => "adagrad",
            Self::Rmsprop => "rmsprop",
            Self::Adadelta => "adadelta",
            Self::Adam => "adam",
            Self::Adamw => "adamw",
            Self::Yogi => "yogi",
        })
    }
}

/// How a model is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// How often training goes through the training set. 0 only evaluates and saves the initial parameters.
    pub epochs: usize,
    /// Examples in a batch.
    pub batch_size: usize,
    /// Step size η at the start; the schedule may change it from epoch to epoch.
    pub learning_rate: f64,
    /// The update rule.
    pub optimizer: OptimizerKind,
    /// Momentum of SGD and RMSProp: 0 for none.
    pub momentum: f64,
    /// Whether SGD's momentum is Nesterov's.
    pub nesterov: bool,
    /// Weight decay λ, added to the gradient as λw, or decoupled from it (AdamW).
    pub weight_decay: f64,
    /// Learning rate from epoch to epoch.
    pub schedule: Schedule,
    /// Batches whose mean gradient makes one step of the optimizer, as if they were one batch; the rest of an epoch
    /// makes one too. The log's steps are batches all the same. 1 for a step after every batch.
    pub accumulate: usize,
    /// Gradients are scaled down to this norm where they exceed it.
    pub clip_norm: Option<f64>,
    /// Early stopping: training ends after this many epochs in a row without a lower validation loss, and the
    /// parameters of the epoch with the lowest are kept. D2L zh 4.4.1, en 5.5.3; Prechelt 1998.
    pub patience: Option<usize>,
    /// The rule that draws the initial parameters.
    pub initializer: Initializer,
}

impl Recipe {
    /// Plain SGD without extras: the base that the first chapters' presets change.
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
    };

    /// Refuses what no training can use, as a usage error that names the flag.
    pub fn validate(&self) -> Result<()> {
        let positive = |x: f64| x.is_finite() && x > 0.0;
        if self.batch_size == 0 {
            usage!("--batch-size 0: wanted 1 or more");
        }
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
        if self.accumulate == 0 {
            usage!("--accumulate 0: wanted 1 batch or more");
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
        if self.patience == Some(0) {
            usage!("--patience 0: wanted 1 epoch or more without a lower validation loss");
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

    /// The optimizer that this recipe names, over groups that bring their own weight decay: some recipes spare biases.
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

/// The recipe's fields as flags. Each overrides the preset's value.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Recipe (the preset's values, unless given)")]
pub struct RecipeArgs {
    /// Passes over the training set; 0 evaluates and saves the initial parameters
    #[arg(long, value_name = "N")]
    pub epochs: Option<usize>,
    /// Examples in a batch
    #[arg(long, value_name = "N")]
    pub batch_size: Option<usize>,
    /// Step size at the start
    #[arg(long, value_name = "RATE")]
    pub learning_rate: Option<f64>,
    /// Update rule
    #[arg(long, value_enum)]
    pub optimizer: Option<OptimizerKind>,
    /// Momentum of SGD and RMSProp
    #[arg(long, value_name = "M")]
    pub momentum: Option<f64>,
    /// Nesterov's momentum: true or false
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    pub nesterov: Option<bool>,
    /// Weight decay
    #[arg(long, value_name = "LAMBDA")]
    pub weight_decay: Option<f64>,
    /// Learning rate from epoch to epoch: constant, square-root, exponential:factor=0.9, step:every=10,factor=0.5,
    /// multi-step:at=15+30,factor=0.5, polynomial:power=2, cosine, one-cycle, …, with warm-up=5 behind any
    #[arg(long, value_parser = parse::<Schedule>)]
    pub schedule: Option<Schedule>,
    /// Batches whose mean gradient makes one step
    #[arg(long, value_name = "N")]
    pub accumulate: Option<usize>,
    /// Largest norm of all gradients together
    #[arg(long, value_name = "NORM")]
    pub clip_norm: Option<f64>,
    /// Stop early: after N epochs without a lower validation loss; the best epoch's parameters are kept
    #[arg(long, value_name = "N")]
    pub patience: Option<usize>,
    /// Rule for the initial parameters (pytorch, normal:0.01, xavier, kaiming, zeros, …)
    #[arg(long, value_parser = parse::<Initializer>)]
    pub initializer: Option<Initializer>,
}

/// Reads a flag's value; the message keeps every cause, of which clap alone would show the first only.
fn parse<T: std::str::FromStr<Err = anyhow::Error>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|cause| format!("{cause:#}"))
}

/// A flag that changed the preset, as it goes into the run's name: `learning-rate` and `0.5`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// The flag without its dashes.
    pub flag: &'static str,
    /// Its value; empty for a switch.
    pub value: String,
}

impl Override {
    /// As it stands in a run's name: `learning-rate0.5`, `optimizer-adam`, `dropout1-0.3`. A dash keeps flag and value
    /// apart where they would run into each other.
    pub fn in_name(&self) -> String {
        let ends_in_digit = self.flag.ends_with(|c: char| c.is_ascii_digit());
        let is_word = self.value.starts_with(|c: char| !c.is_ascii_digit());
        let dash = if is_word || ends_in_digit { "-" } else { "" };
        let plain = |c| if is_plain(c) { c } else { '_' };
        let value: String = self.value.chars().map(plain).collect();
        format!("{}{dash}{value}", self.flag)
    }
}

/// Whether a character may stand in a run's name.
pub(crate) fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+')
}

impl RecipeArgs {
    /// The preset's recipe with these flags in place, and which of them really changed it.
    pub fn apply(&self, preset: &Recipe) -> (Recipe, Vec<Override>) {
        // A field is a T, or an Option<T> where a preset may leave it out.
        fn set<F: PartialEq + From<T>, T: Clone + Display>(
            field: &mut F,
            flag: &'static str,
            value: &Option<T>,
            overrides: &mut Vec<Override>,
        ) {
            let Some(value) = value else { return };
            let wanted = F::from(value.clone());
            if *field != wanted {
                *field = wanted;
                overrides.push(Override {
                    flag,
                    value: value.to_string(),
                });
            }
        }
        let mut recipe = preset.clone();
        let mut overrides = Vec::new();
        let changes = &mut overrides;
        set(&mut recipe.epochs, "epochs", &self.epochs, changes);
        set(
            &mut recipe.batch_size,
            "batch-size",
            &self.batch_size,
            changes,
        );
        set(
            &mut recipe.learning_rate,
            "learning-rate",
            &self.learning_rate,
            changes,
        );
        set(&mut recipe.optimizer, "optimizer", &self.optimizer, changes);
        set(&mut recipe.momentum, "momentum", &self.momentum, changes);
        set(&mut recipe.nesterov, "nesterov", &self.nesterov, changes);
        set(
            &mut recipe.weight_decay,
            "weight-decay",
            &self.weight_decay,
            changes,
        );
        set(&mut recipe.schedule, "schedule", &self.schedule, changes);
        set(
            &mut recipe.initializer,
            "initializer",
            &self.initializer,
            changes,
        );
        set(
            &mut recipe.accumulate,
            "accumulate",
            &self.accumulate,
            changes,
        );
        set(&mut recipe.clip_norm, "clip-norm", &self.clip_norm, changes);
        set(&mut recipe.patience, "patience", &self.patience, changes);
        (recipe, overrides)
    }
}

#[cfg(test)]
mod tests;
