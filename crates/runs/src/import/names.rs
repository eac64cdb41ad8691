//! The meaning of a foreign log's columns.

use crate::tables::{STEP_LOSS, STEP_RATE};
use anyhow::Result;
use d2l_command::usage;
use std::collections::BTreeMap;

/// The meaning of a column.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    Epoch,
    Step,
    Fold,
    /// Seconds on a clock: an epoch's time is the difference to the epoch before.
    Clock,
    /// Loss and learning rate of a single step.
    StepLoss,
    StepRate,
    /// A metric or another value of an epoch, as the log names it: `train.loss`, `learning_rate`.
    Value(String),
}

impl Role {
    /// Its name in our logs, and for `--map`.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Epoch => "epoch",
            Self::Step => "step",
            Self::Fold => "fold",
            Self::Clock => "wall_time",
            Self::StepLoss => STEP_LOSS,
            Self::StepRate => STEP_RATE,
            Self::Value(name) => name,
        }
    }
}

/// Group of the columns that have no other.
const OTHER: &str = "other";
/// Words for the training set, and for the held-out one.
const TRAIN: [&str; 2] = ["train", "training"];
const VALID: [&str; 6] = ["valid", "val", "validation", "eval", "dev", "test"];
/// Values of an epoch that belong to no group, with the other words for them.
const BARE: [(&str, &[&str]); 4] = [
    (
        "learning_rate",
        &[
            "learning_rate",
            "lr",
            "train_lr",
            "learning_rate_0",
            "optimizer_lr",
        ],
    ),
    (
        "gradient_norm",
        &["gradient_norm", "grad_norm", "train_grad_norm", "gradnorm"],
    ),
    (
        "seconds",
        &["seconds", "epoch_seconds", "epoch_time", "duration"],
    ),
    (
        "examples_per_second",
        &["examples_per_second", "samples_per_second", "throughput"],
    ),
];
/// Metrics that belong to training unless a word says otherwise.
const OF_TRAINING: [&str; 5] = ["loss", "accuracy", "perplexity", "error", "bleu"];
/// Keys of an epoch's line; no group may have such a name.
const TAKEN: [&str; 8] = [
    "kind",
    "epoch",
    "step",
    "fold",
    "learning_rate",
    "gradient_norm",
    "seconds",
    "examples_per_second",
];

/// `--map COLUMN=NAME`.
pub(crate) type Given = BTreeMap<String, String>;

/// Parses `train_loss=train.loss`.
pub(crate) fn given(pairs: &[String]) -> Result<Given> {
    let mut given = Given::new();
    for pair in pairs {
        match pair.rsplit_once('=') {
            Some((column, name)) if !column.is_empty() && !name.is_empty() => {
                given.insert(column.to_string(), name.to_string());
            }
            _ => usage!("--map {pair}: wanted COLUMN=NAME, such as train_loss=train.loss"),
        }
    }
    Ok(given)
}

/// The role of a column: the one that `--map` gives, or else the one that its name suggests.
pub(crate) fn role(column: &str, given: &Given) -> Role {
    match given.get(column) {
        Some(name) => role_of(name),
        None => guess(column),
    }
}

/// The role whose name in our logs is `name`.
fn role_of(name: &str) -> Role {
    match name {
        "epoch" => Role::Epoch,
        "step" => Role::Step,
        "fold" => Role::Fold,
        "wall_time" => Role::Clock,
        STEP_LOSS => Role::StepLoss,
        STEP_RATE => Role::StepRate,
        name => Role::Value(in_group(name)),
    }
}

/// The name unchanged if it has a group, or needs none.
fn in_group(name: &str) -> String {
    let is_bare = BARE.iter().any(|(bare, _)| *bare == name);
    match name.split_once('.') {
        Some((group, rest)) if !TAKEN.contains(&group) && !rest.is_empty() => name.into(),
        _ if is_bare => name.into(),
        _ => format!("{OTHER}.{}", name.replace('.', "_")),
    }
}

