//! Comparing logs: settings, results epoch by epoch, and cost.

use crate::{Best, Log};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// How some runs differ. All lists of values are in the order of the runs, with `None` for a run without a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The runs' names.
    pub names: Vec<String>,
    /// Header fields that are not the same in all runs, apart from those that say nothing about the training: when the
    /// run started, and the log's schema.
    pub header: Vec<Difference>,
    /// The metrics of the epochs.
    pub metrics: Vec<Table>,
    /// The last and the best value of each metric, including metrics that are known only at the end.
    pub scores: Vec<Score>,
    /// Time, speed and memory.
    pub costs: Vec<Cost>,
}

/// A header field that differs.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Its name, `recipe.learning_rate` for a nested one.
    pub key: String,
    /// Its value in each run.
    pub values: Vec<Option<Value>>,
}

/// A point in training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The fold, in a log that holds several.
    pub fold: Option<usize>,
    /// The epoch.
    pub epoch: usize,
}

/// One metric in all runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// The metric: `valid.accuracy`.
    pub metric: String,
    /// Its values, by fold and epoch.
    pub rows: Vec<Row>,
    /// The largest gap among the rows (of equal gaps the first); `None` if no two runs share a row.
    pub gap: Option<Gap>,
}

/// One metric in all runs at one point.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Where in training.
    pub place: Place,
    /// The value in each run.
    pub values: Vec<Option<f64>>,
}

impl Row {
    /// The distance between the lowest and the highest value, if two runs have one.
    pub fn gap(&self) -> Option<f64> {
        Gap::between("", Some(self.place), &self.values).map(|gap| gap.size())
    }
}

/// The distance between the lowest and the highest value of a metric at one point.
#[derive(Clone, Debug, PartialEq)]
pub struct Gap {
    /// The metric.
    pub metric: String,
    /// Where in training; `None` for a value known only at the end.
    pub place: Option<Place>,
    /// Index of the run with the lowest value, and the value.
    pub low: (usize, f64),
    /// Index of the run with the highest value, and the value.
    pub high: (usize, f64),
}

impl Gap {
    /// The distance, 0 or more. It is infinite if one of the two is not a number and the other is.
    pub fn size(&self) -> f64 {
        let (low, high) = (self.low.1, self.high.1);
        let both_are_nan = low.is_nan() && high.is_nan();
        match high - low {
            _ if low == high || both_are_nan => 0.0,
            distance if distance.is_nan() => f64::INFINITY,
            distance => distance,
        }
    }

    fn between(metric: &str, place: Option<Place>, values: &[Option<f64>]) -> Option<Self> {
        let present = || {
            values
                .iter()
                .enumerate()
                .filter_map(|(run, value)| Some((run, (*value)?)))
        };
        let low = present().min_by(|a, b| a.1.total_cmp(&b.1))?;
        let high = present().rev().max_by(|a, b| a.1.total_cmp(&b.1))?;
        (present().count() > 1).then(|| Self { metric: metric.into(), place, low, high })
    }
}

/// The final values of a metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// The metric.
    pub metric: String,
    /// Its last value in each run.
    pub last: Vec<Option<f64>>,
    /// Its best value in each run.
    pub best: Vec<Option<Best>>,
    /// The gap between the last values of a metric that is known only at the end, if all runs did the same epochs.
    pub gap: Option<Gap>,
}

/// The cost of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// Seconds from start to end.
    pub seconds: f64,
    /// Training examples per second in the median epoch.
    pub examples_per_second: Option<f64>,
    /// The largest amount of memory that the process held.
    pub peak_memory_bytes: Option<u64>,
}

impl Comparison {
    /// The largest gap of each metric that two runs share, if it exceeds the tolerance.
    pub fn beyond(&self, tolerance: f64) -> Vec<&Gap> {
        self.gaps().filter(|gap| gap.size() > tolerance).collect()
    }

    /// The largest gap of each metric that two runs share. Times and speeds are no metrics here.
    pub fn gaps(&self) -> impl Iterator<Item = &Gap> {
        let ends = self.scores.iter().filter_map(|score| score.gap.as_ref());
        self.metrics
            .iter()
            .filter_map(|table| table.gap.as_ref())
            .chain(ends)
    }
}

