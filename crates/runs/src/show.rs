//! `runs show RUN`: everything that a log holds.

use crate::Report;
use crate::args;
use crate::table::{Table, spread, spread_note, wrap};
use crate::text::{WIDTH, bars, count, field, memory, minute, number, optional, quantity, status};
use anyhow::Result;
use d2l_log::{BandResult, Log};
use serde_json::{Map, Value};
use std::path::Path;

/// Where the values of the header begin.
const INDENT: usize = 12;

pub(crate) fn show(runs_dir: &Path, args: &args::Show) -> Result<Report> {
    let log = Log::find(runs_dir, &args.run)?;
    let mut text = header(&log);
    if log.epochs.is_empty() {
        text += "\nNo epoch is complete.\n";
    } else {
        text += &format!("\n{}\n{}", epochs(&log, args.all), curves(&log));
    }
    if let Some(end) = &log.end {
        let only: Vec<_> = end
            .last
            .iter()
            .filter(|(name, _)| !has(&log, name))
            .collect();
        if !only.is_empty() {
            let mut table = Table::of_words(["at the end", "value"].map(String::from));
            for (name, value) in only {
                table.row([name.clone(), number(*value)]);
            }
            text += &format!("\n{}", table.render());
        }
        if !end.bands.is_empty() {
            text += &format!("\n{}", bands(&end.bands));
        }
    }
    Ok(text.into())
}

/// What was trained, on what, how.
fn header(log: &Log) -> String {
    let header = &log.header;
    let data = &header.data;
    let mut text = format!(
        "{}\n{} after {} and {} s, started {} UTC\n",
        log.name,
        status(log),
        count(log.epochs.len(), "epoch"),
        quantity(log.seconds()),
        minute(&header.started)
    );
    if let Some(reason) = log.end.as_ref().and_then(|end| end.reason.as_ref()) {
        text += &format!("reason: {reason}\n");
    }
    let peak = log.end.as_ref().and_then(|end| end.peak_memory_bytes);
    let mut lines = vec![
        (
            "model",
            vec![format!(
                "{}, {}, {} parameters",
                header.model, header.implementation, header.parameters
            )],
        ),
        ("preset", vec![header.preset.clone()]),
        (
            "device",
            vec![format!(
                "{}, {}",
                header.device,
                count(header.threads, "thread")
            )],
        ),
        ("seed", vec![header.seed.to_string()]),
        (
            "data",
            vec![
                format!(
                    "{} ({}), {} to train on, {} held out",
                    data.name, data.source, data.train, data.valid
                ),
                format!("sha256 {}", data.sha256),
            ],
        ),
        ("recipe", pairs(&flat(&header.recipe))),
        (
            "versions",
            pairs(&header.versions.clone().into_iter().collect::<Vec<_>>()),
        ),
        ("log", vec![log.path.display().to_string()]),
    ];
    if let Some(fold) = header.fold {
        lines.insert(4, ("fold", vec![fold.to_string()]));
    }
    if let Some(peak) = peak {
        lines.insert(3, ("memory", vec![format!("{} at the peak", memory(peak))]));
    }
    text.push('\n');
    for (name, values) in lines {
        for (index, value) in values.iter().enumerate() {
            let name = if index == 0 { name } else { "" };
            text += &format!("{name:<INDENT$}{value}\n");
        }
    }
    text
}

/// Names and values, as many to a line as fit.
fn pairs(fields: &[(String, String)]) -> Vec<String> {
    let pairs: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{name} {value}"))
        .collect();
    wrap(pairs.iter().map(String::as_str), ", ", WIDTH - INDENT)
}

/// A recipe's fields, nested ones by their full names.
fn flat(map: &Map<String, Value>) -> Vec<(String, String)> {
    map.iter()
        .flat_map(|(name, value)| match value {
            Value::Object(inner) => flat(inner)
                .into_iter()
                .map(|(inner, value)| (format!("{name}.{inner}"), value))
                .collect(),
            value => vec![(name.clone(), field(value))],
        })
        .collect()
}

/// Every metric that some epoch has.
fn metrics(log: &Log) -> Vec<String> {
    let mut names = Vec::new();
    for (name, _) in log.epochs.iter().flat_map(d2l_log::Epoch::metrics) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.push("gradient_norm".into());
    names
}

fn has(log: &Log, metric: &str) -> bool {
    log.epochs
        .iter()
        .any(|epoch| epoch.metric(metric).is_some())
}

fn epochs(log: &Log, all: bool) -> String {
    let metrics = metrics(log);
    let folds = log.epochs.iter().any(|epoch| epoch.fold.is_some());
    let mut headings = vec![
        if folds { "fold epoch" } else { "epoch" }.to_string(),
        "step".into(),
        "learning rate".into(),
    ];
    headings.extend(metrics.iter().map(|metric| metric.replace(['.', '_'], " ")));
    headings.extend(["seconds", "examples per second"].map(String::from));
    let mut table = Table::of_numbers(headings);
    let rows = spread(log.epochs.len(), all, None);
    for epoch in rows.iter().filter_map(|&row| log.epochs.get(row)) {
        let fold = epoch
            .fold
            .map(|fold| format!("{fold} "))
            .unwrap_or_default();
        let mut cells = vec![
            format!("{fold}{}", epoch.epoch),
            epoch.step.to_string(),
            number(epoch.learning_rate),
        ];
        cells.extend(
            metrics
                .iter()
                .map(|metric| optional(epoch.metric(metric), number)),
        );
        cells.extend([epoch.seconds, epoch.examples_per_second].map(quantity));
        table.row(cells);
    }
    table.render() + &spread_note(rows.len(), log.epochs.len())
}

/// A line of bars per metric.
fn curves(log: &Log) -> String {
    let mut table =
        Table::of_words(["metric", "first", "last", "best", "in epoch", "curve"].map(String::from));
    for metric in metrics(log) {
        let values: Vec<f64> = log
            .epochs
            .iter()
            .filter_map(|epoch| epoch.metric(&metric))
            .collect();
        // No gradient norm is better than another.
        let best = log.best(&metric).filter(|_| metric != "gradient_norm");
        table.row([
            metric,
            optional(values.first().copied(), number),
            optional(values.last().copied(), number),
            optional(best, |best| number(best.value)),
            optional(best, |best| best.epoch.to_string()),
            bars(&values),
        ]);
    }
    table.render()
}

fn bands(bands: &[BandResult]) -> String {
    let headings = [
        "band", "value", "low", "median", "high", "runs", "source", "verdict",
    ];
    let mut table = Table::of_words(headings.map(String::from));
    for band in bands {
        let verdict = match (band.value, band.within) {
            (None, _) => "not measured",
            (_, true) => "within",
            (_, false) => "outside",
        };
        table.row([
            band.metric.clone(),
            optional(band.value, number),
            number(band.low),
            optional(band.median, number),
            number(band.high),
            band.runs.to_string(),
            band.source.clone(),
            verdict.into(),
        ]);
    }
    table.render()
}
