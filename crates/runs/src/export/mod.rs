//! `runs export`: runs as files that other programs read.

mod csv;
mod picture;
mod tensorboard;

use crate::{Report, select};
use anyhow::{Result, bail};
use clap::ValueEnum;
use d2l_log::Log;
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// <chapter>/<run>, <run>, or paths; none: all runs
    pub runs: Vec<String>,
    /// For which program
    #[arg(long, value_enum)]
    pub format: Format,
    /// Folder of the files; by default export-csv or export-tensorboard in the folder of the runs
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
}

/// A format of other programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Two tables: runs.csv with a row for each run, epochs.csv with a row for each epoch
    Csv,
    /// A folder of event files: curves, figures, hyperparameters
    Tensorboard,
}

pub(crate) fn export(runs_dir: &Path, args: &Args) -> Result<Report> {
    let logs = if args.runs.is_empty() {
        select::list(runs_dir)?
    } else {
        let named = args.runs.iter().map(|name| Log::find(runs_dir, name));
        named.collect::<Result<_>>()?
    };
    if logs.is_empty() {
        bail!(
            "{} holds no runs; train a chapter first",
            runs_dir.display()
        );
    }
    let folder = |name: &str| args.output.clone().unwrap_or_else(|| runs_dir.join(name));
    let text = match args.format {
        Format::Csv => csv::export(&logs, &folder("export-csv"))?,
        Format::Tensorboard => tensorboard::export(&logs, &folder("export-tensorboard"))?,
    };
    Ok(text.into())
}
