//! Finding logs in a folder of runs, `<runs>/<chapter>/<run>/`.

use crate::{FILE_NAME, Log};
use anyhow::{Context, Error, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};

/// How many names an error suggests.
const SUGGESTIONS: usize = 3;

/// The logs of a folder of runs.
#[derive(Debug)]
pub struct Listing {
    /// Those that could be read, oldest first.
    pub logs: Vec<Log>,
    /// Why the others could not.
    pub damaged: Vec<Error>,
}

impl Log {
    /// Reads all logs of a folder of runs, each called by its place there.
    ///
    /// # Errors
    ///
    /// The folder itself is missing or unreadable. Damaged logs are in the listing.
    pub fn list(runs_dir: &Path) -> Result<Listing> {
        let mut listing = Listing {
            logs: Vec::new(),
            damaged: Vec::new(),
        };
        for (name, path) in places(runs_dir)? {
            match Self::read(&path) {
                Ok(log) => listing.logs.push(Self { name, ..log }),
                Err(error) => listing.damaged.push(error),
            }
        }
        listing
            .logs
            .sort_by(|a, b| (&a.header.started, &a.name).cmp(&(&b.header.started, &b.name)));
        Ok(listing)
    }

    /// Reads the log that is called `<chapter>/<run>` or, where only one chapter has it, `<run>`; else the one at this
    /// path.
    ///
    /// # Errors
    ///
    /// None is, with the nearest names; several are; or the log is damaged.
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
                return Ok(Self {
                    name: place.clone(),
                    ..Self::read(path)?
                });
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

/// Names and log files of all runs, in order of name. Two levels deep, so that nothing else in a run's folder counts.
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

/// The names that the given one may have meant: those that contain it first, then by the edits between them.
fn nearest(name: &str, mut places: Vec<String>) -> Vec<String> {
    places.sort_by_cached_key(|place| {
        let edits = edits(name, place).min(edits(name, bare(place)));
        (!place.contains(name), edits, place.clone())
    });
    places.truncate(SUGGESTIONS);
    places
}

/// How many letters to insert, delete or replace to make one text the other (Levenshtein 1966).
fn edits(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, letter) in a.chars().enumerate() {
        let mut left = i + 1;
        let mut diagonal = i;
        for (above, other) in row.iter_mut().skip(1).zip(b.chars()) {
            let replaced = diagonal + usize::from(letter != other);
            diagonal = *above;
            left = replaced.min(left + 1).min(diagonal + 1);
            *above = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}
