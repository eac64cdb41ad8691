//! `runs bands A B …`: the results of experiments over their seeds, beside their bands.

use crate::select::choose;
use crate::table::{Table, markdown};
use crate::text::{count, optional, quantity};
use crate::{Report, args};
use anyhow::{Result, bail};
use d2l_command::warn;
use d2l_log::{BandResult, Log, median, shown};
use std::path::Path;

pub(crate) fn bands(runs_dir: &Path, args: &args::Bands) -> Result<Report> {
    let mut logs = choose(runs_dir, &args.runs)?;
    logs.retain(|log| {
        let judged = !results(log).is_empty();
        if !judged && !args.runs.is_empty() {
            warn(&format!("{} has no bands", log.name));
        }
        judged
    });
    if logs.is_empty() {
        bail!(
            "none of the runs has bands; wanted finished runs of a preset that has some, unchanged and on \
             the real data: the chapter's --list says which"
        );
    }
    let experiments = experiments(&logs);
    let text = if args.markdown {
        rows(&experiments)
    } else {
        let sections = experiments.iter().map(|logs| section(logs));
        sections.collect::<Vec<_>>().join("\n")
    };
    Ok(text.into())
}

/// The runs grouped by experiment, in the order of their seeds; the experiments in the order of their first runs.
fn experiments(logs: &[Log]) -> Vec<Vec<&Log>> {
    let mut experiments: Vec<Vec<&Log>> = Vec::new();
    for log in logs {
        let found = experiments
            .iter_mut()
            .find(|runs| runs.iter().all(|run| experiment(run) == experiment(log)));
        match found {
            Some(runs) => runs.push(log),
            None => experiments.push(vec![log]),
        }
    }
    for runs in &mut experiments {
        runs.sort_by_key(|run| run.header.seed);
    }
    experiments
}

/// The settings that the runs of one experiment have in common.
fn experiment(log: &Log) -> [&str; 5] {
    let header = &log.header;
    [
        &header.chapter,
        &header.model,
        &header.implementation,
        &header.preset,
        &header.device,
    ]
}

/// One experiment: a line about its runs, then its bands.
fn section(logs: &[&Log]) -> String {
    let Some(first) = logs.first() else {
        return String::new();
    };
    let [_, model, implementation, preset, device] = experiment(first);
    format!(
        "{model}, {implementation}, preset {preset}: {} on {device}, {} s each\n{}",
        count(logs.len(), "run"),
        quantity(seconds(logs)),
        table(logs).render()
    )
}

/// The bands of an experiment with the value of each run and, if there are several runs, their median.
pub(crate) fn table(logs: &[&Log]) -> Table {
    let mut headings = vec!["band".to_string()];
    match logs {
        [_] => headings.push("value".into()),
        several => {
            let seeds = several
                .iter()
                .map(|log| format!("seed {}", log.header.seed));
            headings.extend(seeds.chain(["median".into()]));
        }
    }
    let rest = ["verdict", "low", "middle", "high", "runs", "source"];
    headings.extend(rest.map(String::from));
    let mut table = Table::of_words(headings);
    for judged in judged(logs) {
        let band = judged.band;
        let verdict = match (judged.median, judged.within) {
            (None, _) => "not measured",
            (_, true) => "within",
            (_, false) => "outside",
        };
        let mut cells = vec![band.metric.clone()];
        cells.extend(judged.values.iter().map(|value| optional(*value, shown)));
        if logs.len() > 1 {
            cells.push(optional(judged.median, shown));
        }
        cells.extend([
            verdict.into(),
            shown(band.low),
            optional(band.median, shown),
            shown(band.high),
            band.runs.to_string(),
            band.source.clone(),
        ]);
        table.row(cells);
    }
    table
}

/// All experiments as one table in markdown, with a row for each band.
fn rows(experiments: &[Vec<&Log>]) -> String {
    let headings = [
        "model",
        "implementation",
        "preset",
        "device",
        "metric",
        "by seed",
        "median",
        "band",
        "source",
        "within",
        "seconds a run",
    ];
    let mut rows = Vec::new();
    for logs in experiments {
        let Some(first) = logs.first() else { continue };
        for judged in judged(logs) {
            let band = judged.band;
            let by_seed = judged.values.iter().map(|value| optional(*value, shown));
            let by_seed: Vec<String> = by_seed.collect();
            let [_, model, implementation, preset, device] = experiment(first);
            rows.push([
                model.to_string(),
                implementation.to_string(),
                preset.to_string(),
                device.to_string(),
                band.metric.clone(),
                by_seed.join(", "),
                optional(judged.median, shown),
                format!("{} .. {}", shown(band.low), shown(band.high)),
                format!("{}, {}", band.source, count(band.runs, "run")),
                if judged.within { "yes" } else { "**no**" }.into(),
                quantity(seconds(logs)),
            ]);
        }
    }
    markdown(headings, rows)
}

/// A band with the results of an experiment's runs.
struct Judged<'a> {
    band: &'a BandResult,
    /// In the order of the runs.
    values: Vec<Option<f64>>,
    /// `None` if a run has no value.
    median: Option<f64>,
    /// Whether the median lies in the band.
    within: bool,
}

fn judged<'a>(logs: &[&'a Log]) -> Vec<Judged<'a>> {
    let first = logs.first().map(|log| results(log)).unwrap_or_default();
    let judged = first.iter().map(|band| {
        let results = logs.iter().map(|log| {
            let mut results = results(log).iter();
            results.find(|result| result.metric == band.metric)
        });
        let results: Vec<Option<&BandResult>> = results.collect();
        let values: Vec<Option<f64>> = results.iter().map(|result| (*result)?.value).collect();
        let all: Option<Vec<f64>> = values.iter().copied().collect();
        let median = all.and_then(|values| median(&values));
        let within = median.is_some_and(|median| {
            // A run's own verdict takes the book's number of decimals into account.
            let mut runs = results.iter().flatten();
            (band.low..=band.high).contains(&median)
                || runs.any(|result| result.value == Some(median) && result.within)
        });
        Judged { band, values, median, within }
    });
    judged.collect()
}

/// The verdicts on a run; there are none while it trains.
fn results(log: &Log) -> &[BandResult] {
    log.end.as_ref().map_or(&[], |end| &end.bands)
}

/// Mean over the runs.
fn seconds(logs: &[&Log]) -> f64 {
    logs.iter().map(|log| log.seconds()).sum::<f64>() / logs.len() as f64
}