fn guess(column: &str) -> Role {
    let lower = column.to_lowercase();
    let words: Vec<&str> = lower
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let joined = words.join("_");
    match joined.as_str() {
        "epoch" | "epochs" => return Role::Epoch,
        "step"
        | "steps"
        | "global_step"
        | "iteration"
        | "iter"
        | "iterations"
        | "trainer_global_step" => {
            return Role::Step;
        }
        "step_loss" | "steps_loss" | "loss_step" | "train_loss_step" => return Role::StepLoss,
        "step_learning_rate" | "steps_learning_rate" => return Role::StepRate,
        // Lightning's mean over the epoch, which it logs beside `train_loss_step`.
        "loss_epoch" | "train_loss_epoch" => return Role::Value("train.loss".into()),
        "fold" => return Role::Fold,
        "wall_time" | "walltime" | "timestamp" | "time" | "elapsed" | "runtime" => {
            return Role::Clock;
        }
        _ => {}
    }
    if let Some((bare, _)) = BARE
        .iter()
        .find(|(_, words)| words.contains(&joined.as_str()))
    {
        return Role::Value((*bare).into());
    }
    // A name with a dot may be one of our own, such as train_after.loss.
    let own = lower.split_once(['.', '/']).filter(|(group, rest)| {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        group.chars().all(is_word) && rest.chars().all(is_word) && !rest.is_empty()
    });
    if let Some((group, rest)) = own {
        let is_set = |word: &str| TRAIN.contains(&word) || VALID.contains(&word);
        if !is_set(group) && !is_set(rest) {
            return Role::Value(in_group(&format!("{group}.{rest}")));
        }
    }
    let place = |set: &[&str]| words.iter().position(|word| set.contains(word));
    let (group, place) = match (place(&TRAIN), place(&VALID)) {
        (Some(place), _) => ("train", Some(place)),
        (None, Some(place)) => ("valid", Some(place)),
        (None, None) => (OTHER, None),
    };
    let rest = words
        .iter()
        .enumerate()
        .filter(|(at, _)| Some(*at) != place);
    let rest: Vec<&str> = rest.map(|(_, word)| metric(word)).collect();
    let name = rest.join("_");
    match (group, name.as_str()) {
        (_, "") => Role::Value(format!("{OTHER}.{joined}")),
        (OTHER, name) if OF_TRAINING.contains(&name) => Role::Value(format!("train.{name}")),
        (group, name) => Role::Value(format!("{group}.{name}")),
    }
}

/// Our word for a metric.
fn metric(word: &str) -> &str {
    match word {
        "acc" => "accuracy",
        "ppl" => "perplexity",
        "err" => "error",
        word => word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(name: &str) -> Role {
        Role::Value(name.into())
    }

    #[test]
    fn names_of_other_programs_are_understood() {
        for (column, wanted) in [
            ("epoch", Role::Epoch),
            ("global_step", Role::Step),
            ("wall_time", Role::Clock),
            ("loss", value("train.loss")),
            ("acc", value("train.accuracy")),
            ("val_loss", value("valid.loss")),
            ("val_acc", value("valid.accuracy")),
            ("train_loss", value("train.loss")),
            ("Loss/train", value("train.loss")),
            ("Accuracy/test", value("valid.accuracy")),
            ("validation.Loss", value("valid.loss")),
            ("lr", value("learning_rate")),
            ("steps/loss", Role::StepLoss),
            ("train_loss_step", Role::StepLoss),
            ("train_loss_epoch", value("train.loss")),
            ("step.learning_rate", Role::StepRate),
            ("grad_norm", value("gradient_norm")),
            ("train/perplexity", value("train.perplexity")),
            ("valid.log_rmse", value("valid.log_rmse")),
            ("train_after.loss", value("train_after.loss")),
            ("train_after/loss", value("train_after.loss")),
            ("f1", value("other.f1")),
            ("epoch.time", value("seconds")),
            ("step.size", value("other.step_size")),
        ] {
            assert_eq!(guess(column), wanted, "{column}");
        }
    }

    #[test]
    fn what_is_given_comes_first() -> Result<()> {
        let given = given(&["a=b=valid.loss".into(), "n=step".into(), "x=y".into()])?;
        assert_eq!(role("a=b", &given), value("valid.loss"));
        assert_eq!(role("n", &given), Role::Step);
        for name in [STEP_LOSS, STEP_RATE] {
            let given = super::given(&[format!("x={name}")])?;
            assert_eq!(role("x", &given).name(), name);
        }
        assert_eq!(role("x", &given), value("other.y"));
        assert_eq!(role("val_loss", &given), value("valid.loss"));
        for bad in ["", "a", "=b", "a="] {
            assert!(super::given(&[bad.to_string()]).is_err(), "{bad}");
        }
        Ok(())
    }
}
