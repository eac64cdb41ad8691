//! A comparison as tables, for a reader.

use super::{Compare, Sides, ratios};
use crate::groups::Group;
use crate::select::letter;
use crate::spread::Spread;
use crate::table::{self, spread, spread_note};
use crate::text::{count, distance, field, memory, optional, place, quantity, shortened};
use d2l_language::translated;
use d2l_log::{Comparison, Cost, Gap, Table, shown};

pub(super) fn tables(sides: &Sides, args: &Compare) -> String {
    let Sides { groups, comparison, .. } = sides;
    let mut text = format!(
        "{}\n{}",
        legend(groups, args.by.as_deref()),
        header(comparison)
    );
    let means = groups.iter().any(|group| group.logs.len() > 1);
    for table in &comparison.metrics {
        text += &format!("\n{}", metric(table, groups.len(), args.all, means));
    }
    if !sides.spreads.is_empty() {
        let is_stated = |spread: &Spread| spread.intervals.iter().any(Option::is_some);
        text += match sides.spreads.iter().any(is_stated) {
            true => {
                "\nFinal values over the seeds; in brackets Welch's 95 % interval of a difference.\n"
            }
            false => "\nFinal values over the seeds.\n",
        };
        for spread in &sides.spreads {
            text += &format!("\n{}", spread.text(&sides.names));
        }
    }
    text + &format!("\n{}", totals(sides))
}

/// One line per column: its letter, and its run or what its runs have in common.
fn legend(groups: &[Group], by: Option<&str>) -> String {
    let mut lines = String::new();
    let mut varying: Vec<String> = Vec::new();
    for (column, group) in groups.iter().enumerate() {
        let name = match by {
            Some(field) => format!("{field} {}", group.name),
            None => group.name.clone(),
        };
        let seeds = match (by, group.logs.len()) {
            (None, 1) => String::new(),
            _ => format!(" ({})", translated(&group.seeds())),
        };
        lines += &format!("{}  {name}{seeds}\n", letter(column));
        varying.extend(
            group
                .varying()
                .into_iter()
                .filter(|field| !varying.contains(field))
                .collect::<Vec<_>>(),
        );
    }
    if !varying.is_empty() {
        lines += &format!(
            "Runs of one column differ in more than the seed: {}.\n",
            varying.join(", ")
        );
    }
    lines
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

/// A table with a column per side.
fn wide_table(first: &str, runs: usize, last: Option<&str>) -> table::Table {
    let headings = std::iter::once(first.to_string())
        .chain((0..runs).map(letter))
        .chain(last.map(String::from));
    table::Table::of_words(headings)
}

fn metric(metric: &Table, runs: usize, all: bool, means: bool) -> String {
    let folds = metric.rows.iter().any(|row| row.place.fold.is_some());
    let title = match means {
        true => format!("{} (mean)", metric.metric),
        false => metric.metric.clone(),
    };
    let mut table = wide_table(&title, runs, Some("gap"));
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
        let name = translated(&name);
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

pub(super) fn describe(gap: &Gap, text: impl Fn(f64) -> String) -> String {
    let mut ends = [gap.low, gap.high];
    ends.sort_by_key(|(run, _)| *run);
    let [one, other] = ends.map(|(run, value)| format!("{} {}", letter(run), text(value)));
    format!(
        "{} {}: {one}, {other}",
        distance(gap.size()),
        translated(&place(gap.place))
    )
}

/// The final value of each metric, unless it is shown with the seeds' spread, and the cost.
fn totals(sides: &Sides) -> String {
    let Sides { groups, means, comparison, .. } = sides;
    let mut table = wide_table("final", means.len(), None);
    let are_runs = groups.iter().all(|group| group.logs.len() == 1);
    let is_spread = |metric: &str| sides.spreads.iter().any(|spread| spread.metric == metric);
    let mut row =
        |name: &str, cells: Vec<String>| table.row(std::iter::once(translated(name)).chain(cells));
    let scores = comparison.scores.iter();
    for score in scores.filter(|score| are_runs || !is_spread(&score.metric)) {
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
        means
            .iter()
            .map(|log| log.epochs.len().to_string())
            .collect(),
    );
    for (name, cells) in costs(&comparison.costs) {
        row(name, cells);
    }
    table.render()
}

/// Rows of time, speed and memory, each with its ratio to the first column's.
fn costs(costs: &[Cost]) -> Vec<(&'static str, Vec<String>)> {
    type Amount = fn(&Cost) -> Option<f64>;
    type Text = fn(f64) -> String;
    let kinds: [(&str, &str, Amount, Text); 3] = [
        ("seconds", "  over A's", |cost| Some(cost.seconds), quantity),
        (
            "examples per second",
            "  over A's",
            |cost| cost.examples_per_second,
            quantity,
        ),
        (
            "peak memory",
            "  over A's",
            |cost| cost.peak_memory_bytes.map(|bytes| bytes as f64),
            |bytes| memory(bytes as u64),
        ),
    ];
    let mut rows = Vec::new();
    for (name, ratio_name, amount, text) in kinds {
        let amounts: Vec<Option<f64>> = costs.iter().map(amount).collect();
        if amounts.iter().any(Option::is_some) {
            let ratios = ratios(&amounts).into_iter();
            rows.push((
                name,
                amounts
                    .iter()
                    .map(|amount| optional(*amount, text))
                    .collect(),
            ));
            rows.push((
                ratio_name,
                ratios.map(|ratio| optional(ratio, quantity)).collect(),
            ));
        }
    }
    rows
}

/// The metrics whose gaps are too large.
pub(super) fn judgement(comparison: &Comparison, tolerance: f64, beyond: &[&Gap]) -> String {
    let shared = count(comparison.gaps().count(), "shared metric");
    if beyond.is_empty() {
        return format!(
            "\nWithin the tolerance of {tolerance:e}: all {shared}, wherever two runs share an epoch.\n"
        );
    }
    let mut text = format!(
        "\nBeyond the tolerance of {tolerance:e}: {} of {shared}\n",
        beyond.len()
    );
    for gap in beyond {
        text += &format!("  {} {}\n", gap.metric, describe(gap, exact));
    }
    text
}

pub(super) fn exact(value: f64) -> String {
    value.to_string()
}
