//! `runs verify A B …`: the results of experiments over their seeds, beside their bands, and the verdict.

use crate::Report;
use crate::select::{Runs, choose};
use crate::table::{Table, markdown};
use crate::text::{count, optional, quantity};
use anyhow::{Result, anyhow};
use d2l_command::{Colour, paint, usage, warn};
use d2l_language::translated;
use d2l_log::{BandResult, Judged, Log, judged, shown};
use std::path::Path;

#[derive(Debug, clap::Args)]
pub struct Verify {
    #[command(flatten)]
    pub runs: Runs,
    /// Judge the runs by the bands of this run, not by their own; imported runs and PyTorch's have none
    #[arg(long, value_name = "RUN")]
    pub bands_of: Option<String>,
    /// Print one table in markdown, with a row for each band
    #[arg(long)]
    pub markdown: bool,
}

/// Which runs have bands.
const WANTED: &str = "wanted finished runs of a preset that has some, unchanged and on the real data: the \
                      chapter's --list says which";

pub(crate) fn verify(runs_dir: &Path, args: &Verify) -> Result<Report> {
    let mut logs = choose(runs_dir, &args.runs)?;
    let mut text = String::new();
    if let Some(run) = &args.bands_of {
        if args.runs.runs.is_empty() && args.runs.conditions.is_empty() {
            usage!("--bands-of {run}: wanted the names of the runs to judge, or --where");
        }
        let owner = Log::find(runs_dir, run)?;
        if owner.verdicts().is_empty() {
            usage!("--bands-of {run}: the run has no bands; {WANTED}");
        }
        logs.iter_mut().for_each(|log| judge_by(log, &owner));
        if !args.markdown {
            text = format!("bands of {}\n\n", owner.name);
        }
    }
    logs.retain(|log| {
        let judged = !log.verdicts().is_empty();
        if !judged && !args.runs.runs.is_empty() {
            let why = match (&args.bands_of, log.status()) {
                (Some(_), status) => format!("it is {status}, not finished, and not judged"),
                (None, _) => "it has no bands; --bands-of RUN judges it by another run's".into(),
            };
            warn(&format!("{}: {why}", log.name));
        }
        judged
    });
    if logs.is_empty() && args.bands_of.is_some() {
        usage!("none of the runs has finished; wanted finished ones");
    }
    if logs.is_empty() {
        usage!(
            "none of the runs has bands; {WANTED}; or --bands-of RUN, which judges by the bands of such a run"
        );
    }
    let experiments = experiments(&logs);
    let report = match args.markdown {
        true => Report::data(rows(&experiments)),
        false => {
            let sections = experiments.iter().map(|logs| section(logs));
            Report::from(text + &sections.collect::<Vec<_>>().join("\n"))
        }
    };
    Ok(Report { verdict: verdict(&experiments), ..report })
}

/// Gives a finished run the verdicts of another run's bands, and an unfinished one none.
fn judge_by(log: &mut Log, owner: &Log) {
    let is_finished = log.status() == owner.status();
    let bands = owner.verdicts().iter().filter(|_| is_finished);
    let bands = bands.map(|band| band.judge(log.result(&band.metric)));
    let bands: Vec<BandResult> = bands.collect();
    if let (Some(own), Some(of_bands)) = (&log.header.data, &owner.header.data)
        && (&own.name, &own.source) != (&of_bands.name, &of_bands.source)
    {
        warn(&format!(
            "{} learned from {} ({}), the bands are those of {} ({})",
            log.name, own.name, own.source, of_bands.name, of_bands.source
        ));
    }
    if let Some(end) = &mut log.end {
        end.bands = bands;
    }
}

/// The error that names the first result outside its band.
fn verdict(experiments: &[Vec<&Log>]) -> Result<()> {
    let judged = experiments.iter().flat_map(|logs| {
        let [_, model, implementation, preset, _] =
            logs.first().map(|log| experiment(log)).unwrap_or_default();
        let judged = judged(logs).into_iter();
        judged.map(move |judged| (format!("{model} {implementation} {preset}"), judged))
    });
    let judged: Vec<_> = judged.collect();
    let outside: Vec<_> = judged
        .iter()
        .filter(|(_, judged)| !judged.result.within)
        .collect();
    let Some((experiment, Judged { result, .. })) = outside.first() else {
        return Ok(());
    };
    let more = match outside.len() {
        1 => String::new(),
        several => format!(", and {} more", count(several - 1, "result")),
    };
    Err(anyhow!(
        "{experiment}: {} is {}, outside {} .. {}{more}",
        result.metric,
        optional(result.value, shown),
        shown(result.low),
        shown(result.high)
    ))
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
        let Judged { result, values } = judged;
        let verdict = match (result.value, result.within) {
            (None, _) => paint(Colour::Odd, &translated("not measured")),
            (_, true) => paint(Colour::Good, &translated("within")),
            (_, false) => paint(Colour::Bad, &translated("outside")),
        };
        let mut cells = vec![result.metric];
        cells.extend(values.iter().map(|value| optional(*value, shown)));
        if logs.len() > 1 {
            cells.push(optional(result.value, shown));
        }
        cells.extend([
            verdict,
            shown(result.low),
            optional(result.median, shown),
            shown(result.high),
            result.runs.to_string(),
            result.source,
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
            let Judged { result, values } = judged;
            let by_seed = values.iter().map(|value| optional(*value, shown));
            let by_seed: Vec<String> = by_seed.collect();
            let [_, model, implementation, preset, device] = experiment(first);
            rows.push([
                model.to_string(),
                implementation.to_string(),
                preset.to_string(),
                device.to_string(),
                result.metric,
                by_seed.join(", "),
                optional(result.value, shown),
                format!("{} .. {}", shown(result.low), shown(result.high)),
                format!("{}, {}", result.source, count(result.runs, "run")),
                if result.within { "yes" } else { "**no**" }.into(),
                quantity(seconds(logs)),
            ]);
        }
    }
    markdown(headings, rows)
}

/// Mean over the runs.
fn seconds(logs: &[&Log]) -> f64 {
    logs.iter().map(|log| log.seconds()).sum::<f64>() / logs.len() as f64
}
