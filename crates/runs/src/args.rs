//! The command line: every command, and the flags that all of them share. A command's own flags are in its file.

use crate::compare::Compare;
use crate::list::List;
use crate::plot::Plot;
use crate::show::Show;
use crate::verify::Verify;
use clap::{Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Lists, shows, compares and plots training logs, and compares results with the book's
#[derive(Debug, Parser)]
#[command(name = "runs", version)]
pub struct Args {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
    /// Folder of the runs
    #[arg(
        long,
        value_name = "DIR",
        env = "D2L_RUNS",
        default_value = "runs",
        global = true
    )]
    pub runs_dir: PathBuf,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Runs, oldest first: status, epochs, final and best scores; filtered and sorted
    List(List),
    /// One run: recipe, data, epochs, curves, and the verdict on its bands
    Show(Show),
    /// Several runs side by side: what differs in the header, each metric per epoch, scores over the seeds, cost
    Compare(Compare),
    /// Curves of several runs in one SVG, with a band over the seeds
    Plot(Plot),
    /// All runs as one HTML page: table, interactive curves and figures
    Report(crate::report::Args),
    /// Runs as CSV or as TensorBoard's event files
    Export(crate::export::Args),
    /// A log that another program wrote: CSV, JSON lines, TensorBoard
    Import(crate::import::Args),
    /// Runs in progress, live in the terminal: curves, speed, time left
    Watch(crate::watch::Args),
    /// Train several settings and seeds, one after the other, and compare them
    Sweep(crate::sweep::Args),
    /// Results beside the book's bands: each seed's value, the median and the verdict; exits with 1 if one is outside
    Verify(Verify),
}

/// The form of the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Tables for a reader
    #[default]
    Text,
    /// One JSON value for a program
    Json,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_flags_are_consistent() {
        Args::command().debug_assert();
    }
}
