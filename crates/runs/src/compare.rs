//! `runs compare A B …`: what differs, by how much, and how fast.

use crate::select::{Selection, legend, letter, select};
use crate::table::{self, spread, spread_note};
use crate::text::{count, distance, field, memory, optional, place, quantity, shortened};
use crate::{Report, args};
use anyhow::{Result, anyhow, bail};
use d2l_command::usage;
use d2l_log::{Comparison, Gap, Log, Table, shown};
use std::path::Path;

pub(crate) fn compare(runs_dir: &Path, args: &args::Compare) -> Result<Report> {
    if args.runs.len() == 1 {
        usage!("compare got one run; wanted two or more, or none for the newest chapter's");
    }
    let Selection { logs, note } = select(runs_dir, &args.runs)?;
    if let [alone] = &logs[..] {
        bail!(
            "{} is the only run of its chapter; wanted two to compare: train another, or name them",
            alone.name
        );
    }
    let comparison = d2l_log::compare(&logs);
    let mut text = format!("{note}{}\n{}", legend(&logs), header(&comparison));
    for table in &comparison.metrics {
        text += &format!("\n{}", metric(table, logs.len(), args.all));
    }
    text += &format!("\n{}", totals(&comparison, &logs));
    let verdict = match args.tolerance {
        None => Ok(()),
        Some(tolerance) => judge(&comparison, tolerance, &mut text),
    };
    Ok(Report { text, verdict })
}

fn header(comparison: &Comparison) -> String {
    if comparison.header.is_empty() {
        return "Equal headers: the same experiment.\n".into();
    }
    let mut table = wide_table("header", comparison.names.len(), None);
    for difference in &comparison.header {
        let values = difference
            .values
            .iter()
            .map(|value| optional(value.as_ref(), |value| shortened(&field(value))));
        table.row(std::iter::once(difference.key.clone()).chain(values));
    }
    table.render()
}

/// A table with a column per run.
fn wide_table(first: &str, runs: usize, last: Option<&str>) -> table::Table {
    let headings = std::iter::once(first.to_string())
        .chain((0..runs).map(letter))
        .chain(last.map(String::from));
    table::Table::of_words(headings)
}

fn metric(metric: &Table, runs: usize, all: bool) -> String {
    let folds = metric.rows.iter().any(|row| row.place.fold.is_some());
    let mut table = wide_table(&metric.metric, runs, Some("gap"));
    let widest = metric.gap.as_ref().and_then(|gap| {
        metric
            .rows
            .iter()
            .position(|row| Some(row.place) == gap.place)
    });
    let rows = spread(metric.rows.len(), all, widest);
    for row in rows.iter().filter_map(|&row| metric.rows.get(row)) {
        let name = match row.place.fold {
            Some(fold) if folds => format!("  fold {fold}, epoch {}", row.place.epoch),
            _ => format!("  epoch {}", row.place.epoch),
        };
        let values = row.values.iter().map(|value| optional(*value, shown));
        table.row(
            std::iter::once(name)
                .chain(values)
                .chain([optional(row.gap(), distance)]),
        );
    }
    let gap = match &metric.gap {
        None => "no two runs share an epoch of it\n".into(),
        Some(gap) if gap.size() == 0.0 => "equal wherever two runs share an epoch\n".into(),
        Some(gap) => format!("largest gap {}\n", describe(gap, shown)),
    };
    table.render() + &spread_note(rows.len(), metric.rows.len()) + &gap
}

fn describe(gap: &Gap, text: impl Fn(f64) -> String) -> String {
    let mut ends = [gap.low, gap.high];
    ends.sort_by_key(|(run, _)| *run);
    let [one, other] = ends.map(|(run, value)| format!("{} {}", letter(run), text(value)));
    format!(
        "{} {}: {one}, {other}",
        distance(gap.size()),
        place(gap.place)
    )
}

/// The final value of each metric, and the cost.
fn totals(comparison: &Comparison, logs: &[Log]) -> String {
    let mut table = wide_table("final", logs.len(), None);
    let mut row =
        |name: &str, cells: Vec<String>| table.row(std::iter::once(name.to_string()).chain(cells));
    for score in &comparison.scores {
        row(
            &score.metric,
            score
                .last
                .iter()
                .map(|value| optional(*value, shown))
                .collect(),
        );
        let ends_best = score
            .best
            .iter()
            .zip(&score.last)
            .all(|(best, last)| best.map(|best| best.value) == *last);
        if score.metric != "gradient_norm" && !ends_best && score.best.iter().any(Option::is_some) {
            row(
                "  best",
                score
                    .best
                    .iter()
                    .map(|best| optional(*best, |best| shown(best.value)))
                    .collect(),
            );
            row(
                "  in epoch",
                score
                    .best
                    .iter()
                    .map(|best| optional(*best, |best| best.epoch.to_string()))
                    .collect(),
            );
        }
    }
    row(
        "epochs",
        logs.iter()
            .map(|log| log.epochs.len().to_string())
            .collect(),
    );
    let paces = &comparison.paces;
    row(
        "seconds",
        paces.iter().map(|pace| quantity(pace.seconds)).collect(),
    );
    row(
        "examples per second",
        paces
            .iter()
            .map(|pace| optional(pace.examples_per_second, quantity))
            .collect(),
    );
    row(
        "speed over A's",
        paces
            .iter()
            .map(|pace| optional(pace.ratio, quantity))
            .collect(),
    );
    let peaks: Vec<Option<u64>> = logs
        .iter()
        .map(|log| log.end.as_ref()?.peak_memory_bytes)
        .collect();
    if peaks.iter().any(Option::is_some) {
        row(
            "peak memory",
            peaks
                .into_iter()
                .map(|peak| optional(peak, memory))
                .collect(),
        );
    }
    table.render()
}

/// Lists the metrics whose gaps are too large; the error names the largest.
fn judge(comparison: &Comparison, tolerance: f64, text: &mut String) -> Result<()> {
    let shared = comparison.gaps().count();
    if shared == 0 {
        bail!(
            "no two of the runs share a metric in an epoch: nothing to compare with the tolerance"
        );
    }
    let beyond = comparison.beyond(tolerance);
    let exact = |value: f64| format!("{value}");
    let Some(widest) = beyond
        .iter()
        .copied()
        .reduce(|a, b| if b.size() > a.size() { b } else { a })
    else {
        *text += &format!(
            "\nWithin the tolerance of {tolerance:e}: all {}, wherever two runs share an epoch.\n",
            count(shared, "shared metric")
        );
        return Ok(());
    };
    *text += &format!(
        "\nBeyond the tolerance of {tolerance:e}: {} of {}\n",
        beyond.len(),
        count(shared, "shared metric")
    );
    for gap in &beyond {
        *text += &format!("  {} {}\n", gap.metric, describe(gap, exact));
    }
    Err(anyhow!(
        "{} differs by {}; wanted {tolerance:e} at most",
        widest.metric,
        describe(widest, exact)
    ))
}
