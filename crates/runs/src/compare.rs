//! `runs compare A B …`: what differs, by how much, beyond the seeds' spread or not, and at what cost.

use crate::args::Format;
use crate::groups::{Group, by_field, by_setting};
use crate::select::{LETTERS, Selection, letter, select};
use crate::spread::Spread;
use crate::table::{self, spread as spread_rows, spread_note};
use crate::text::{self, count, distance, field, memory, optional, place, quantity, shortened};
use crate::{Report, compare_json};
use anyhow::{Result, anyhow, bail};
use d2l_command::usage;
use d2l_log::{Comparison, Cost, Gap, Log, Table, differences, shown};
use std::path::Path;

#[derive(Debug, clap::Args)]
pub struct Compare {
    /// <chapter>/<run>, <run>, or paths; none: the runs of the newest run's chapter
    pub runs: Vec<String>,
    /// Compare what runs with different values of this field have in common, as in recipe.learning_rate; without it,
    /// runs that differ in their seed alone are put together
    #[arg(long, value_name = "FIELD")]
    pub by: Option<String>,
    /// Compare these metrics only, such as valid.accuracy; several with commas between them
    #[arg(long = "metric", value_name = "METRIC", value_delimiter = ',')]
    pub metrics: Vec<String>,
    /// Exit with 1 if a metric that two runs share is further apart than this in any epoch
    #[arg(long, value_name = "GAP", value_parser = tolerance, allow_hyphen_values = true)]
    pub tolerance: Option<f64>,
    /// Print every epoch of long runs
    #[arg(long)]
    pub all: bool,
    /// Tables, or JSON with every number
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// What is compared: single runs, or groups of them.
pub(crate) struct Sides<'a> {
    /// A column each.
    pub(crate) groups: Vec<Group<'a>>,
    /// The mean run of each.
    pub(crate) means: Vec<Log>,
    pub(crate) comparison: Comparison,
    /// Each metric over the seeds; empty if each group is one run and nothing was said about grouping.
    pub(crate) spreads: Vec<Spread>,
    /// How the spreads call the groups.
    pub(crate) names: Vec<String>,
}

pub(crate) fn compare(runs_dir: &Path, args: &Compare) -> Result<Report> {
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
    let sides = sides(&logs, args)?;
    let beyond = args
        .tolerance
        .map(|tolerance| sides.comparison.beyond(tolerance));
    let verdict = match (args.tolerance, &beyond) {
        (Some(tolerance), Some(beyond)) => judge(&sides.comparison, tolerance, beyond),
        _ => Ok(()),
    };
    let text = match args.format {
        Format::Json => text::json(&compare_json::value(&sides, args.tolerance))?,
        Format::Text => {
            let mut text = format!("{note}{}", tables(&sides, args));
            if let (Some(tolerance), Some(beyond)) = (args.tolerance, &beyond) {
                text += &judgement(&sides.comparison, tolerance, beyond);
            }
            text
        }
    };
    Ok(Report { text, verdict })
}

/// Puts the runs into columns: by the field that the call names, otherwise by setting. Seeds of a single setting stand
/// side by side.
fn sides<'a>(logs: &'a [Log], args: &Compare) -> Result<Sides<'a>> {
    let settings = by_setting(logs);
    let one_each = |logs: &'a [Log]| -> Vec<Group<'a>> {
        let groups = logs
            .iter()
            .map(|log| Group { name: log.name.clone(), logs: vec![log] });
        groups.collect()
    };
    let (groups, spread_groups) = match &args.by {
        Some(field) => (by_field(logs, field)?, by_field(logs, field)?),
        None if settings.len() == 1 => (one_each(logs), settings),
        None => (by_setting(logs), settings),
    };
    if groups.len() > LETTERS {
        usage!(
            "{} settings are to be compared; wanted {LETTERS} at most",
            groups.len()
        );
    }
    let means: Vec<Log> = groups.iter().filter_map(Group::mean).collect();
    let mut comparison = d2l_log::compare(&means);
    if groups.iter().any(|group| group.logs.len() > 1) {
        let settings: Vec<_> = groups.iter().map(Group::setting).collect();
        comparison.header = differences(&settings);
    }
    if !args.metrics.is_empty() {
        let known: Vec<String> = comparison
            .scores
            .iter()
            .map(|score| score.metric.clone())
            .collect();
        if let Some(unknown) = args.metrics.iter().find(|metric| !known.contains(metric)) {
            bail!("no run has {unknown}; they have {}", known.join(", "));
        }
        comparison
            .metrics
            .retain(|table| args.metrics.contains(&table.metric));
        comparison
            .scores
            .retain(|score| args.metrics.contains(&score.metric));
    }
    let is_spread = args.by.is_some() || spread_groups.iter().any(|group| group.logs.len() > 1);
    // No gradient norm is better than another.
    let scores = comparison
        .scores
        .iter()
        .filter(|score| is_spread && score.metric != "gradient_norm");
    let spreads = scores.filter_map(|score| Spread::of(&score.metric, &spread_groups).transpose());
    let spreads = spreads.collect::<Result<Vec<Spread>>>()?;
    let names = match (&args.by, spread_groups.len()) {
        (Some(_), _) => spread_groups.into_iter().map(|group| group.name).collect(),
        (None, 1) => vec!["all".to_string()],
        (None, several) => (0..several).map(letter).collect(),
    };
    Ok(Sides { groups, means, comparison, spreads, names })
}

