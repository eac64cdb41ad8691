//! A run's name and folder.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use d2l_data::Splits;
use d2l_log::{Data, Header};
use serde_json::{Map, Value};

use super::Run;
use crate::recipe::is_plain;
use crate::{Args, usage};

impl Run {
    /// `<model>-<implementation>-<preset>-<device>-s<seed>`, then the flags that changed the preset.
    pub(super) fn default_name(&self) -> String {
        let preset = &self.preset;
        let mut name = format!(
            "{}-{}-{}-{}-s{}",
            preset.model, preset.implementation, preset.name, self.device_choice, self.seed
        );
        for change in &self.overrides {
            name.push('-');
            name += &change.in_name();
        }
        name
    }

    /// Where the trained parameters go: `model.safetensors`, or `model-fold1.safetensors` for a fold.
    pub(super) fn model_file(&self) -> Result<PathBuf> {
        let Some(folder) = &self.folder else {
            bail!("the run has not started")
        };
        Ok(folder.join(match self.progress.fold {
            None => "model.safetensors".to_string(),
            Some(fold) => format!("model-fold{fold}.safetensors"),
        }))
    }

    /// The log's first line.
    pub(super) fn header<const N: usize>(&self, data: &Splits<N>) -> Header {
        let mut recipe = match serde_json::to_value(&self.recipe) {
            Ok(Value::Object(recipe)) => recipe,
            _ => Map::new(),
        };
        recipe.extend(self.hyperparameters.clone());
        recipe.insert("shuffle".into(), (!self.args.no_shuffle).into());
        if let Some(init) = &self.args.init {
            recipe.insert("init".into(), init.display().to_string().into());
        }
        let version = |name: &str, number: &str| (name.to_string(), number.to_string());
        Header {
            schema: d2l_log::SCHEMA,
            chapter: self.chapter.into(),
            model: self.preset.model.into(),
            implementation: self.preset.implementation.to_string(),
            preset: self.preset.name.to_string(),
            device: self.device_choice.to_string(),
            threads: rayon::current_num_threads(),
            seed: self.seed,
            fold: None,
            recipe,
            data: Data {
                name: data.provenance.name.clone(),
                source: data.provenance.source.to_string(),
                train: data.train.len(),
                valid: data.valid.len(),
                sha256: data.provenance.sha256.clone(),
            },
            parameters: self.params.parameter_count(),
            versions: [
                version("d2l", env!("CARGO_PKG_VERSION")),
                version("candle", CANDLE),
            ]
            .into(),
            started: humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string(),
        }
    }
}

/// The candle release that the workspace's lock file holds; a test in `tests/` compares the two.
const CANDLE: &str = "0.11.1";

/// Makes the run's folder: `--name`, which must be free unless `--overwrite`, or the default name, with `-2`, `-3`, …
/// where it is taken.
pub(super) fn create(args: &Args, chapter: &str, default_name: &str) -> Result<PathBuf> {
    let name = wanted_name(args, default_name)?;
    let runs = args.runs_dir.join(chapter);
    std::fs::create_dir_all(&runs).with_context(|| {
        format!(
            "cannot make the folder {} for the runs; choose another with --runs-dir",
            runs.display()
        )
    })?;
    let folder = runs.join(name);
    if args.overwrite && folder.exists() {
        replaceable(&folder)?;
        std::fs::remove_dir_all(&folder)
            .with_context(|| format!("cannot replace {}", folder.display()))?;
    }
    let mut candidate = folder.clone();
    for number in 2.. {
        match std::fs::create_dir(&candidate) {
            Ok(()) => break,
            Err(cause) if cause.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(cause).with_context(|| {
                    format!(
                        "cannot make the run's folder {}; choose another with --runs-dir",
                        candidate.display()
                    )
                });
            }
            Err(_) if args.name.is_some() => bail!(
                "the run {} exists: choose another --name, or --overwrite to replace it, or --resume to go on with it",
                candidate.display()
            ),
            Err(_) => candidate = numbered(&folder, number),
        }
    }
    Ok(candidate)
}

/// The folder of the run to resume: `--name`, or the newest of the default name.
pub(super) fn newest(args: &Args, chapter: &str, default_name: &str) -> Result<PathBuf> {
    let first = args
        .runs_dir
        .join(chapter)
        .join(wanted_name(args, default_name)?);
    if !first.is_dir() {
        bail!(
            "no run {} to resume: wanted one that was started with the same flags",
            first.display()
        );
    }
    let mut newest = first.clone();
    if args.name.is_none() {
        for number in 2.. {
            let next = numbered(&first, number);
            if !next.is_dir() {
                break;
            }
            newest = next;
        }
    }
    Ok(newest)
}

fn numbered(folder: &Path, number: usize) -> PathBuf {
    let mut name = folder.as_os_str().to_os_string();
    name.push(format!("-{number}"));
    name.into()
}

fn wanted_name<'a>(args: &'a Args, default_name: &'a str) -> Result<&'a str> {
    let name = args.name.as_deref().unwrap_or(default_name);
    if name.is_empty() || name.starts_with('.') || !name.chars().all(is_plain) {
        usage!(
            "--name {name:?}: wanted letters, digits and . - _ + only, not beginning with a dot"
        );
    }
    Ok(name)
}

/// `--overwrite` removes a whole folder, so it must be a run's.
fn replaceable(folder: &Path) -> Result<()> {
    if !folder.join(d2l_log::FILE_NAME).is_file() {
        bail!(
            "{} holds no {}: not a run, so --overwrite leaves it alone",
            folder.display(),
            d2l_log::FILE_NAME
        );
    }
    Ok(())
}
