//! Reading one log.

use crate::{Epoch, FILE_NAME, Header, Log, Mark, Record, SCHEMA, Status};
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

impl Log {
    /// Reads a log from a run's folder or from the file itself.
    ///
    /// The half-written last line of a run that was killed is dropped.
    ///
    /// # Errors
    ///
    /// If there is no such log or no complete header, if the schema is newer than [`SCHEMA`], or if a line doesn't
    /// follow the schema; then the error has file, line and reason.
    pub fn read(path: &Path) -> Result<Self> {
        let file = if path.is_dir() {
            path.join(FILE_NAME)
        } else {
            path.to_path_buf()
        };
        let bytes = fs::read(&file).with_context(|| format!("log {} not read", file.display()))?;
        Self::parse(&bytes, file)
    }

    /// [`Log::read`] for the content of a log that is at hand; `path` is its place, after which it is named.
    ///
    /// # Errors
    ///
    /// As [`Log::read`].
    pub fn parse(bytes: &[u8], path: PathBuf) -> Result<Self> {
        let mut header = None;
        let mut epochs = Vec::new();
        let mut end = None;
        for (index, line) in bytes.split_inclusive(|&byte| byte == b'\n').enumerate() {
            let at = || format!("{}, line {}", path.display(), index + 1);
            let value = match serde_json::from_slice::<Value>(line) {
                Ok(value) => value,
                Err(_) if !line.ends_with(b"\n") => break, // cut off when the run was killed
                Err(error) => return Err(error).with_context(at),
            };
            if end.is_some() {
                bail!(
                    "{}: a line after the `end` line; wanted it to be the last",
                    at()
                );
            }
            match record(value).with_context(at)? {
                Record::Run(found) if index == 0 => header = Some(found),
                Record::Run(_) => bail!("{}: a second `run` line; wanted one log per file", at()),
                _ if index == 0 => bail!("{}: not a `run` line, which comes first", at()),
                Record::Epoch(found) => epochs.push(found),
                Record::End(found) => end = Some(found),
            }
        }
        let Some(header) = header else {
            bail!(
                "{} holds no complete `run` line: the run was killed as it started; delete its folder, or start it again \
                 with --overwrite",
                path.display()
            );
        };
        check_order(&epochs).with_context(|| path.display().to_string())?;
        let name = format!("{}/{}", header.chapter, run_name(&path));
        Ok(Self { name, path, header, epochs, end })
    }

    /// Reads a log as far as `mark` says. What stands behind may be damaged: it is not looked at.
    ///
    /// # Errors
    ///
    /// As [`Log::read`], and if the log doesn't begin with the lines that `mark` knows.
    pub fn read_to(file: &Path, mark: &Mark) -> Result<Self> {
        let bytes = fs::read(file).with_context(|| format!("log {} not read", file.display()))?;
        let (header, kept) = mark
            .find(&bytes)
            .with_context(|| file.display().to_string())?;
        Self::parse(&[header, kept].concat(), file.to_path_buf())
    }
}

/// A log's header and how the run ended: what is known without its epochs, even where these are damaged.
#[derive(Clone, Debug)]
pub struct Outline {
    /// The first line.
    pub header: Header,
    /// `None` while the run trains and after it was killed.
    pub status: Option<Status>,
}

impl Outline {
    /// Reads the outline of the log `file`.
    ///
    /// # Errors
    ///
    /// If there is no such log or no complete header.
    pub fn read(file: &Path) -> Result<Self> {
        let bytes = fs::read(file).with_context(|| format!("log {} not read", file.display()))?;
        Self::parse(&bytes).with_context(|| file.display().to_string())
    }

    /// [`Outline::read`] for the content of a log that is at hand.
    ///
    /// # Errors
    ///
    /// If there is no complete header.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let mut lines = bytes.split_inclusive(|&byte| byte == b'\n');
        let parsed = |line: &[u8]| record(serde_json::from_slice(line)?);
        let header = match lines.next().map(parsed) {
            Some(Ok(Record::Run(header))) => header,
            Some(Err(error)) => return Err(error),
            _ => bail!("no `run` line, which comes first"),
        };
        let status = match lines.next_back().map(parsed) {
            Some(Ok(Record::End(end))) => Some(end.status),
            _ => None,
        };
        Ok(Self { header, status })
    }
}

/// One line's record. The schema's version is checked first, because a newer one may have changed anything else.
fn record(value: Value) -> Result<Record> {
    let schema = value
        .get("schema")
        .and_then(Value::as_u64)
        .unwrap_or_default();
    ensure!(
        schema <= u64::from(SCHEMA),
        "schema {schema} is newer than this program, which reads up to {SCHEMA}; wanted an older log: update the program"
    );
    Ok(serde_json::from_value(value)?)
}

/// Within a fold, epochs only rise; otherwise two runs wrote into one file.
fn check_order(epochs: &[Epoch]) -> Result<()> {
    let mut newest: BTreeMap<Option<usize>, usize> = BTreeMap::new();
    for epoch in epochs {
        if let Some(before) = newest.insert(epoch.fold, epoch.epoch) {
            ensure!(
                epoch.epoch > before,
                "epoch {} follows epoch {before}; wanted rising numbers: two runs wrote into one log",
                epoch.epoch
            );
        }
    }
    Ok(())
}

/// The folder's name; for a log with another name than [`FILE_NAME`], its own.
fn run_name(path: &Path) -> String {
    let place = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let name = match place.file_name() {
        Some(name) if name == FILE_NAME => place.parent().and_then(Path::file_name),
        _ => place.file_stem(),
    };
    name.unwrap_or(place.as_os_str())
        .to_string_lossy()
        .into_owned()
}