fn tables(sides: &Sides, args: &Compare) -> String {
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
        text += "\nover the seeds, at the end\n";
        for spread in &sides.spreads {
            text += &spread.text(&sides.names);
        }
    }
    text + &format!("\n{}", totals(sides))
}

/// One line per column: its letter, and its run, or what its runs have in common.
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
            _ => format!(" ({})", group.seeds()),
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
    let rows = spread_rows(metric.rows.len(), all, widest);
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

/// The final value of each metric, unless it stands with the seeds' spread, and the cost.
fn totals(sides: &Sides) -> String {
    let Sides { groups, means, comparison, .. } = sides;
    let mut table = wide_table("final", means.len(), None);
    let are_runs = groups.iter().all(|group| group.logs.len() == 1);
    let is_spread = |metric: &str| sides.spreads.iter().any(|spread| spread.metric == metric);
    let mut row =
        |name: &str, cells: Vec<String>| table.row(std::iter::once(name.to_string()).chain(cells));
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

/// Amounts over the first one.
pub(crate) fn ratios(amounts: &[Option<f64>]) -> Vec<Option<f64>> {
    let first = amounts.first().copied().flatten();
    let ratio = |amount: &Option<f64>| Some((*amount)? / first?).filter(|ratio| ratio.is_finite());
    amounts.iter().map(ratio).collect()
}

/// The error that names the largest of the gaps beyond the tolerance.
fn judge(comparison: &Comparison, tolerance: f64, beyond: &[&Gap]) -> Result<()> {
    if comparison.gaps().count() == 0 {
        bail!(
            "no two of the runs share a metric in an epoch: nothing to compare with the tolerance"
        );
    }
    let widest = beyond.iter().copied();
    match widest.reduce(|a, b| if b.size() > a.size() { b } else { a }) {
        None => Ok(()),
        Some(widest) => Err(anyhow!(
            "{} differs by {}; wanted {tolerance:e} at most",
            widest.metric,
            describe(widest, exact)
        )),
    }
}

/// The metrics whose gaps are too large.
fn judgement(comparison: &Comparison, tolerance: f64, beyond: &[&Gap]) -> String {
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

fn exact(value: f64) -> String {
    value.to_string()
}

fn tolerance(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(gap) if gap.is_finite() && gap >= 0.0 => Ok(gap),
        _ => Err("wanted a number of 0 or more".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tolerance_is_a_number_that_a_gap_can_exceed() {
        assert_eq!(tolerance("1e-4"), Ok(1e-4));
        assert_eq!(tolerance("0"), Ok(0.0));
        for bad in ["-1", "nan", "inf", "", "small"] {
            assert!(tolerance(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_ratio_needs_two_amounts() {
        let found = ratios(&[Some(2.0), Some(3.0), None]);
        assert_eq!(found, [Some(1.0), Some(1.5), None]);
        assert_eq!(ratios(&[None, Some(3.0)]), [None, None]);
        assert_eq!(ratios(&[Some(0.0), Some(3.0)]), [None, None]);
    }
}
