//! Finding logs in a folder of runs, `<runs>/<chapter>/<run>/`.

use crate::{FILE_NAME, Log};
use anyhow::{Context, Error, Result, bail};
use std::fs;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::thread;
use strsim::levenshtein;

/// The number of names that an error suggests.
const SUGGESTIONS: usize = 3;

/// The logs of a folder of runs.
#[derive(Debug)]
pub struct Listing {
    /// The logs that could be read, oldest first.
    pub logs: Vec<Log>,
    /// Why the others could not be read.
    pub damaged: Vec<Error>,
}

impl Log {
    /// Reads all logs of a folder of runs. A log's name is its place in the folder.
    ///
    /// # Errors
    ///
    /// If the folder itself is missing or unreadable. Damaged logs are in the listing.
    pub fn list(runs_dir: &Path) -> Result<Listing> {
        let places = places(runs_dir)?;
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let share = places.len().div_ceil(threads).max(1);
        let read = |(name, path): &(String, PathBuf)| {
            Self::read(path).map(|log| Self { name: name.clone(), ..log })
        };
        let read: Vec<Result<Self>> = thread::scope(|scope| {
            let shares = places.chunks(share);
            let threads =
                shares.map(|share| scope.spawn(move || share.iter().map(read).collect::<Vec<_>>()));
            let threads: Vec<_> = threads.collect();
            let results = threads.into_iter().map(|thread| thread.join());
            results
                .flat_map(|read| read.unwrap_or_else(|panic| resume_unwind(panic)))
                .collect()
        });
        let mut listing = Listing { logs: Vec::new(), damaged: Vec::new() };
        for log in read {
            match log {
                Ok(log) => listing.logs.push(log),
                Err(error) => listing.damaged.push(error),
            }
        }
        listing
            .logs
            .sort_by(|a, b| (&a.header.started, &a.name).cmp(&(&b.header.started, &b.name)));
        Ok(listing)
    }

    /// Reads the log whose name is `<chapter>/<run>` or, if only one chapter has it, `<run>`; otherwise the log at this
    /// path.
    ///
    /// # Errors
    ///
    /// If no log has the name (the error suggests the nearest names), several logs have it, or the log is damaged.
    pub fn find(runs_dir: &Path, name: &str) -> Result<Self> {
        let places = places(runs_dir);
        let name = name.trim_end_matches('/');
        let is_called = |place: &str| place == name || bare(place) == name;
        let found: Vec<_> = places
            .iter()
            .flatten()
            .filter(|(place, _)| is_called(place))
            .collect();
        match &found[..] {
            [(place, path)] => {
                return Ok(Self { name: place.clone(), ..Self::read(path)? });
            }
            [] => {}
            several => {
                let names: Vec<_> = several.iter().map(|(place, _)| place.as_str()).collect();
                bail!(
                    "{} runs are called {name}; wanted one of {}",
                    several.len(),
                    names.join(", ")
                );
            }
        }
        let path = Path::new(name);
        if path.is_file() || path.join(FILE_NAME).is_file() {
            return Self::read(path);
        }
        let nearest = nearest(name, places?.into_iter().map(|(place, _)| place).collect());
        if nearest.is_empty() {
            bail!(
                "no run {name}: {} holds none yet; train one first",
                runs_dir.display()
            );
        }
        bail!(
            "no run {name} in {}; nearest: {}",
            runs_dir.display(),
            nearest.join(", ")
        )
    }
}

/// Names and log files of all runs, in order of name. It searches two levels deep, so other files in a run's folder
/// don't count.
fn places(runs_dir: &Path) -> Result<Vec<(String, PathBuf)>> {
    let folders = |folder: &Path| -> Result<Vec<(String, PathBuf)>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if let Some(name) = path.file_name().filter(|_| path.is_dir()) {
                found.push((name.to_string_lossy().into_owned(), path));
            }
        }
        found.sort();
        Ok(found)
    };
    let chapters = folders(runs_dir).with_context(|| {
        format!(
            "runs folder {} not read; train a chapter first, or name the folder with --runs-dir",
            runs_dir.display()
        )
    })?;
    let mut places = Vec::new();
    for (chapter, folder) in chapters {
        for (run, folder) in
            folders(&folder).with_context(|| format!("folder {} not read", folder.display()))?
        {
            let file = folder.join(FILE_NAME);
            if file.is_file() {
                places.push((format!("{chapter}/{run}"), file));
            }
        }
    }
    Ok(places)
}

fn bare(place: &str) -> &str {
    place.rsplit('/').next().unwrap_or(place)
}

/// Names that may have been meant: first those that contain the given one, then by edit distance.
pub(crate) fn nearest(name: &str, mut places: Vec<String>) -> Vec<String> {
    places.sort_by_cached_key(|place| {
        let edits = levenshtein(name, place).min(levenshtein(name, bare(place)));
        (!place.contains(name), edits, place.clone())
    });
    places.truncate(SUGGESTIONS);
    places
}
