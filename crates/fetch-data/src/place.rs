//! Putting a checked file in its place, and checking the files that exist.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::digest::{Content, Digest, content, is_gzipped};
use crate::manifest::{Item, Manifest, Set};

/// The file with digests of unpacked files without known published digests, in the form of the program `sha256sum`.
const WRITTEN_DOWN: &str = "SHA256SUMS";

/// The state of a file on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// There is no such file.
    Missing,
    /// The content that was wanted.
    Whole,
    /// The content of another set's file: the folder holds that other set.
    Foreign(String),
    /// Other content; the text says what was found and what was wanted.
    Wrong(String),
}

/// A file of a set, its path, and its state.
pub(crate) struct Found<'a> {
    pub(crate) item: &'a Item,
    pub(crate) path: PathBuf,
    pub(crate) state: State,
}

/// A set's files in one folder.
pub(crate) struct Survey<'a> {
    pub(crate) folder: PathBuf,
    pub(crate) files: Vec<Found<'a>>,
}

impl<'a> Survey<'a> {
    /// Reads and checks the files of `set` in `folder`.
    pub(crate) fn of(set: &'a Set, folder: &Path, manifest: &Manifest) -> Result<Self> {
        let look = |item: &'a Item| look(item, folder, manifest);
        Ok(Self {
            folder: folder.to_path_buf(),
            files: set.files.iter().map(look).collect::<Result<_>>()?,
        })
    }

    /// The survey of the set's own folder in `data_dir`, or of its other folder if only that holds any of its files.
    pub(crate) fn best(set: &'a Set, data_dir: &Path, manifest: &Manifest) -> Result<Self> {
        let mut surveys = Vec::new();
        for folder in set.folders(data_dir) {
            let survey = Self::of(set, &folder, manifest)?;
            if survey.is_there() {
                return Ok(survey);
            }
            surveys.push(survey);
        }
        surveys.into_iter().next().context("a set without a folder")
    }

    /// Whether every file is as wanted.
    pub(crate) fn is_whole(&self) -> bool {
        self.files.iter().all(|found| found.state == State::Whole)
    }

    /// Whether there is anything of the set, right or wrong.
    pub(crate) fn is_there(&self) -> bool {
        let is_there = |found: &Found| matches!(found.state, State::Whole | State::Wrong(_));
        self.files.iter().any(is_there)
    }

    /// One line for each wrong file, and one for all that are missing.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut missing = Vec::new();
        for found in &self.files {
            let path = found.path.display();
            match &found.state {
                State::Whole => {}
                State::Missing => missing.push(found.item.name.as_str()),
                State::Wrong(why) => problems.push(format!("{path}: {why}")),
                State::Foreign(other) => problems.push(format!("{path}: found a file of {other}")),
            }
        }
        if !missing.is_empty() {
            let folder = self.folder.display();
            problems.push(format!("{folder}: found no {}", missing.join(", ")));
        }
        problems
    }

    /// The files that are not as wanted.
    pub(crate) fn lacking(&self) -> Vec<&'a Item> {
        let lacking = self.files.iter().filter(|f| f.state != State::Whole);
        lacking.map(|found| found.item).collect()
    }
}

/// Looks for a file by its name, then with `.gz` after it, as the chapters' readers do.
fn look<'a>(item: &'a Item, folder: &Path, manifest: &Manifest) -> Result<Found<'a>> {
    let plain = folder.join(&item.name);
    for path in [plain.clone(), with_suffix(&plain, ".gz")] {
        let exists = path.try_exists();
        if exists.with_context(|| format!("{}: cannot be checked", path.display()))? {
            let state = check(&path, item, folder, manifest)?;
            return Ok(Found { item, path, state });
        }
    }
    Ok(Found { item, path: plain, state: State::Missing })
}

fn check(path: &Path, item: &Item, folder: &Path, manifest: &Manifest) -> Result<State> {
    let wanted = match item.sha256 {
        Some(sha256) => sha256,
        None => match written_down(folder, &item.name)? {
            Some(sha256) => sha256,
            None => {
                return Ok(State::Wrong(format!(
                    "found no digest of it in {}, wanted the file as unpacked by this command",
                    folder.join(WRITTEN_DOWN).display()
                )));
            }
        },
    };
    // The size is no limit if the file may be another set's, because that file may be longer.
    let found = content(path, None)?;
    Ok(match difference(&found, item.bytes, wanted) {
        None => State::Whole,
        Some(difference) => match found {
            Content::Whole { sha256, .. } => match manifest.owner(sha256) {
                Some(other) => State::Foreign(other.name.clone()),
                None => State::Wrong(difference),
            },
            _ => State::Wrong(difference),
        },
    })
}

