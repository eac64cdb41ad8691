//! The mean of a setting's repetitions, as if it were a run.

use crate::{End, Epoch, Log, Metrics, Place, Status};
use std::collections::BTreeMap;

/// The mean run of several: its epochs are those that all of them have, its metrics, times and speeds the means over
/// them. The name and the header are the first run's. It ends if all of them did. `None` without runs.
pub fn mean(logs: &[&Log]) -> Option<Log> {
    let first = *logs.first()?;
    if logs.len() == 1 {
        return Some(first.clone());
    }
    let mut places: BTreeMap<Place, Vec<&Epoch>> = BTreeMap::new();
    for epoch in logs.iter().flat_map(|log| &log.epochs) {
        let place = Place { fold: epoch.fold, epoch: epoch.epoch };
        places.entry(place).or_default().push(epoch);
    }
    let shared = places.values().filter(|epochs| epochs.len() == logs.len());
    let ends: Option<Vec<&End>> = logs.iter().map(|log| log.end.as_ref()).collect();
    Some(Log {
        steps: Vec::new(),
        epochs: shared.filter_map(|epochs| mean_epoch(epochs)).collect(),
        end: ends.map(|ends| mean_end(&ends)),
        remarks: None,
        ..first.clone()
    })
}

fn mean_epoch(epochs: &[&Epoch]) -> Option<Epoch> {
    let first = *epochs.first()?;
    let number = |value: fn(&Epoch) -> f64| mean_of(epochs.iter().map(|epoch| value(epoch)));
    let group = |metrics: &dyn Fn(&Epoch) -> Metrics| {
        mean_metrics(
            &epochs
                .iter()
                .map(|epoch| metrics(epoch))
                .collect::<Vec<_>>(),
        )
    };
    let more = first.more.keys().map(|name| {
        (
            name.clone(),
            group(&|epoch| epoch.more.get(name).cloned().unwrap_or_default()),
        )
    });
    Some(Epoch {
        learning_rate: number(|epoch| epoch.learning_rate),
        train: group(&|epoch| epoch.train.clone()),
        valid: group(&|epoch| epoch.valid.clone()),
        more: more.collect(),
        gradient_norm: number(|epoch| epoch.gradient_norm),
        seconds: number(|epoch| epoch.seconds),
        examples_per_second: number(|epoch| epoch.examples_per_second),
        ..first.clone()
    })
}

/// The mean of several ends. It has no best values: the best of the mean is not the mean of the best.
fn mean_end(ends: &[&End]) -> End {
    let memory: Option<Vec<u64>> = ends.iter().map(|end| end.peak_memory_bytes).collect();
    let finals: Vec<Metrics> = ends.iter().map(|end| end.last.clone()).collect();
    let finished = ends.iter().all(|end| end.status == Status::Finished);
    End {
        status: if finished {
            Status::Finished
        } else {
            Status::Interrupted
        },
        reason: None,
        epochs: ends.iter().map(|end| end.epochs).min().unwrap_or_default(),
        seconds: mean_of(ends.iter().map(|end| end.seconds)),
        peak_memory_bytes: memory.map(|bytes| bytes.iter().sum::<u64>() / bytes.len() as u64),
        last: mean_metrics(&finals),
        best: BTreeMap::new(),
        bands: Vec::new(),
    }
}

/// The means of those metrics that all groups have.
fn mean_metrics(groups: &[Metrics]) -> Metrics {
    let Some((first, others)) = groups.split_first() else {
        return Metrics::new();
    };
    let in_all = first
        .keys()
        .filter(|name| others.iter().all(|group| group.contains_key(*name)));
    let values = |name: &String| {
        groups
            .iter()
            .filter_map(|group| group.get(name).copied())
            .collect::<Vec<_>>()
    };
    in_all
        .map(|name| (name.clone(), mean_of(values(name).into_iter())))
        .collect()
}

fn mean_of(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}
