//! `runs export`: runs as files that other programs read.

mod csv;
mod picture;
mod tensorboard;

use crate::condition::Condition;
use crate::{Report, select};
use anyhow::Result;
use clap::ValueEnum;
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// <chapter>/<run>, <run>, or paths; none: all runs
    pub runs: Vec<String>,
    /// Only the runs that meet a condition, such as 'recipe.learning_rate>0.1'; repeat it for several, which must all
    /// hold
    #[arg(long = "where", value_name = "CONDITION")]
    pub conditions: Vec<Condition>,
    /// The program to write for
    #[arg(long, value_enum)]
    pub format: Format,
    /// Folder for the files; by default export-csv or export-tensorboard in the folder of the runs
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
}

/// A format of other programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Tables: runs.csv with a row for each run, epochs.csv for each epoch, steps.csv for each step that a log has
    Csv,
    /// A folder of event files: curves, figures, hyperparameters
    Tensorboard,
}

pub(crate) fn export(runs_dir: &Path, args: &Args) -> Result<Report> {
    let logs = select::all(runs_dir, &args.runs, &args.conditions)?;
    let folder = |name: &str| args.output.clone().unwrap_or_else(|| runs_dir.join(name));
    let text = match args.format {
        Format::Csv => csv::export(&logs, &folder("export-csv"))?,
        Format::Tensorboard => tensorboard::export(&logs, &folder("export-tensorboard"))?,
    };
    Ok(text.into())
}
