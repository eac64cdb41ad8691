//! The folder of a run: a new one, or that of the run to resume.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::changes::is_plain;
use crate::{Args, usage};

/// Makes the run's folder. `--name` must be free unless `--overwrite` is given. A default name that is taken gets `-2`,
/// `-3`, ….
pub(crate) fn create(args: &Args, chapter: &str, default_name: &str) -> Result<PathBuf> {
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
                "the run {} exists: choose another --name, or --overwrite to replace it, or --resume to continue it",
                candidate.display()
            ),
            Err(_) => candidate = numbered(&folder, number),
        }
    }
    Ok(candidate)
}

/// The folder of the run to resume: `--name`, or the newest run of the default name.
pub(crate) fn newest(args: &Args, chapter: &str, default_name: &str) -> Result<PathBuf> {
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

/// `--overwrite` removes a whole folder, so the folder must be a run's.
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
