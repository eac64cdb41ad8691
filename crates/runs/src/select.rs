//! Which runs a command is about.

use anyhow::{Result, bail};
use d2l_command::{usage, warn};
use d2l_log::Log;
use std::path::Path;

/// How many runs are taken where none is named: as many as fit side by side.
const MOST: usize = 8;
/// One letter each.
pub(crate) const LETTERS: usize = 26;

/// The runs, and what the reader should know about how they were chosen.
pub(crate) struct Selection {
    pub(crate) logs: Vec<Log>,
    pub(crate) note: String,
}

/// The named runs, in that order; without names those of the newest run's chapter, oldest first.
pub(crate) fn select(runs_dir: &Path, names: &[String]) -> Result<Selection> {
    if names.len() > LETTERS {
        usage!("{} runs are named; wanted {LETTERS} at most", names.len());
    }
    if !names.is_empty() {
        let logs = names
            .iter()
            .map(|name| Log::find(runs_dir, name))
            .collect::<Result<_>>()?;
        return Ok(Selection {
            logs,
            note: String::new(),
        });
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
    let all = logs.len();
    let logs = logs.split_off(all.saturating_sub(MOST));
    let note = match logs.len() {
        shown if shown < all => format!(
            "The newest {shown} of {all} runs of {chapter}; name runs to choose others.\n\n"
        ),
        _ => format!("All runs of {chapter}.\n\n"),
    };
    Ok(Selection { logs, note })
}

/// All runs that can be read, oldest first; a warning for each of the others.
pub(crate) fn list(runs_dir: &Path) -> Result<Vec<Log>> {
    let listing = Log::list(runs_dir)?;
    for damage in listing.damaged {
        warn(&format!("{damage:#}"));
    }
    Ok(listing.logs)
}

/// A, B, C, …
pub(crate) fn letter(run: usize) -> String {
    u8::try_from(run % LETTERS).map_or_else(
        |_| String::new(),
        |place| char::from(b'A' + place).to_string(),
    )
}

/// One line per run: its letter and its name.
pub(crate) fn legend(logs: &[Log]) -> String {
    logs.iter()
        .enumerate()
        .map(|(run, log)| format!("{}  {}\n", letter(run), log.name))
        .collect()
}