/// The error in the content, if there is one.
fn difference(found: &Content, bytes: Option<u64>, wanted: Digest) -> Option<String> {
    match *found {
        Content::Whole { sha256, .. } if sha256 == wanted => None,
        Content::Whole { bytes: found, .. } if bytes.is_some_and(|bytes| bytes != found) => Some(
            format!("found {found} bytes, wanted {}", bytes.unwrap_or_default()),
        ),
        Content::Whole { sha256, .. } => Some(format!("found SHA-256 {sha256}, wanted {wanted}")),
        Content::TooLong => Some(format!(
            "found more than the {} bytes wanted",
            bytes.unwrap_or_default()
        )),
        Content::Damaged => Some(format!(
            "found a damaged gzip archive, wanted content of SHA-256 {wanted}"
        )),
    }
}

/// Checks the content of `part` and moves it to the place of `item` in `folder`, with `.gz` if it is gzipped.
///
/// A file of that name is replaced. `part` lies in the same file system; on an error it stays.
///
/// # Errors
///
/// If the content isn't the one wanted, or the file cannot be written.
pub(crate) fn install(part: &Path, item: &Item, folder: &Path) -> Result<()> {
    let found = content(part, item.bytes)?;
    if let Some(wanted) = item.sha256
        && let Some(difference) = difference(&found, item.bytes, wanted)
    {
        bail!(difference);
    }
    let Content::Whole { sha256, .. } = found else {
        bail!("found a damaged gzip archive");
    };
    let plain = folder.join(&item.name);
    let gzipped = is_gzipped(part)?;
    let target = if gzipped {
        with_suffix(&plain, ".gz")
    } else {
        plain.clone()
    };
    let moving = || format!("{}: cannot be written", target.display());
    File::open(part)
        .and_then(|file| file.sync_all())
        .with_context(moving)?;
    fs::rename(part, &target).with_context(moving)?;
    if gzipped {
        // The readers take the plain file first, and this one has other content.
        remove(&plain)?;
    }
    if item.sha256.is_none() {
        write_down(folder, &item.name, sha256)?;
    }
    Ok(())
}

/// Copies a file into its place, checked like any other.
pub(crate) fn copy(from: &Path, item: &Item, folder: &Path) -> Result<()> {
    let part = part(folder, item)?;
    let copied = copy_bytes(from, &part).and_then(|()| install(&part, item, folder));
    if copied.is_err() {
        remove(&part)?;
    }
    copied.with_context(|| format!("{}", from.display()))
}

/// Not `fs::copy`, which would copy the permissions as well: a read-only source would make a read-only copy.
fn copy_bytes(from: &Path, to: &Path) -> Result<()> {
    let mut from = File::open(from).context("cannot be opened")?;
    let mut to =
        File::create(to).with_context(|| format!("{}: cannot be written", to.display()))?;
    std::io::copy(&mut from, &mut to).context("cannot be copied")?;
    Ok(())
}

/// The path to which a file is written before it is checked: its name with `.part`. Makes the folder.
pub(crate) fn part(folder: &Path, item: &Item) -> Result<PathBuf> {
    part_of(&folder.join(&item.name))
}

/// The same for any file.
pub(crate) fn part_of(file: &Path) -> Result<PathBuf> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)
            .with_context(|| format!("{}: cannot be made", folder.display()))?;
    }
    Ok(with_suffix(file, ".part"))
}

/// Removes the folders of a set if they are empty.
pub(crate) fn remove_empty_folders(set: &Set, folder: &Path) {
    let mut folders: Vec<PathBuf> = set
        .files
        .iter()
        .filter_map(|item| folder.join(&item.name).parent().map(Path::to_path_buf))
        .collect();
    folders.push(folder.to_path_buf());
    for folder in folders {
        let _ = fs::remove_dir(folder); // fails if a file is in it, as it should
    }
}

/// Removes a file that may be there.
pub(crate) fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("{}: cannot be removed", path.display()))
        }
        _ => Ok(()),
    }
}

/// `path` with `suffix` after its name.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(suffix);
    PathBuf::from(name)
}

/// The recorded digest of `name`, if there is one.
fn written_down(folder: &Path, name: &str) -> Result<Option<Digest>> {
    let line = |line: &str| {
        let (digest, file) = line.split_once("  ")?;
        (file == name).then(|| digest.parse())
    };
    lines(folder)?
        .iter()
        .find_map(|text| line(text))
        .transpose()
}

fn write_down(folder: &Path, name: &str, sha256: Digest) -> Result<()> {
    let mut lines = lines(folder)?;
    lines.retain(|line| line.split_once("  ").is_none_or(|(_, file)| file != name));
    lines.push(format!("{sha256}  {name}"));
    let path = folder.join(WRITTEN_DOWN);
    let part = with_suffix(&path, ".part");
    fs::write(&part, lines.join("\n") + "\n")
        .and_then(|()| fs::rename(&part, &path))
        .with_context(|| format!("{}: cannot be written", path.display()))
}

fn lines(folder: &Path) -> Result<Vec<String>> {
    let path = folder.join(WRITTEN_DOWN);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(text.lines().map(str::to_string).collect()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error).with_context(|| format!("{}: cannot be read", path.display())),
    }
}
