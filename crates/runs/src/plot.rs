//! `runs plot A B …`: one figure with the curves of several runs.

use crate::curves::{Across, curves, smoothed};
use crate::groups::{Group, by_setting};
use crate::labels::{labels, shared};
use crate::select::{Runs, Selection, select};
use crate::{Report, text};
use anyhow::{Result, bail};
use clap::ValueEnum;
use d2l_command::{usage, warn};
use d2l_language::translated;
use d2l_log::{Log, metric_names};
use d2l_plot::{AxisScale, Curve, CurvePlot};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// The metric that is drawn without `--metric`: the first of these that a run has.
const USUAL: [&str; 3] = ["valid.loss", "train_after.loss", "train.loss"];

#[derive(Debug, clap::Args)]
pub struct Plot {
    #[command(flatten)]
    pub runs: Runs,
    /// What to draw, such as valid.loss or gradient_norm; separate several with commas
    #[arg(long = "metric", value_name = "METRIC", value_delimiter = ',')]
    pub metrics: Vec<String>,
    /// What the horizontal axis counts
    #[arg(long, value_enum, default_value_t)]
    pub by: Across,
    /// Draw a line for each run, instead of the mean and the range of runs that differ in their seed alone
    #[arg(long)]
    pub each: bool,
    /// Average each point with those before it, as TensorBoard does: 0 leaves the curve as it is, 0.9 smooths much
    #[arg(long, value_name = "WEIGHT", default_value = "0", value_parser = weight, allow_hyphen_values = true)]
    pub smooth: f64,
    /// Scale of the horizontal axis
    #[arg(long, value_enum, default_value_t)]
    pub x_scale: Scale,
    /// Scale of the vertical axis; auto is logarithmic for positive values that spread over a factor of 1000
    #[arg(long, value_enum, default_value_t)]
    pub y_scale: Scale,
    /// The figure; by default <METRIC>.svg in the folder of the runs
    #[arg(long, value_name = "FILE.svg")]
    pub output: Option<PathBuf>,
}

/// The scale of an axis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Scale {
    #[default]
    Auto,
    Linear,
    Log,
}

impl From<Scale> for AxisScale {
    fn from(scale: Scale) -> Self {
        match scale {
            Scale::Auto => Self::Automatic,
            Scale::Linear => Self::Linear,
            Scale::Log => Self::Logarithmic,
        }
    }
}

pub(crate) fn plot(runs_dir: &Path, args: &Plot) -> Result<Report> {
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
    let groups = groups(&logs, args.each);
    let mut missing = Vec::new();
    let drawn = lines(&groups, &metrics, args, &mut missing);
    if drawn.is_empty() {
        bail!(
            "no run has {}; they have {}",
            metrics.join(" or "),
            known(&logs).join(", ")
        );
    }
    for warning in missing {
        warn(&warning);
    }
    let of_metrics = metrics.join(", ");
    let title = title(&groups, &of_metrics, args.each);
    let share = share_panels(&metrics);
    let mut panels: Vec<(&str, Vec<Curve>)> = Vec::new();
    for line in &drawn {
        let quantity = if share {
            quantity(&line.metric)
        } else {
            &line.metric
        };
        match panels.iter_mut().find(|(name, _)| *name == quantity) {
            Some((_, curves)) => curves.push(line.curve.clone()),
            None => panels.push((quantity, vec![line.curve.clone()])),
        }
    }
    let plots = panels.iter().map(|(quantity, curves)| CurvePlot {
        title: &title,
        x_label: args.by.label(),
        y_label: quantity,
        x_scale: args.x_scale.into(),
        y_scale: y_scale(args.y_scale, quantity),
        curves,
    });
    d2l_plot::panels(&output, &title, &plots.collect::<Vec<_>>())?;
    let bars = |Line { curve, .. }: &Line| {
        text::bars(
            &curve
                .points
                .iter()
                .map(|(_, value)| *value)
                .collect::<Vec<_>>(),
        )
    };
    let width = drawn.iter().map(|line| bars(line).chars().count()).max();
    let width = width.unwrap_or_default();
    let lines = drawn
        .iter()
        .map(|line| format!("{:<width$}  {}\n", bars(line), line.name));
    let written = format!("{} written\n", output.display());
    Ok(format!("{note}{}{written}", lines.collect::<String>()).into())
}

