//! The `runs` command: lists, shows, compares and plots training logs.
//!
//! ```text
//! cargo run -p runs -- list
//! cargo run -p runs -- show mlp-concise-quick-cpu-s0
//! cargo run -p runs -- compare A B --tolerance 1e-4
//! cargo run -p runs -- plot A B --metric valid.loss
//! ```
//!
//! `args` holds every flag with its help; `list`, `show`, `compare` and `plot` hold one command each, on top of
//! `select` (which runs), `table` (columns) and `text` (numbers). What is compared and how is `d2l-log`'s.

mod args;
mod compare;
mod list;
mod plot;
mod select;
mod show;
mod table;
mod text;

use anyhow::Result;
use args::Command;
use std::process::ExitCode;

pub use args::Args;

/// What a command prints, and why it fails nevertheless, if it does.
struct Report {
    text: String,
    verdict: Result<()>,
}

impl From<String> for Report {
    fn from(text: String) -> Self {
        Self {
            text,
            verdict: Ok(()),
        }
    }
}

/// Runs the command that the arguments ask for. A gap beyond `--tolerance` is an error too.
pub fn run(args: &Args) -> Result<ExitCode> {
    let report = match &args.command {
        Command::List => list::list(&args.runs_dir)?,
        Command::Show(show) => show::show(&args.runs_dir, show)?,
        Command::Compare(compare) => compare::compare(&args.runs_dir, compare)?,
        Command::Plot(plot) => plot::plot(&args.runs_dir, plot)?,
    };
    d2l_command::print(&report.text)?;
    report.verdict.map(|()| ExitCode::SUCCESS)
}
