//! The `runs` command: lists, shows, compares and plots training logs, and compares results with the book's.
//!
//! ```text
//! cargo run -p runs -- list
//! cargo run -p runs -- show mlp-concise-quick-cpu-s0
//! cargo run -p runs -- compare A B --tolerance 1e-4
//! cargo run -p runs -- bands A B C
//! cargo run -p runs -- plot A B --metric valid.loss
//! ```
//!
//! `args` holds every flag with its help; `list`, `show`, `compare`, `bands` and `plot` hold one command each, on top
//! of `select` (which runs), `table` (columns) and `text` (numbers). `d2l-log` does the comparing.

mod args;
mod bands;
mod compare;
mod export;
mod figures;
mod import;
mod list;
mod output;
mod plot;
mod report;
mod seeds;
mod select;
mod show;
mod sweep;
mod table;
mod tensorboard;
mod text;
mod watch;

use anyhow::Result;
use args::Command;
use std::process::ExitCode;

pub use args::Args;

/// The output of a command, and the error with which it fails after printing, if it does.
struct Report {
    text: String,
    verdict: Result<()>,
}

impl From<String> for Report {
    fn from(text: String) -> Self {
        Self { text, verdict: Ok(()) }
    }
}

/// Runs the command that the arguments name. A gap beyond `--tolerance` is an error too.
pub fn run(args: &Args) -> Result<ExitCode> {
    let report = match &args.command {
        Command::List => list::list(&args.runs_dir)?,
        Command::Show(show) => show::show(&args.runs_dir, show)?,
        Command::Compare(compare) => compare::compare(&args.runs_dir, compare)?,
        Command::Bands(bands) => bands::bands(&args.runs_dir, bands)?,
        Command::Plot(plot) => plot::plot(&args.runs_dir, plot)?,
        Command::Export(export) => export::export(&args.runs_dir, export)?,
        Command::Import(import) => import::import(&args.runs_dir, import)?,
        Command::Sweep(sweep) => sweep::sweep(&args.runs_dir, sweep)?,
        Command::Watch(watch) => watch::watch(&args.runs_dir, watch)?,
        Command::Report(report) => report::report(&args.runs_dir, report)?,
    };
    d2l_command::print(&report.text)?;
    report.verdict.map(|()| ExitCode::SUCCESS)
}
