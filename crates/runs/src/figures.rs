//! The figures of a run.

use anyhow::{Context, Result};
use d2l_log::Log;
use serde::Serialize;
use std::fs;
use std::path::Path;

/// Folder of the figures within a run's.
const FOLDER: &str = "figures";

/// A figure of a run.
#[derive(Serialize)]
pub(crate) struct Figure {
    /// The file's name without its ending.
    pub(crate) name: String,
    pub(crate) svg: String,
}

/// The SVG figures in the run's folder, by name.
pub(crate) fn of(log: &Log) -> Result<Vec<Figure>> {
    let folder = log.path.parent().unwrap_or(Path::new("")).join(FOLDER);
    let mut figures = Vec::new();
    // A run that was stopped has no figures.
    for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension == "svg") {
            let svg = fs::read_to_string(&path)
                .with_context(|| format!("figure {} not read", path.display()))?;
            let name = path.file_stem().unwrap_or_default();
            figures.push(Figure { name: name.to_string_lossy().into_owned(), svg });
        }
    }
    figures.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(figures)
}
