//! `runs report`: all runs as one HTML page that needs no network and no server.
//!
//! `data` has the page's data about each run; `page` puts them into the template together with styles and scripts. The
//! charts are drawn by plotly.js, which the plotly crate holds. The page's own scripts are in `templates/report/`.

mod data;
mod page;

use crate::condition::Condition;
use crate::text::{count, memory};
use crate::{Report, output, select};
use anyhow::Result;
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// <chapter>/<run>, <run>, or paths; none: all runs
    pub runs: Vec<String>,
    /// Only the runs that meet a condition, such as 'recipe.learning_rate>0.1'; repeat it for several, which must all
    /// hold
    #[arg(long = "where", value_name = "CONDITION")]
    pub conditions: Vec<Condition>,
    /// Show the figures of the newest N runs; figures make the page large
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub figures: usize,
    /// The page; by default report.html in the folder of the runs
    #[arg(long, value_name = "FILE.html")]
    pub output: Option<PathBuf>,
}

pub(crate) fn report(runs_dir: &Path, args: &Args) -> Result<Report> {
    let logs = select::all(runs_dir, &args.runs, &args.conditions)?;
    let output = args
        .output
        .clone()
        .unwrap_or_else(|| runs_dir.join("report.html"));
    let runs = data::runs(&logs, args.figures)?;
    let page = page::render(&runs)?;
    output::write(&output, page.as_bytes())?;
    Ok(format!(
        "{}, {} written ({}): open it in a browser\n",
        count(logs.len(), "run"),
        output.display(),
        memory(page.len() as u64)
    )
    .into())
}
