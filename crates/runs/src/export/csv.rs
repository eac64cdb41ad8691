//! Tables: a row for each run, for each epoch, and for each step that the logs have. Numbers are written so that they are read back bit for bit.

use crate::output;
use crate::tables::{EPOCHS, RUNS, STEP_LOSS, STEP_RATE, STEPS};
use crate::text::{count, status};
use anyhow::Result;
use csv::Writer;
use d2l_log::{Log, metric_names};
use serde_json::Value;
use std::path::Path;

/// The columns of the epochs that are no metrics.
const EPOCH: [&str; 6] = ["run", "fold", "epoch", "step", "learning_rate", "seconds"];

pub(crate) fn export(logs: &[Log], folder: &Path) -> Result<String> {
    let mut files = vec![(RUNS, runs(logs)?), (EPOCHS, epochs(logs)?)];
    if logs.iter().any(|log| !log.steps.is_empty()) {
        files.push((STEPS, steps(logs)?));
    }
    let mut text = String::new();
    for (name, (rows, content)) in files {
        let path = folder.join(name);
        output::write(&path, &content)?;
        text += &format!("{} written, {}\n", path.display(), count(rows, "row"));
    }
    Ok(text)
}

/// Header, status, final and best values.
fn runs(logs: &[Log]) -> Result<(usize, Vec<u8>)> {
    let rows = logs.iter().map(run_fields).collect::<Vec<_>>();
    let mut columns: Vec<&String> = Vec::new();
    let mut known = std::collections::HashSet::new();
    for (name, _) in rows.iter().flatten() {
        if known.insert(name) {
            columns.push(name);
        }
    }
    let mut writer = Writer::from_writer(Vec::new());
    writer.write_record(&columns)?;
    for row in &rows {
        let cell = |column: &&String| {
            let mut fields = row.iter();
            fields
                .find(|(name, _)| name == *column)
                .map_or("", |(_, value)| value.as_str())
        };
        writer.write_record(columns.iter().map(cell))?;
    }
    Ok((logs.len(), writer.into_inner()?))
}

/// A run's columns with their values, in order.
fn run_fields(log: &Log) -> Vec<(String, String)> {
    let text = |value: Value| match value {
        Value::String(text) => text,
        Value::Null => String::new(),
        value => value.to_string(),
    };
    let mut fields = vec![
        ("run".to_string(), log.name.clone()),
        ("status".into(), status(log).into()),
    ];
    fields.push(("started".into(), log.header.started.clone()));
    let header = log.header.described().into_iter();
    fields.extend(header.map(|(name, value)| (name, text(value))));
    fields.push(("seconds".into(), log.seconds().to_string()));
    if let Some(end) = &log.end {
        let peak = end.peak_memory_bytes;
        fields.extend(peak.map(|bytes| ("peak_memory_bytes".into(), bytes.to_string())));
        let last = end.last.iter();
        fields.extend(last.map(|(name, value)| (format!("final.{name}"), value.to_string())));
        for (name, best) in &end.best {
            fields.push((format!("best.{name}"), best.value.to_string()));
            fields.push((format!("best.{name}.epoch"), best.epoch.to_string()));
        }
    }
    fields
}

fn epochs(logs: &[Log]) -> Result<(usize, Vec<u8>)> {
    let mut metrics = metric_names(logs);
    metrics.push("examples_per_second".into());
    let mut writer = Writer::from_writer(Vec::new());
    writer.write_record(
        EPOCH
            .iter()
            .copied()
            .chain(metrics.iter().map(String::as_str)),
    )?;
    let mut rows = 0;
    for log in logs {
        for epoch in &log.epochs {
            let mut row = vec![
                log.name.clone(),
                epoch.fold.map(|fold| fold.to_string()).unwrap_or_default(),
                epoch.epoch.to_string(),
                epoch.step.to_string(),
                epoch.learning_rate.to_string(),
                epoch.seconds.to_string(),
            ];
            let values = metrics.iter().map(|metric| epoch.metric(metric));
            row.extend(
                values.map(|value| value.map(|value| value.to_string()).unwrap_or_default()),
            );
            writer.write_record(row)?;
            rows += 1;
        }
    }
    Ok((rows, writer.into_inner()?))
}

fn steps(logs: &[Log]) -> Result<(usize, Vec<u8>)> {
    let mut writer = Writer::from_writer(Vec::new());
    writer.write_record(["run", "fold", "epoch", "step", STEP_RATE, STEP_LOSS])?;
    let mut rows = 0;
    for log in logs {
        for step in &log.steps {
            writer.write_record([
                log.name.clone(),
                step.fold.map(|fold| fold.to_string()).unwrap_or_default(),
                step.epoch.to_string(),
                step.step.to_string(),
                step.learning_rate.to_string(),
                step.loss.to_string(),
            ])?;
            rows += 1;
        }
    }
    Ok((rows, writer.into_inner()?))
}
