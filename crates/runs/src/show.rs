//! `runs show RUN`: everything that a log holds.

use crate::args::Format;
use crate::table::{Table, spread, spread_note};
use crate::text::{self, bars, count, field, memory, minute, optional, quantity, status, width};
use crate::{Report, select, verify};
use anyhow::Result;
use d2l_language::{left, translated};
use d2l_log::{Log, flattened, metric_names, shown};
use serde_json::json;
use std::path::Path;
use std::slice;

#[derive(Debug, clap::Args)]
pub struct Show {
    /// <chapter>/<run>, <run>, or a path
    pub run: String,
    /// Print every epoch of a long run
    #[arg(long)]
    pub all: bool,
    /// Tables, or JSON with the whole log
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// The column at which the values of the header begin.
const INDENT: usize = 12;

pub(crate) fn show(runs_dir: &Path, args: &Show) -> Result<Report> {
    let log = Log::find(runs_dir, &args.run)?;
    select::remark(&log);
    if args.format == Format::Json {
        return Report::json(&json!({
            "run": log.name,
            "path": log.path,
            "status": log.status(),
            "remarks": log.remarks,
            "header": log.header,
            "steps": log.steps,
            "epochs": log.epochs,
            "end": log.end,
        }));
    }
    let mut text = header(&log);
    match log.epochs.is_empty() {
        true => text += "\nNo epoch is complete.\n",
        false => text += &format!("\n{}", epochs(&log, args.all)),
    }
    if !(log.epochs.is_empty() && log.steps.is_empty()) {
        text += &format!("\n{}", curves(&log));
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
                table.row([name.clone(), shown(*value)]);
            }
            text += &format!("\n{}", table.render());
        }
        if !end.bands.is_empty() {
            text += &format!("\n{}", verify::table(&[&log]).render());
        }
    }
    Ok(text.into())
}

/// What was trained, on which data, and how.
fn header(log: &Log) -> String {
    let header = &log.header;
    let recipe = flattened(&header.recipe).into_iter();
    let recipe = recipe.map(|(name, value)| (name, field(&value)));
    let data = match &header.data {
        Some(data) => vec![
            format!(
                "{} ({}), {} to train on, {} held out",
                data.name, data.source, data.train, data.valid
            ),
            format!("sha256 {}", data.sha256),
        ],
        None => vec!["no data set".into()],
    };
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
                translated(&count(header.threads, "thread"))
            )],
        ),
        ("seed", vec![header.seed.to_string()]),
        ("data", data),
        ("recipe", pairs(recipe)),
        ("versions", pairs(header.versions.clone())),
        ("log", vec![log.path.display().to_string()]),
    ];
    if let Some(peak) = peak {
        lines.insert(3, ("memory", vec![format!("{} at the peak", memory(peak))]));
    }
    text.push('\n');
    for (name, values) in lines {
        for (index, value) in values.iter().enumerate() {
            let name = if index == 0 { name } else { "" };
            let name = left(&translated(name), INDENT);
            text += &format!("{name}{}\n", translated(value));
        }
    }
    text
}

/// Names and values, as many as fit in a line.
fn pairs(fields: impl IntoIterator<Item = (String, String)>) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for (name, value) in fields {
        let pair = format!("{name} {value}");
        match lines.last_mut() {
            Some(line) if INDENT + line.len() + 2 + pair.len() <= width() => {
                *line += &format!(", {pair}")
            }
            _ => lines.push(pair),
        }
    }
    lines
}

fn has(log: &Log, metric: &str) -> bool {
    log.epochs
        .iter()
        .any(|epoch| epoch.metric(metric).is_some())
}

fn epochs(log: &Log, all: bool) -> String {
    let metrics = metric_names(slice::from_ref(log));
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
            shown(epoch.learning_rate),
        ];
        cells.extend(
            metrics
                .iter()
                .map(|metric| optional(epoch.metric(metric), shown)),
        );
        cells.extend([epoch.seconds, epoch.examples_per_second].map(quantity));
        table.row(cells);
    }
    table.render() + &spread_note(rows.len(), log.epochs.len())
}

/// A line of bars per metric, and one over the steps if the log has them.
fn curves(log: &Log) -> String {
    let mut table =
        Table::of_words(["metric", "first", "last", "best", "in epoch", "curve"].map(String::from));
    if !log.steps.is_empty() {
        let losses: Vec<f64> = log.steps.iter().map(|step| step.loss).collect();
        let name = translated(&format!("loss of {}", count(losses.len(), "step")));
        let [first, last] =
            [losses.first(), losses.last()].map(|loss| optional(loss.copied(), shown));
        table.row([
            name,
            first,
            last,
            text::NONE.into(),
            text::NONE.into(),
            bars(&losses),
        ]);
    }
    for metric in metric_names(slice::from_ref(log)) {
        let values: Vec<f64> = log
            .epochs
            .iter()
            .filter_map(|epoch| epoch.metric(&metric))
            .collect();
        // No gradient norm is better than another.
        let best = log.best(&metric).filter(|_| metric != "gradient_norm");
        table.row([
            metric,
            optional(values.first().copied(), shown),
            optional(values.last().copied(), shown),
            optional(best, |best| shown(best.value)),
            optional(best, |best| best.epoch.to_string()),
            bars(&values),
        ]);
    }
    table.render()
}
