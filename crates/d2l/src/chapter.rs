//! What a chapter's program does with its flags.

use std::process::ExitCode;

use anyhow::Result;
use d2l_log::{BandResult, Status};

use crate::run::report::{number, print};
use crate::run::{Run, epochs::catch_interrupts};
use crate::{Args, Band, Interrupted, Preset, threads};

/// How a chapter ended where nothing failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything was done.
    Done,
    /// `--verify`: a result is outside its band.
    OutsideBands,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done => Self::SUCCESS,
            Outcome::OutsideBands => Self::FAILURE,
        }
    }
}

/// Trains the experiment that the flags choose among a chapter's presets, once for each seed, by calling `train`.
pub fn chapter(
    name: &'static str,
    presets: &[Preset],
    args: &Args,
    train: impl Fn(&mut Run) -> Result<()> + Send,
) -> Result<Outcome> {
    if args.list {
        print_presets(presets);
        return Ok(Outcome::Done);
    }
    let preset = Preset::find(
        presets,
        args.model.as_deref(),
        args.implementation,
        args.preset,
    )?;
    threads::set(args.threads)?;
    catch_interrupts()?;
    threads::on_computing_thread(|| train_each(name, preset, args, train))
}

/// One run for each seed, and the verdict on all.
fn train_each(
    name: &'static str,
    preset: &Preset,
    args: &Args,
    train: impl Fn(&mut Run) -> Result<()>,
) -> Result<Outcome> {
    let mut verdicts: Vec<Vec<BandResult>> = Vec::new();
    for seed in args.seed..args.seed.saturating_add(args.seeds) {
        let mut args = args.clone();
        if args.seeds > 1 {
            args.name = args.name.map(|name| format!("{name}-s{seed}"));
        }
        let mut run = Run::new(name, preset, &args, seed)?;
        if let Err(error) = train(&mut run) {
            let status = if error.is::<Interrupted>() {
                Status::Interrupted
            } else {
                Status::Failed
            };
            run.close_early(status, &format!("{error:#}"))?;
            return Err(error);
        }
        verdicts.push(run.close()?);
    }
    let within = print_verdict(preset.bands, &verdicts, args.verify || !args.quiet);
    if !within && args.seeds < 3 {
        print("one seed is noisy: --seeds 3 judges the median of three");
    }
    Ok(if args.verify && !within {
        Outcome::OutsideBands
    } else {
        Outcome::Done
    })
}

/// Prints a chapter's experiments, one per line.
fn print_presets(presets: &[Preset]) {
    let row = |[model, implementation, preset, epochs, bands, section]: [&str; 6]| {
        print(&format!(
            "{model:<26}{implementation:<16}{preset:<8}{epochs:>6}{bands:>7}  {section}"
        ));
    };
    row([
        "model",
        "implementation",
        "preset",
        "epochs",
        "bands",
        "section",
    ]);
    for preset in presets {
        row([
            preset.model,
            &preset.implementation.to_string(),
            &preset.name.to_string(),
            &preset.recipe.epochs.to_string(),
            &preset.bands.len().to_string(),
            preset.section,
        ]);
    }
}

/// Prints the bands beside the median over the runs; whether all medians lie within.
fn print_verdict(bands: &[Band], verdicts: &[Vec<BandResult>], shown: bool) -> bool {
    if verdicts.iter().any(|verdict| verdict.len() != bands.len()) {
        return true; // the flags changed the preset: its bands say nothing about these runs
    }
    let mut within = true;
    for (index, band) in bands.iter().enumerate() {
        let values: Vec<Option<f64>> = verdicts
            .iter()
            .map(|verdict| verdict.get(index).and_then(|result| result.value))
            .collect();
        let result = band.judge_median(&values);
        within &= result.within;
        if shown {
            let what = if values.len() > 1 {
                format!(" (median of {})", values.len())
            } else {
                String::new()
            };
            print(&format!(
                "{} {}{what} {}: {} has {} .. {} .. {} over {} runs",
                if result.within { "within " } else { "OUTSIDE" },
                band.metric,
                result.value.map_or("missing".to_string(), number),
                band.source,
                number(band.low),
                number(band.median),
                number(band.high),
                band.runs
            ));
        }
    }
    within
}