/// Compares runs.
pub fn compare(logs: &[Log]) -> Comparison {
    let metrics: Vec<Table> = metric_names(logs)
        .into_iter()
        .map(|metric| table(logs, metric))
        .collect();
    Comparison {
        names: logs.iter().map(|log| log.name.clone()).collect(),
        header: differences(
            &logs
                .iter()
                .map(|log| log.header.described())
                .collect::<Vec<_>>(),
        ),
        scores: scores(logs, &metrics),
        metrics,
        costs: logs.iter().map(cost).collect(),
    }
}

fn all_equal<T: PartialEq>(values: &[T]) -> bool {
    values.iter().all(|value| Some(value) == values.first())
}

/// The fields that are not the same in all of some headers, each flattened, in order of first appearance.
pub fn differences(headers: &[Map<String, Value>]) -> Vec<Difference> {
    let mut keys: Vec<&String> = Vec::new();
    for key in headers.iter().flat_map(Map::keys) {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys.into_iter()
        .map(|key| Difference {
            key: key.clone(),
            values: headers
                .iter()
                .map(|header| header.get(key).cloned())
                .collect(),
        })
        .filter(|difference| !all_equal(&difference.values))
        .collect()
}

/// The fields of an object in their order, those of objects in it by their full names: `optimizer.momentum`.
pub fn flattened(object: &Map<String, Value>) -> Map<String, Value> {
    let mut fields = Map::new();
    for (name, value) in object {
        match value {
            Value::Object(inner) => {
                let inner = flattened(inner).into_iter();
                fields.extend(inner.map(|(inner, value)| (format!("{name}.{inner}"), value)));
            }
            value => _ = fields.insert(name.clone(), value.clone()),
        }
    }
    fields
}

/// Every metric that an epoch of some run has: the groups' in order of first appearance, then `gradient_norm`.
pub fn metric_names(logs: &[Log]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for epoch in logs.iter().flat_map(|log| &log.epochs) {
        for (name, _) in epoch.metrics() {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    if logs.iter().any(|log| !log.epochs.is_empty()) {
        names.push("gradient_norm".into()); // in no group, but it says as much about the computation as a metric
    }
    names
}

fn table(logs: &[Log], metric: String) -> Table {
    let mut rows: BTreeMap<Place, Vec<Option<f64>>> = BTreeMap::new();
    for (run, log) in logs.iter().enumerate() {
        for epoch in &log.epochs {
            let place = Place { fold: epoch.fold, epoch: epoch.epoch };
            let row = rows.entry(place).or_insert_with(|| vec![None; logs.len()]);
            if let Some(cell) = row.get_mut(run) {
                *cell = epoch.metric(&metric);
            }
        }
    }
    let gaps = rows
        .iter()
        .filter_map(|(place, values)| Gap::between(&metric, Some(*place), values));
    let gap = gaps.reduce(|largest, gap| {
        if gap.size() > largest.size() {
            gap
        } else {
            largest
        }
    });
    let rows = rows
        .into_iter()
        .map(|(place, values)| Row { place, values })
        .collect();
    Table { metric, rows, gap }
}

fn scores(logs: &[Log], tables: &[Table]) -> Vec<Score> {
    let of_epochs: Vec<String> = tables.iter().map(|table| table.metric.clone()).collect();
    let of_ends: BTreeSet<String> = logs
        .iter()
        .filter_map(|log| log.end.as_ref())
        .flat_map(|end| end.last.keys().cloned())
        .collect();
    let only_of_ends = of_ends
        .into_iter()
        .filter(|metric| !of_epochs.contains(metric));
    let epochs: Vec<usize> = logs.iter().map(|log| log.epochs.len()).collect();
    let same_epochs = all_equal(&epochs);
    let score = |metric: String, at_end: bool| {
        let last: Vec<Option<f64>> = logs.iter().map(|log| log.last(&metric)).collect();
        let best = logs.iter().map(|log| log.best(&metric)).collect();
        let gap = (at_end && same_epochs)
            .then(|| Gap::between(&metric, None, &last))
            .flatten();
        Score { metric, last, best, gap }
    };
    let ends: Vec<Score> = only_of_ends.map(|metric| score(metric, true)).collect();
    of_epochs
        .iter()
        .map(|metric| score(metric.clone(), false))
        .chain(ends)
        .collect()
}

fn cost(log: &Log) -> Cost {
    Cost {
        seconds: log.seconds(),
        examples_per_second: log.speed(),
        peak_memory_bytes: log.end.as_ref().and_then(|end| end.peak_memory_bytes),
    }
}
