//! `runs list`: one entry per run, oldest first.

use crate::Report;
use crate::select;
use crate::table::Table;
use crate::text::{minute, optional, quantity, status};
use anyhow::Result;
use d2l_log::{Log, shown};
use std::path::Path;

pub(crate) fn list(runs_dir: &Path) -> Result<Report> {
    let logs = select::list(runs_dir)?;
    if logs.is_empty() {
        return Ok(format!(
            "{} holds no runs yet; train a chapter first\n",
            runs_dir.display()
        )
        .into());
    }
    let headings = [
        "started",
        "status",
        "epochs",
        "seconds",
        "train loss",
        "valid loss",
        "(best)",
        "valid accuracy",
        "(best)",
    ];
    let mut table = Table::of_words(headings.map(String::from));
    for log in &logs {
        table.row(entry(log));
    }
    // Names are longer than the rest of the table, so each has its own line above its values.
    let lines = table.render();
    let height = lines.lines().count() - logs.len();
    let mut text: String = lines
        .lines()
        .take(height)
        .map(|line| format!("  {line}\n"))
        .collect();
    for (log, line) in logs.iter().zip(lines.lines().skip(height)) {
        text += &format!("{}\n  {line}\n", log.name);
    }
    Ok(text.into())
}

fn entry(log: &Log) -> Vec<String> {
    let last = |metric| optional(log.last(metric), shown);
    let best = |metric| optional(log.best(metric), |best| shown(best.value));
    vec![
        minute(&log.header.started),
        status(log).into(),
        log.epochs.len().to_string(),
        quantity(log.seconds()),
        last("train.loss"),
        last("valid.loss"),
        best("valid.loss"),
        last("valid.accuracy"),
        best("valid.accuracy"),
    ]
}