/// The scale that was asked for; without a wish the metric's own.
fn y_scale(asked: Scale, metric: &str) -> AxisScale {
    match asked {
        Scale::Auto => AxisScale::of_metric(metric),
        asked => asked.into(),
    }
}

/// A line of the figure, its metric, and its full name; the legend needs less.
struct Line {
    metric: String,
    curve: Curve,
    name: String,
}

/// The runs by setting. If each run gets its own line and there is only one setting, the seeds take the place of
/// settings.
fn groups(logs: &[Log], each: bool) -> Vec<Group<'_>> {
    let settings = by_setting(logs);
    if !each || settings.len() > 1 {
        return settings;
    }
    let alone = logs
        .iter()
        .map(|log| Group { name: log.name.clone(), logs: vec![log] });
    alone.collect()
}

/// A line for each setting and metric, or for each of its runs; one colour per setting. `missing` names whatever gets
/// no line.
fn lines(
    groups: &[Group],
    metrics: &[String],
    args: &Plot,
    missing: &mut Vec<String>,
) -> Vec<Line> {
    let mut parts: Vec<&str> = metrics.iter().map(|metric| part(metric)).collect();
    parts.sort_unstable();
    parts.dedup();
    let mut lines = Vec::new();
    for ((colour, group), setting) in groups.iter().enumerate().zip(names(groups)) {
        for metric in metrics {
            let name = match (groups.len(), metrics.len()) {
                (_, 1) => setting.clone(),
                (1, _) => metric.clone(),
                _ => format!("{setting}: {metric}"),
            };
            // The panel says the rest of the metric.
            let short = match (groups.len(), share_panels(metrics)) {
                (_, false) => setting.clone(),
                (1, true) => part(metric).to_string(),
                (_, true) => format!("{setting}, {}", part(metric)),
            };
            let mut found = Vec::new();
            let line = |curve: Curve, which: &str| {
                let folds = curve.name.strip_prefix(&short).unwrap_or_default();
                let name = format!("{name}{folds}{which}");
                Line { metric: metric.clone(), curve, name }
            };
            if args.each && group.logs.len() > 1 {
                for log in &group.logs {
                    let one = curves(&[log], metric, args.by, &short).into_iter();
                    let seed = format!(", seed {}", log.header.seed);
                    found.extend(one.map(|curve| line(curve, &seed)));
                }
                // The legend names the setting once.
                for line in found.iter_mut().skip(1) {
                    line.curve.name.clear();
                }
            } else {
                let all = curves(&group.logs, metric, args.by, &short).into_iter();
                found.extend(all.map(|curve| line(curve, "")));
            }
            if found.is_empty() {
                missing.push(format!("{} has no {metric}", group.name));
            }
            let index = parts.iter().position(|one| *one == part(metric));
            let index = index.filter(|_| share_panels(metrics)).unwrap_or_default();
            // With one setting, training and validation have a colour each.
            let colour = if groups.len() == 1 { index } else { colour };
            let dashed = groups.len() > 1 && index % 2 == 1;
            lines.extend(found.into_iter().map(|line| {
                let curve = Curve { colour, dashed, ..line.curve };
                let curve = match args.smooth > 0.0 {
                    true => smoothed(curve, args.smooth),
                    false => curve,
                };
                Line { curve, ..line }
            }));
        }
    }
    lines
}

