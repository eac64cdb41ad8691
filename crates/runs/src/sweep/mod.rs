//! `runs sweep`: the same training with several settings and seeds, one run after the other.
//!
//! `plan` makes the settings from the flags; `program` finds and calls the chapter's program; `stop` passes Ctrl-C on
//! to it; `result` is the table at the end.
//!
//! Before the first run, the program checks every setting with `--dry-run`. So a wrong flag is found before anything is
//! trained, and the line that this prints says which log belongs to which setting. So a sweep keeps no record of its
//! own, and the runs have the names that the chapter gives them.

mod plan;
mod program;
mod result;
mod stop;

use crate::Report;
use crate::groups::is_same_training;
use crate::text::count;
use anyhow::{Result, bail};
use d2l_command::{Interrupted, print_translated, usage, warn};
use d2l_log::{Header, Log, Status};
use plan::{Plan, Setting};
use program::{Ended, Program};
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
#[command(
    override_usage = "runs sweep -p <CHAPTER> [--FLAG VALUE,VALUE…]… [--seeds <COUNT>] [-- <FLAGS OF EVERY RUN>]"
)]
pub struct Args {
    /// The chapter's package, such as mlp; cargo builds it once, at the start
    #[arg(
        short,
        long,
        value_name = "CHAPTER",
        required_unless_present = "program"
    )]
    pub package: Option<String>,
    /// Features to build it with, such as cuda
    #[arg(long, value_name = "FEATURES", requires = "package")]
    pub features: Option<String>,
    /// A program that is already built, in place of --package
    #[arg(long, value_name = "FILE", conflicts_with = "package")]
    pub program: Option<PathBuf>,
    /// Flags of the chapter with their values, such as --learning-rate 0.03,0.1,0.3: all combinations are trained. If a
    /// flag is given several times, each value is taken whole, commas included. --seeds COUNT and --seed N set the runs
    /// of each setting
    #[arg(allow_hyphen_values = true, value_name = "--FLAG VALUES")]
    pub settings: Vec<String>,
    /// Arguments of every run: the model, and flags with one value
    #[arg(last = true, value_name = "FLAGS")]
    pub fixed: Vec<String>,
}

/// One run of the sweep, and what is known about it.
struct Cell<'a> {
    setting: &'a Setting,
    header: Header,
}

pub(crate) fn sweep(runs_dir: &Path, args: &Args) -> Result<Report> {
    let plan = Plan::new(runs_dir, args)?;
    stop::listen()?;
    let program = Program::find(args)?;
    let cells = check(&program, &plan)?;
    let all = cells.len();
    for (number, cell) in (1..).zip(&cells) {
        let call = plan.call(cell.setting, cell.header.seed);
        let about = format!("{number} of {all}: {}", plan::shown(&call));
        let found = found(&plan.runs_dir, &cell.header);
        let more = match &found {
            Some((log, Some(status @ (Status::Finished | Status::Failed)))) => {
                let status = if *status == Status::Finished {
                    "finished"
                } else {
                    "failed"
                };
                print_translated(&format!("{about}\n  {status} already: {}\n", log.name))?;
                continue;
            }
            Some((log, _)) => vec!["--resume".to_string(), "--name".into(), log.run().into()],
            None => Vec::new(),
        };
        print_translated(&format!("{about}\n"))?;
        match program.train(&[call, more].concat())? {
            Ended::Well => {}
            Ended::Interrupted => return Err(Interrupted { command: Some(again()) }.into()),
            Ended::Badly(code) => match self::found(&plan.runs_dir, &cell.header) {
                // A learning rate that makes the loss infinite is a result too.
                Some((log, Some(Status::Failed))) => {
                    warn(&format!("{} failed; the sweep goes on", log.name))
                }
                _ => bail!(
                    "the run ended with {code} and without a log of its failure: the sweep stops here"
                ),
            },
        }
    }
    let logs = cells
        .iter()
        .map(|cell| Some(found(&plan.runs_dir, &cell.header)?.0));
    let logs: Vec<Option<Log>> = logs.collect();
    let settings = cells.iter().map(|cell| cell.setting);
    let text = result::table(&settings.zip(&logs).collect::<Vec<_>>());
    Ok(format!(
        "\n{}, {} of every setting\n{text}",
        count(all, "run"),
        count(plan.seeds.len(), "seed")
    )
    .into())
}

/// Every run's header, as the program would write it. For wrong flags, the program's own error is returned.
fn check<'a>(program: &Program, plan: &'a Plan) -> Result<Vec<Cell<'a>>> {
    let mut cells = Vec::new();
    for setting in &plan.settings {
        let headers = program.headers(&plan.dry_call(setting))?;
        if headers.len() != plan.seeds.len() {
            bail!(
                "--dry-run of {} printed {} headers; wanted {}",
                program.shown(),
                headers.len(),
                plan.seeds.len()
            );
        }
        cells.extend(headers.into_iter().map(|header| Cell { setting, header }));
    }
    for (index, cell) in cells.iter().enumerate() {
        let is_same = |other: &&Cell| is_same_training(&other.header, &cell.header);
        if let Some(other) = cells[..index].iter().find(is_same) {
            usage!(
                "{} and {} are the same experiment; wanted settings that differ",
                other.setting,
                cell.setting
            );
        }
    }
    Ok(cells)
}

/// The log of a run, if it has begun: preferably one that finished, and of several the newest.
fn found(runs_dir: &Path, header: &Header) -> Option<(Log, Option<Status>)> {
    // A log that cannot be read is no run of this sweep; `runs list` warns about it.
    let logs = Log::list(runs_dir)
        .map(|listing| listing.logs)
        .unwrap_or_default();
    let ours = logs
        .into_iter()
        .filter(|log| is_same_training(&log.header, header));
    let status = |log: &Log| log.end.as_ref().map(|end| end.status);
    let ours = ours.map(|log| (status(&log), log));
    let best = ours.max_by_key(|(status, _)| *status == Some(Status::Finished));
    best.map(|(status, log)| (log, status))
}

/// The command that continues the sweep.
fn again() -> String {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    format!("cargo run -p runs -- {}", plan::shown(&arguments))
}
