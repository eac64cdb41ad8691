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

use anyhow::{Context, Result};
use args::{Args, Command};
use clap::Parser;
use std::ffi::OsString;
use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

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

/// A wrong call: exit code 2 instead of 1.
#[derive(Debug)]
struct Usage(String);

impl fmt::Display for Usage {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// Runs the command that the arguments ask for; the first one is the program's name.
///
/// The exit code is 0, or 2 for a wrong call, or 1 for anything else that went wrong, a gap beyond `--tolerance`
/// included. An error is one line on stderr.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args = match Args::try_parse_from(arguments) {
        Ok(args) => args,
        Err(error) => return misread(&error),
    };
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say("error", &format!("{error:#}"));
            ExitCode::from(if error.is::<Usage>() { 2 } else { 1 })
        }
    }
}

fn run(args: &Args) -> Result<()> {
    let report = match &args.command {
        Command::List => list::list(&args.runs_dir)?,
        Command::Show(show) => show::show(&args.runs_dir, show)?,
        Command::Compare(compare) => compare::compare(&args.runs_dir, compare)?,
        Command::Plot(plot) => plot::plot(&args.runs_dir, plot)?,
    };
    match io::stdout().write_all(report.text.as_bytes()) {
        // Whoever read has read enough: `runs list | head`.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        written => written.context("standard output not written")?,
    }
    report.verdict
}

/// Prints one line to stderr, which may be closed.
fn say(kind: &str, message: &str) {
    let _ = writeln!(io::stderr(), "{kind}: {}", message.replace('\n', " "));
}

/// Help goes out as it is; an error becomes one line, without the synopsis.
fn misread(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        let _ = error.print(); // --help and --version; whoever asked may have stopped reading
        return ExitCode::SUCCESS;
    }
    let text = error.to_string();
    let mut line = String::new();
    let parts = text.trim_start_matches("error: ").lines().map(str::trim);
    for part in parts
        .take_while(|part| !part.starts_with("Usage:"))
        .filter(|part| !part.is_empty())
    {
        match line.chars().last() {
            None => {}
            Some(':' | ',') => line.push(' '),
            Some(_) => line.push_str("; "),
        }
        line.push_str(part.trim_end_matches('.'));
    }
    say("error", &line);
    ExitCode::from(2)
}
