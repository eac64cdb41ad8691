//! `runs plot A B …`: one figure with the curves of several runs.

use crate::select::{Selection, select};
use crate::{Report, args, text};
use anyhow::{Result, bail};
use d2l_command::{usage, warn};
use d2l_log::{Log, metric_names};
use d2l_plot::Series;
use std::collections::BTreeMap;
use std::path::Path;

/// The metric that is drawn without `--metric`: the first of these that a run has.
const USUAL: [&str; 3] = ["valid.loss", "train_after.loss", "train.loss"];

pub(crate) fn plot(runs_dir: &Path, args: &args::Plot) -> Result<Report> {
    let Selection { logs, note } = select(runs_dir, &args.runs)?;
    let metrics = if args.metrics.is_empty() {
        vec![usual(&logs)?]
    } else {
        args.metrics.clone()
    };
    let output = args
        .output
        .clone()
        .unwrap_or_else(|| runs_dir.join(format!("{}.svg", metrics.join("-"))));
    if output
        .extension()
        .is_none_or(|extension| extension != "svg")
    {
        usage!(
            "--output {}; wanted a file that ends in .svg",
            output.display()
        );
    }
    let mut series = Vec::new();
    let mut missing = Vec::new();
    for log in &logs {
        for metric in &metrics {
            let lines = lines(log, metric, &name(log, &logs, metric, &metrics));
            if lines.is_empty() {
                missing.push(format!("{} has no {metric}", log.name));
            }
            series.extend(lines);
        }
    }
    if series.is_empty() {
        bail!(
            "no run has {}; they have {}",
            metrics.join(" or "),
            known(&logs).join(", ")
        );
    }
    for warning in missing {
        warn(&warning);
    }
    let drawn = metrics.join(", ");
    let title = match &logs[..] {
        [alone] => format!("{}: {drawn}", alone.name),
        _ => drawn.clone(),
    };
    d2l_plot::curves(&output, &title, "epoch", &drawn, &series)?;
    let width = series
        .iter()
        .map(|line| bars(line).chars().count())
        .max()
        .unwrap_or_default();
    let lines = series
        .iter()
        .map(|line| format!("{:<width$}  {}\n", bars(line), line.name));
    Ok(format!(
        "{note}{}{} written\n",
        lines.collect::<String>(),
        output.display()
    )
    .into())
}

fn bars(line: &Series) -> String {
    text::bars(
        &line
            .points
            .iter()
            .map(|(_, value)| *value)
            .collect::<Vec<_>>(),
    )
}

/// The name of a line: the part that distinguishes it from the others.
fn name(log: &Log, logs: &[Log], metric: &str, metrics: &[String]) -> String {
    let one_chapter = logs
        .iter()
        .all(|other| other.header.chapter == log.header.chapter);
    let run = if one_chapter { log.run() } else { &log.name };
    match (logs.len(), metrics.len()) {
        (_, 1) => run.into(),
        (1, _) => metric.into(),
        _ => format!("{run}: {metric}"),
    }
}

/// A metric over the epochs, one line per fold.
fn lines(log: &Log, metric: &str, name: &str) -> Vec<Series> {
    let mut folds: BTreeMap<Option<usize>, Vec<(f64, f64)>> = BTreeMap::new();
    for epoch in &log.epochs {
        if let Some(value) = epoch.metric(metric) {
            folds
                .entry(epoch.fold)
                .or_default()
                .push((epoch.epoch as f64, value));
        }
    }
    let name =
        |fold: Option<usize>| fold.map_or(name.to_string(), |fold| format!("{name}, fold {fold}"));
    folds
        .into_iter()
        .map(|(fold, points)| Series { name: name(fold), points })
        .collect()
}

fn usual(logs: &[Log]) -> Result<String> {
    let known = known(logs);
    let usual = USUAL
        .iter()
        .find(|metric| known.iter().any(|known| known == *metric));
    match usual
        .map(|metric| metric.to_string())
        .or_else(|| known.first().cloned())
    {
        Some(metric) => Ok(metric),
        None => bail!("none of the runs has a complete epoch; nothing to draw yet"),
    }
}

/// Everything that an epoch of some run has.
fn known(logs: &[Log]) -> Vec<String> {
    let mut known = metric_names(logs);
    if !known.is_empty() {
        known.extend(["learning_rate", "seconds", "examples_per_second"].map(String::from));
    }
    known
}
