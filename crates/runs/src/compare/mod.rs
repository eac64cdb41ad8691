//! `runs compare A B …`: what differs, by how much, whether by more than the seeds' spread, and at what cost.

mod json;
mod tables;

use crate::Report;
use crate::args::Format;
use crate::groups::{Group, by_field, by_setting};
use crate::select::{LETTERS, Runs, Selection, letter, select};
use crate::spread::Spread;
use anyhow::{Result, anyhow, bail};
use d2l_command::usage;
use d2l_log::{Comparison, Gap, Log, differences};
use std::path::Path;
use tables::{describe, exact, judgement, tables};

#[derive(Debug, clap::Args)]
pub struct Compare {
    #[command(flatten)]
    pub runs: Runs,
    /// Group the runs by this field, such as recipe.learning_rate, and compare the groups; without it, runs that differ
    /// in their seed alone are grouped
    #[arg(long, value_name = "FIELD")]
    pub by: Option<String>,
    /// Compare these metrics only, such as valid.accuracy; separate several with commas
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

/// The things that are compared: single runs, or groups of them.
pub(crate) struct Sides<'a> {
    /// One column each.
    pub(crate) groups: Vec<Group<'a>>,
    /// The mean run of each.
    pub(crate) means: Vec<Log>,
    pub(crate) comparison: Comparison,
    /// Each metric over the seeds; empty if each group is one run and `--by` is not given.
    pub(crate) spreads: Vec<Spread>,
    /// The groups' names in the tables of spreads.
    pub(crate) names: Vec<String>,
}

pub(crate) fn compare(runs_dir: &Path, args: &Compare) -> Result<Report> {
    if args.runs.runs.len() == 1 {
        usage!("compare got one run; wanted two or more, or none for the newest chapter's");
    }
    let Selection { logs, note } = select(runs_dir, &args.runs)?;
    if let [alone] = &logs[..] {
        bail!(
            "{} is the only run{}; wanted two to compare: train another, or name them",
            alone.name,
            match args.runs.conditions.is_empty() {
                true => " of its chapter",
                false => " that meets --where",
            }
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
    let report = match args.format {
        Format::Json => Report::json(&json::value(&sides, args.tolerance))?,
        Format::Text => {
            let mut text = format!("{note}{}", tables(&sides, args));
            if let (Some(tolerance), Some(beyond)) = (args.tolerance, &beyond) {
                text += &judgement(&sides.comparison, tolerance, beyond);
            }
            text.into()
        }
    };
    Ok(Report { verdict, ..report })
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

/// Amounts, each divided by the first one.
fn ratios(amounts: &[Option<f64>]) -> Vec<Option<f64>> {
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
