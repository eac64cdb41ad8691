//! The choice of a command's runs.

use crate::condition::Condition;
use crate::groups::by_setting;
use crate::text::count;
use anyhow::{Result, bail};
use d2l_command::warn;
use d2l_log::{Log, check_field};
use serde_json::{Map, Value};
use std::path::Path;

/// The number of settings that are shown if no run is named: as many as fit side by side.
const MOST: usize = 8;
/// One letter each.
pub(crate) const LETTERS: usize = 26;

/// The runs that a command is about.
#[derive(Debug, clap::Args)]
pub struct Runs {
    /// <chapter>/<run>, <run>, or paths; none: the runs of the newest run's chapter
    pub runs: Vec<String>,
    /// Only the runs that meet a condition, such as 'recipe.learning_rate>0.1'; repeat it for several, which must all
    /// hold
    #[arg(long = "where", value_name = "CONDITION")]
    pub conditions: Vec<Condition>,
}

/// The runs, and a note for the reader on how they were chosen.
pub(crate) struct Selection {
    pub(crate) logs: Vec<Log>,
    pub(crate) note: String,
}

/// The named runs, in that order; without names those of the newest settings of the newest run's chapter, oldest first.
pub(crate) fn select(runs_dir: &Path, wanted: &Runs) -> Result<Selection> {
    let mut logs = choose(runs_dir, wanted)?;
    let chapter = logs.first().map(|log| log.header.chapter.clone());
    let Some(chapter) = chapter.filter(|_| wanted.runs.is_empty()) else {
        let note = String::new();
        return Ok(Selection { logs, note });
    };
    let all = logs.len();
    let mut newest: Vec<&str> = Vec::new();
    let mut settings = by_setting(&logs);
    settings.sort_by_key(|group| group.logs.iter().map(|log| &log.header.started).max());
    for group in settings.iter().rev().take(MOST) {
        newest.extend(group.logs.iter().map(|log| log.name.as_str()));
    }
    let newest: Vec<String> = newest.into_iter().map(String::from).collect();
    logs.retain(|log| newest.contains(&log.name));
    let note = match logs.len() {
        shown if shown < all => format!(
            "The newest {shown} of {all} runs of {chapter}; name runs to choose others.\n\n"
        ),
        shown if !wanted.conditions.is_empty() => {
            format!("{} of {chapter}.\n\n", count(shown, "run"))
        }
        _ => format!("All runs of {chapter}.\n\n"),
    };
    Ok(Selection { logs, note })
}

/// The named runs, in that order; without names, all runs of the newest run's chapter, oldest first. Only runs that
/// meet the conditions.
pub(crate) fn choose(runs_dir: &Path, wanted: &Runs) -> Result<Vec<Log>> {
    met(named(runs_dir, &wanted.runs)?, &wanted.conditions)
}

/// The named runs, in that order; without names, all runs, oldest first. Only runs that meet the conditions.
pub(crate) fn all(runs_dir: &Path, names: &[String], conditions: &[Condition]) -> Result<Vec<Log>> {
    let logs = match names {
        [] => list(runs_dir)?,
        names => named(runs_dir, names)?,
    };
    if logs.is_empty() {
        bail!(
            "{} holds no runs; train a chapter first",
            runs_dir.display()
        );
    }
    met(logs, conditions)
}

/// The runs that meet all conditions.
fn met(mut logs: Vec<Log>, conditions: &[Condition]) -> Result<Vec<Log>> {
    if !conditions.is_empty() {
        let fields: Vec<_> = logs.iter().map(Log::fields).collect();
        let mut met = meet(&fields, conditions)?.into_iter();
        logs.retain(|_| met.next().unwrap_or_default());
        if logs.is_empty() {
            bail!("none of the {} meets --where", count(fields.len(), "run"));
        }
    }
    Ok(logs)
}

fn named(runs_dir: &Path, names: &[String]) -> Result<Vec<Log>> {
    if !names.is_empty() {
        let logs = names.iter().map(|name| Log::find(runs_dir, name));
        let logs = logs.collect::<Result<Vec<Log>>>()?;
        logs.iter().for_each(remark);
        return Ok(logs);
    }
    let mut logs = list(runs_dir)?;
    let Some(newest) = logs.last() else {
        bail!(
            "{} holds no runs; train a chapter first",
            runs_dir.display()
        );
    };
    let chapter = newest.header.chapter.clone();
    logs.retain(|log| log.header.chapter == chapter);
    Ok(logs)
}

/// Which of some runs meet all conditions.
///
/// # Errors
///
/// If no run has a condition's field, or a number is compared with a word.
pub(crate) fn meet(runs: &[Map<String, Value>], conditions: &[Condition]) -> Result<Vec<bool>> {
    let mut met = vec![true; runs.len()];
    for condition in conditions {
        check_field(&condition.field, runs)?;
        for (met, run) in met.iter_mut().zip(runs) {
            *met &= condition.is_met(run)?;
        }
    }
    Ok(met)
}

/// All runs that can be read, oldest first; prints a warning for each of the others.
pub(crate) fn list(runs_dir: &Path) -> Result<Vec<Log>> {
    let listing = Log::list(runs_dir)?;
    for damage in listing.damaged {
        warn(&format!("{damage:#}"));
    }
    listing.logs.iter().for_each(remark);
    Ok(listing.logs)
}

/// Prints a warning about what was passed over in a log, if anything was.
pub(crate) fn remark(log: &Log) {
    if let Some(remarks) = &log.remarks {
        warn(&format!("{}: {remarks}", log.name));
    }
}

/// A, B, C, …
pub(crate) fn letter(run: usize) -> String {
    u8::try_from(run % LETTERS).map_or_else(
        |_| String::new(),
        |place| char::from(b'A' + place).to_string(),
    )
}
