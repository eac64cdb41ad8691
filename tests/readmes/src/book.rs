//! The part of a chapter's `bands.toml` that tables show: what the book's builds reached. The head of each file explains
//! its keys; `d2l` reads them all.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::root;

/// The book's results for a chapter.
#[derive(Deserialize)]
pub struct Book {
    experiment: Vec<Experiment>,
}

#[derive(Deserialize)]
pub struct Experiment {
    id: String,
    device: Option<String>,
    #[serde(default)]
    pub bands: Vec<Quantity>,
}

/// A quantity with its results.
#[derive(Deserialize)]
pub struct Quantity {
    pub metric: String,
    pub decimals: Option<i32>,
    builds: Builds,
    low: Option<f64>,
    median: Option<f64>,
    high: Option<f64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Builds {
    Count(usize),
    Values(Vec<f64>),
}

impl Book {
    /// # Errors
    /// If the chapter has no `bands.toml`, or it doesn't read.
    pub fn read(chapter: &str) -> Result<Self> {
        let path = folder(chapter)?.join("bands.toml");
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        toml::from_str(&text).with_context(|| path.display().to_string())
    }

    /// The experiment `MODEL IMPLEMENTATION PRESET`.
    pub fn find(&self, id: &str) -> Result<&Experiment> {
        let found = self.experiment.iter().find(|it| it.id == id);
        found.with_context(|| format!("bands.toml has no experiment `{id}`"))
    }
}

impl Experiment {
    pub fn wants_gpu(&self) -> bool {
        self.device.as_deref() == Some("gpu")
    }
}

impl Quantity {
    /// The number of builds.
    pub fn builds(&self) -> usize {
        match &self.builds {
            Builds::Count(count) => *count,
            Builds::Values(values) => values.len(),
        }
    }

    /// Lowest, middle and highest result.
    pub fn range(&self) -> Option<[f64; 3]> {
        match &self.builds {
            Builds::Count(_) => Some([self.low?, self.median?, self.high?]),
            Builds::Values(values) => {
                Some([*values.first()?, d2l_log::median(values)?, *values.last()?])
            }
        }
    }
}

/// The folder of the package with this name.
pub fn folder(chapter: &str) -> Result<PathBuf> {
    let crates = root()?.join("crates");
    for entry in fs::read_dir(&crates).context("crates/ not read")? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let number = name
            .strip_suffix(chapter)
            .and_then(|rest| rest.strip_suffix('-'));
        if number.is_some_and(|number| number.parse::<u32>().is_ok()) {
            return Ok(path);
        }
    }
    bail!("found no folder of a chapter `{chapter}` in crates/, wanted the package's name")
}

/// The name of a chapter's folder.
pub fn folder_name(chapter: &str) -> Result<String> {
    let folder = folder(chapter)?;
    let name = folder.file_name().context("a folder has a name")?;
    Ok(name.to_string_lossy().into_owned())
}
