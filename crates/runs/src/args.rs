//! Every command and flag, with its help.

use clap::{Parser, Subcommand};
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
    /// All runs, oldest first: status, epochs, final and best scores
    List,
    /// One run: recipe, data, epochs, curves, and the verdict on its bands
    Show(Show),
    /// Several runs side by side: what differs in the header, each metric per epoch, scores, speed
    Compare(Compare),
    /// Results of experiments beside their bands: each run's value, the median over the seeds, the verdict
    Bands(Bands),
    /// Curves of several runs in one SVG
    Plot(Plot),
    /// All runs as one HTML page: table, interactive curves, figures
    Report(crate::report::Args),
    /// Runs as CSV or as TensorBoard's event files
    Export(crate::export::Args),
    /// A log that another program wrote: CSV, JSON lines, TensorBoard
    Import(crate::import::Args),
    /// Runs in progress, live in the terminal: curves, rate, time left
    Watch(crate::watch::Args),
    /// Runs with several settings and seeds, one after the other, and their comparison
    Sweep(crate::sweep::Args),
}

#[derive(Debug, clap::Args)]
pub struct Show {
    /// <chapter>/<run>, <run>, or a path
    pub run: String,
    /// Print every epoch of a long run
    #[arg(long)]
    pub all: bool,
}

#[derive(Debug, clap::Args)]
pub struct Compare {
    /// <chapter>/<run>, <run>, or paths; none: the runs of the newest run's chapter
    pub runs: Vec<String>,
    /// Exit with 1 if a metric that two runs share is further apart than this in any epoch
    #[arg(long, value_name = "GAP", value_parser = tolerance, allow_hyphen_values = true)]
    pub tolerance: Option<f64>,
    /// Print every epoch of long runs
    #[arg(long)]
    pub all: bool,
}

#[derive(Debug, clap::Args)]
pub struct Bands {
    /// <chapter>/<run>, <run>, or paths; none: the runs of the newest run's chapter
    pub runs: Vec<String>,
    /// Print one table in markdown, with a row for each band
    #[arg(long)]
    pub markdown: bool,
}

#[derive(Debug, clap::Args)]
pub struct Plot {
    /// <chapter>/<run>, <run>, or paths; none: the runs of the newest run's chapter
    pub runs: Vec<String>,
    /// What to draw, such as valid.loss or gradient_norm; several with commas between them
    #[arg(long = "metric", value_name = "METRIC", value_delimiter = ',')]
    pub metrics: Vec<String>,
    /// The figure; by default <METRIC>.svg in the folder of the runs
    #[arg(long, value_name = "FILE.svg")]
    pub output: Option<PathBuf>,
}

fn tolerance(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(gap) if gap.is_finite() && gap >= 0.0 => Ok(gap),
        _ => Err("wanted a number of 0 or more".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_flags_are_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_tolerance_is_a_number_that_a_gap_can_exceed() {
        assert_eq!(tolerance("1e-4"), Ok(1e-4));
        assert_eq!(tolerance("0"), Ok(0.0));
        for bad in ["-1", "nan", "inf", "", "small"] {
            assert!(tolerance(bad).is_err(), "{bad}");
        }
    }
}
