//! The log's schema: the content of each kind of line.

use crate::number;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The version of the schema that this crate writes.
pub const SCHEMA: Schema = Schema { major: 1, minor: 2 };

/// The largest number of lines for steps in a log, about two megabytes.
pub const MOST_STEPS: usize = 20_000;

/// A version of the log's schema. A change that an older reader would misunderstand raises the major number. A new key
/// or a new kind of line raises the minor number; older readers pass over both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Schema {
    /// The major number. Readers refuse logs with a higher one.
    #[serde(rename = "schema")]
    pub major: u32,
    /// The minor number. Readers accept logs with a higher one.
    #[serde(rename = "schema_minor", default)]
    pub minor: u32,
}

/// Names and values of one group of metrics, such as `loss` and `accuracy`.
pub type Metrics = BTreeMap<String, f64>;

/// One line of the log; `kind` says which: `run`, `step`, `epoch` or `end`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[expect(
    clippy::large_enum_variant,
    reason = "a handful of records per run; a box would be in every caller's way"
)]
pub enum Record {
    /// The first line.
    Run(Header),
    /// One line per N steps, in order, if `--log-every N` asks for them.
    Step(Step),
    /// One line per epoch, in order.
    Epoch(Epoch),
    /// The last line; a run that was killed has none.
    End(End),
}

/// What was trained, on which data, and how: everything that is known before the first step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// The version of the log's schema, [`SCHEMA`].
    #[serde(flatten)]
    pub schema: Schema,
    /// The chapter's package name: `softmax-regression`.
    pub chapter: String,
    /// Model within the chapter.
    pub model: String,
    /// `scratch` or `concise`; for a PyTorch reference `pytorch-scratch` or `pytorch-concise`.
    pub implementation: String,
    /// Name of the recipe that the flags started from: `quick`, `zh`, `en`.
    pub preset: String,
    /// The device: `cpu`, `cuda:0` (with the number of the GPU), `metal`.
    pub device: String,
    /// The GPU's model and memory, if the device is one and its driver reports them: `NVIDIA H200, 150.1 GB`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu: Option<String>,
    /// Threads that the run could use on the CPU.
    pub threads: usize,
    /// Seed of all random draws.
    pub seed: u64,
    /// Every hyperparameter, from the preset and the flags.
    pub recipe: Map<String, Value>,
    /// The examples; `None` for a run without a data set, such as one that learns from an environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Data>,
    /// Number of parameters.
    pub parameters: usize,
    /// Versions of the crates that the run was built from: `d2l`, `candle`.
    pub versions: BTreeMap<String, String>,
    /// When the run started: RFC 3339, UTC.
    pub started: String,
    /// The numbers of epochs that the run had before it was lengthened.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lengthened: Vec<usize>,
}

/// The examples that a run used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Data {
    /// Name of the data set.
    pub name: String,
    /// `real`, `builtin` (part of the program) or `synthetic` (drawn from the seed).
    pub source: String,
    /// Training examples.
    pub train: usize,
    /// Held-out examples.
    pub valid: usize,
    /// SHA-256 of the decompressed content.
    pub sha256: String,
}

/// One training step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Steps since the start of the run, this one included.
    pub step: usize,
    /// The epoch it belongs to, counted from 1.
    pub epoch: usize,
    /// The fold that was held out, counted from 1, if the log holds several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fold: Option<usize>,
    /// Learning rate of the step.
    #[serde(with = "number")]
    pub learning_rate: f64,
    /// The minibatch's loss, before the step.
    #[serde(with = "number")]
    pub loss: f64,
}

impl Step {
    /// The value of `train.loss` or `learning_rate`, as an epoch calls them.
    pub fn metric(&self, name: &str) -> Option<f64> {
        match name {
            "train.loss" => Some(self.loss),
            "learning_rate" => Some(self.learning_rate),
            _ => None,
        }
    }
}

/// The metrics and times of one epoch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// The epoch, counted from 1.
    pub epoch: usize,
    /// Steps since the start of the run.
    pub step: usize,
    /// Learning rate of the epoch's last step.
    #[serde(with = "number")]
    pub learning_rate: f64,
    /// Running means over the epoch, in training mode, while the parameters change.
    #[serde(with = "number::metrics")]
    pub train: Metrics,
    /// The held-out set in evaluation mode after the epoch.
    #[serde(
        with = "number::metrics",
        default,
        skip_serializing_if = "Metrics::is_empty"
    )]
    pub valid: Metrics,
    /// Further groups: `train_after` (the training set, evaluated after the epoch), `train_window` (the epoch's last
    /// steps), `valid_batches` (unweighted mean over the batches of the held-out set).
    #[serde(flatten, with = "number::groups")]
    pub more: BTreeMap<String, Metrics>,
    /// Mean over the epoch of the norm of all gradients together, before clipping.
    #[serde(with = "number")]
    pub gradient_norm: f64,
    /// Seconds that the epoch's training took, without evaluation.
    #[serde(with = "number")]
    pub seconds: f64,
    /// Training examples per second.
    #[serde(with = "number")]
    pub examples_per_second: f64,
    /// The fold that was held out, counted from 1, if the log holds several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fold: Option<usize>,
}