/// Whether metrics of one quantity are drawn, such as `train.loss` and `valid.loss`.
fn share_panels(metrics: &[String]) -> bool {
    let mut quantities: Vec<&str> = metrics.iter().map(|metric| quantity(metric)).collect();
    quantities.sort_unstable();
    quantities.windows(2).any(|pair| pair[0] == pair[1])
}

/// `valid` of `valid.loss`; nothing of `gradient_norm`.
fn part(metric: &str) -> &str {
    metric.split_once('.').map_or("", |(part, _)| part)
}

/// `loss` of `valid.loss`: metrics of one quantity share a panel.
fn quantity(metric: &str) -> &str {
    metric
        .split_once('.')
        .map_or(metric, |(_, quantity)| quantity)
}

/// What distinguishes each group from the others; its first run's name if nothing does.
fn names(groups: &[Group]) -> Vec<String> {
    let labels = labels(&described(groups));
    let is_alone = |label: &String| labels.iter().filter(|other| *other == label).count() == 1;
    let names = labels.iter().zip(groups).map(|(label, group)| {
        let run = group.name.rsplit('/').next().unwrap_or(&group.name);
        match label.as_str() {
            "" => run.to_string(),
            label if is_alone(&label.to_string()) => label.to_string(),
            label => format!("{label}, {run}"),
        }
    });
    names.collect()
}

/// The fields that tell the groups apart: the seed is among them if each group is a single run.
fn described(groups: &[Group]) -> Vec<Map<String, Value>> {
    let is_alone = |group: &Group| group.logs.len() == 1;
    match groups.iter().all(is_alone) {
        true => groups
            .iter()
            .flat_map(|group| &group.logs)
            .map(|log| log.header.described())
            .collect(),
        false => groups.iter().map(Group::setting).collect(),
    }
}

/// The figure's title: what its runs have in common, the metric, and what a line stands for.
fn title(groups: &[Group], metrics: &str, each: bool) -> String {
    let common = match groups {
        [group] if group.logs.len() == 1 => group.name.clone(),
        several => shared(&described(several)),
    };
    let runs = groups
        .iter()
        .map(|group| group.logs.len())
        .max()
        .unwrap_or_default();
    let meaning = match runs {
        0 | 1 => String::new(),
        seeds if each => format!(", {} seeds", seeds_of(groups, seeds)),
        seeds => format!(", mean and range of {} seeds", seeds_of(groups, seeds)),
    };
    let (on, meaning) = (translated("on"), translated(&meaning));
    let data = data_of(groups).map_or(String::new(), |data| format!(" {on} {data}"));
    match common.as_str() {
        "" => format!("{metrics}{data}{meaning}"),
        common => format!("{common}{data}: {metrics}{meaning}"),
    }
}

/// The data of all runs, if they are the same.
fn data_of<'a>(groups: &'a [Group]) -> Option<&'a str> {
    let logs = groups.iter().flat_map(|group| &group.logs);
    let mut names = logs.map(|log| log.header.data.as_ref().map(|data| data.name.as_str()));
    let first = names.next()?;
    names.all(|name| name == first).then_some(first)?
}

/// `3`, or `up to 3` if some settings have fewer.
fn seeds_of(groups: &[Group], most: usize) -> String {
    match groups.iter().all(|group| group.logs.len() == most) {
        true => most.to_string(),
        false => format!("up to {most}"),
    }
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

/// Everything that an epoch or a step of some run has.
fn known(logs: &[Log]) -> Vec<String> {
    let mut known = metric_names(logs);
    if known.is_empty() && logs.iter().any(|log| !log.steps.is_empty()) {
        return vec!["train.loss".into(), "learning_rate".into()];
    }
    if !known.is_empty() {
        known.extend(["learning_rate", "seconds", "examples_per_second"].map(String::from));
    }
    known
}

fn weight(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(weight) if (0.0..1.0).contains(&weight) => Ok(weight),
        _ => Err("wanted a number from 0 to below 1".into()),
    }
}
