//! The page's data about each run.

use crate::figures::{self, Figure};
use crate::text::{field, status};
use anyhow::Result;
use d2l_log::{BandResult, Best, Log, json_number, metric_names};
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::slice;

/// One run of the page. Its numbers have six digits: a page shows, a log keeps.
#[derive(Serialize)]
pub(crate) struct Run {
    name: String,
    status: &'static str,
    reason: Option<String>,
    /// The number of the run's setting: runs that differ in their seed alone have the same.
    experiment: usize,
    /// The header, with names such as `recipe.learning_rate`.
    fields: BTreeMap<String, Value>,
    seconds: f64,
    speed: Option<f64>,
    memory: Option<u64>,
    #[serde(rename = "final")]
    last: BTreeMap<String, Value>,
    best: BTreeMap<String, Best>,
    bands: Vec<BandResult>,
    epochs: Epochs,
    steps: Steps,
    figures: Vec<Figure>,
}

/// Each epoch's place and its metrics.
#[derive(Default, Serialize)]
struct Epochs {
    fold: Vec<Option<usize>>,
    epoch: Vec<usize>,
    step: Vec<usize>,
    /// Training time up to the end of the epoch.
    seconds: Vec<f64>,
    metrics: BTreeMap<String, Vec<Option<f64>>>,
}

/// The steps of which the log has a line.
#[derive(Serialize)]
struct Steps {
    fold: Vec<Option<usize>>,
    step: Vec<usize>,
    metrics: BTreeMap<&'static str, Vec<f64>>,
}

/// The runs, newest first; the first `with_figures` of them with their figures.
pub(crate) fn runs(logs: &[Log], with_figures: usize) -> Result<Vec<Run>> {
    let mut experiments = HashMap::new();
    let newest_first = logs.iter().rev().enumerate();
    newest_first
        .map(|(place, log)| {
            let next = experiments.len();
            let experiment = Value::Object(log.setting()).to_string();
            let experiment = *experiments.entry(experiment).or_insert(next);
            let figures = match place < with_figures {
                true => figures::of(log)?,
                false => Vec::new(),
            };
            Ok(run(log, experiment, figures))
        })
        .collect()
}

fn run(log: &Log, experiment: usize, figures: Vec<Figure>) -> Run {
    let end = log.end.as_ref();
    let metrics = metric_names(slice::from_ref(log));
    let ends = end.into_iter().flat_map(|end| end.last.keys().cloned());
    let names: Vec<String> = metrics.iter().cloned().chain(ends).collect();
    let last = names
        .iter()
        .filter_map(|name| Some((name.clone(), json_number(rounded(log.last(name)?)))));
    // No gradient norm is better than another.
    let ranked = names.iter().filter(|name| *name != "gradient_norm");
    let best = ranked.filter_map(|name| Some((name.clone(), log.best(name)?)));
    let best =
        best.map(|(name, Best { value, epoch })| (name, Best { value: rounded(value), epoch }));
    Run {
        name: log.name.clone(),
        status: status(log),
        reason: end.and_then(|end| end.reason.clone()),
        experiment,
        fields: fields(log),
        seconds: rounded(log.seconds()),
        speed: log.speed().map(rounded),
        memory: end.and_then(|end| end.peak_memory_bytes),
        last: last.collect(),
        best: best.collect(),
        bands: end.map(|end| end.bands.clone()).unwrap_or_default(),
        epochs: epochs(log, metrics),
        steps: steps(log),
        figures,
    }
}

/// Numbers stay numbers, so that the page can compare them; everything else is text.
fn fields(log: &Log) -> BTreeMap<String, Value> {
    let text = |value: Value| match value {
        Value::Number(_) => value,
        value => field(&value).into(),
    };
    let mut fields = log.header.described();
    fields.insert("started".into(), log.header.started.clone().into());
    let fields = fields.into_iter();
    fields.map(|(name, value)| (name, text(value))).collect()
}

fn epochs(log: &Log, metrics: Vec<String>) -> Epochs {
    let mut epochs = Epochs::default();
    let mut seconds = 0.0;
    for epoch in &log.epochs {
        seconds += epoch.seconds;
        epochs.fold.push(epoch.fold);
        epochs.epoch.push(epoch.epoch);
        epochs.step.push(epoch.step);
        epochs.seconds.push(rounded(seconds));
    }
    let speeds = ["learning_rate", "examples_per_second"].map(String::from);
    for name in metrics.into_iter().chain(speeds) {
        let values = log
            .epochs
            .iter()
            .map(|epoch| epoch.metric(&name).map(rounded));
        let values = values.collect();
        epochs.metrics.insert(name, values);
    }
    epochs
}

fn steps(log: &Log) -> Steps {
    let values = |name: &str| {
        let values = log.steps.iter().filter_map(|step| step.metric(name));
        values.map(rounded).collect()
    };
    let metrics = ["train.loss", "learning_rate"].map(|name| (name, values(name)));
    Steps {
        fold: log.steps.iter().map(|step| step.fold).collect(),
        step: log.steps.iter().map(|step| step.step).collect(),
        metrics: metrics.into(),
    }
}

/// Six significant digits.
fn rounded(value: f64) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_six_digits() {
        let values = [0.123_456_789, -12_345_678.0, 0.1, 0.0].map(rounded);
        assert_eq!(values, [0.123_457, -12_345_700.0, 0.1, 0.0]);
    }
}
