//! The `runs` command: lists, shows, compares and plots training logs, and compares results with the book's.
//!
//! ```text
//! cargo run -p runs -- list --where 'recipe.learning_rate>0.1' --sort -valid.accuracy
//! cargo run -p runs -- show mlp-concise-quick-cpu-s0
//! cargo run -p runs -- compare A B --tolerance 1e-4
//! cargo run -p runs -- plot A B --metric valid.loss
//! cargo run -p runs -- verify A B C
//! cargo run -p runs -- report
//! cargo run -p runs -- export --format tensorboard
//! cargo run -p runs -- import log.csv
//! cargo run -p runs -- watch --all
//! cargo run -p runs -- sweep -p mlp --learning-rate 0.03,0.1,0.3 --seeds 3
//! ```
//!
//! `args` holds the command line. `list`, `show`, `compare`, `plot`, `verify`, `report`, `export`, `import`, `watch` and
//! `sweep` hold one command each with its flags, on top of `select` (which runs), `condition` (filters), `groups` (runs
//! that belong together), `spread` and `statistics` (what repetitions tell), `table` (columns), `text` (numbers),
//! `tensorboard` and `tables` (the files of `export` and `import`). `d2l-log` reads and compares the logs.

mod args;
mod compare;
mod condition;
mod curves;
mod export;
mod figures;
#[cfg(test)]
mod fuzz_corpus;
mod groups;
mod import;
mod labels;
mod list;
mod output;
mod plot;
mod report;
mod select;
mod show;
mod spread;
mod statistics;
mod sweep;
mod table;
mod tables;
mod tensorboard;
mod text;
mod verify;
mod watch;

use anyhow::Result;
use args::Command;
use serde::Serialize;
use std::process::ExitCode;

pub use args::Args;

/// The output of a command, and the error with which it fails after printing, if there is one.
struct Report {
    text: String,
    /// Whether a program reads it, so that it must not depend on the reader's language.
    is_data: bool,
    verdict: Result<()>,
}

impl Report {
    /// A value as JSON, for programs.
    fn json(value: &impl Serialize) -> Result<Self> {
        Ok(Self::data(serde_json::to_string_pretty(value)? + "\n"))
    }

    fn data(text: String) -> Self {
        Self { is_data: true, ..text.into() }
    }
}

impl From<String> for Report {
    fn from(text: String) -> Self {
        Self { text, is_data: false, verdict: Ok(()) }
    }
}

/// Runs the command that the arguments name. A gap beyond `--tolerance` and a result outside its band are errors too.
pub fn run(args: &Args) -> Result<ExitCode> {
    let report = match &args.command {
        Command::List(list) => list::list(&args.runs_dir, list)?,
        Command::Show(show) => show::show(&args.runs_dir, show)?,
        Command::Compare(compare) => compare::compare(&args.runs_dir, compare)?,
        Command::Plot(plot) => plot::plot(&args.runs_dir, plot)?,
        Command::Export(export) => export::export(&args.runs_dir, export)?,
        Command::Import(import) => import::import(&args.runs_dir, import)?,
        Command::Sweep(sweep) => sweep::sweep(&args.runs_dir, sweep)?,
        Command::Watch(watch) => watch::watch(&args.runs_dir, watch)?,
        Command::Report(report) => report::report(&args.runs_dir, report)?,
        Command::Verify(verify) => verify::verify(&args.runs_dir, verify)?,
    };
    match report.is_data {
        true => d2l_command::print(&report.text)?,
        false => d2l_command::print_translated(&report.text)?,
    }
    report.verdict.map(|()| ExitCode::SUCCESS)
}