impl Epoch {
    /// The value of `group.metric`, such as `valid.accuracy`, or of one of `gradient_norm`, `learning_rate`,
    /// `seconds` and `examples_per_second`.
    ///
    /// ```
    /// # use d2l_log::{Epoch, Metrics};
    /// let valid = Metrics::from([("accuracy".to_string(), 0.83)]);
    /// let epoch = Epoch { valid, learning_rate: 0.1, ..Epoch::default() };
    /// assert_eq!(epoch.metric("valid.accuracy"), Some(0.83));
    /// assert_eq!(epoch.metric("learning_rate"), Some(0.1));
    /// assert_eq!(epoch.metric("train.loss"), None);
    /// ```
    pub fn metric(&self, name: &str) -> Option<f64> {
        if let Some((group, name)) = name.split_once('.') {
            let mut groups = self.groups();
            return groups
                .find(|(found, _)| *found == group)?
                .1
                .get(name)
                .copied();
        }
        match name {
            "gradient_norm" => Some(self.gradient_norm),
            "learning_rate" => Some(self.learning_rate),
            "seconds" => Some(self.seconds),
            "examples_per_second" => Some(self.examples_per_second),
            _ => None,
        }
    }

    /// Names and values of all groups' metrics: `train` first, then `valid`, then the others by name.
    pub fn metrics(&self) -> Vec<(String, f64)> {
        self.groups()
            .flat_map(|(group, metrics)| {
                metrics
                    .iter()
                    .map(move |(name, value)| (format!("{group}.{name}"), *value))
            })
            .collect()
    }

    fn groups(&self) -> impl Iterator<Item = (&str, &Metrics)> {
        let more = self
            .more
            .iter()
            .map(|(group, metrics)| (group.as_str(), metrics));
        [("train", &self.train), ("valid", &self.valid)]
            .into_iter()
            .chain(more)
    }
}

/// How a run ended, and its results.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct End {
    /// Whether it finished.
    pub status: Status,
    /// The reason, if it did not finish.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Completed epochs.
    pub epochs: usize,
    /// Seconds from start to end, evaluation included.
    #[serde(with = "number")]
    pub seconds: f64,
    /// The largest amount of memory that the process held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_memory_bytes: Option<u64>,
    /// The last value of each metric, and numbers known only at the end: `valid.accuracy`, `error.bias`.
    #[serde(rename = "final", with = "number::metrics")]
    pub last: Metrics,
    /// The best value of each metric.
    pub best: BTreeMap<String, Best>,
    /// The preset's bands, each with its verdict.
    pub bands: Vec<BandResult>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It trained all its epochs.
    Finished,
    /// It was asked to stop, by Ctrl-C for instance.
    Interrupted,
    /// It ended with an error, which the reason states.
    Failed,
}

/// The best value of a metric over the epochs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// The value.
    #[serde(with = "number")]
    pub value: f64,
    /// The epoch that first reached it.
    pub epoch: usize,
}

impl Best {
    /// The highest value if [`higher_is_better`], otherwise the lowest; `None` if no epoch has the metric.
    pub fn of(epochs: &[Epoch], metric: &str) -> Option<Self> {
        let values = epochs.iter().filter_map(|epoch| {
            let value = epoch.metric(metric)?;
            Some(Self { value, epoch: epoch.epoch })
        });
        values.reduce(|best, next| match next.is_better_than(&best, metric) {
            true => next,
            false => best,
        })
    }

    /// Whether this value of the metric is better than an earlier one; of equal values the earlier stays the best. Any
    /// number is better than NaN.
    pub fn is_better_than(&self, earlier: &Self, metric: &str) -> bool {
        if earlier.value.is_nan() {
            return !self.value.is_nan();
        }
        match higher_is_better(metric) {
            true => self.value > earlier.value,
            false => self.value < earlier.value,
        }
    }
}

/// Whether a metric is a score (`accuracy`, `bleu`), which should rise; all others are losses and errors.
pub fn higher_is_better(metric: &str) -> bool {
    matches!(metric.rsplit('.').next(), Some("accuracy" | "bleu"))
}

/// A range that a result was compared with, and the verdict.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BandResult {
    /// The quantity: `valid.accuracy`.
    pub metric: String,
    /// Lowest accepted value.
    #[serde(with = "number")]
    pub low: f64,
    /// The middle value of the runs that the band comes from.
    #[serde(
        with = "number::optional",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub median: Option<f64>,
    /// Highest accepted value.
    #[serde(with = "number")]
    pub high: f64,
    /// The number of decimals that the book prints; values are rounded to them before they are compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decimals: Option<i32>,
    /// The number of runs that the band comes from.
    pub runs: usize,
    /// The source of these runs: `book`, or `book and PyTorch` if runs of our PyTorch reference are among them.
    pub source: String,
    /// This run's value; `None` if it did not produce one.
    #[serde(
        with = "number::optional",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub value: Option<f64>,
    /// Whether the value lies in the band.
    pub within: bool,
}
