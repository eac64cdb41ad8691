//! Reading one log.

use crate::lines::{self, Line};
use crate::{Epoch, FILE_NAME, Header, Log, Mark, Record, Status, foreign};
use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

impl Log {
    /// Reads a log from a run's folder or from the file itself.
    ///
    /// A reader passes over what it can do without, and [`Log::remarks`] says so: the half-written last line of a
    /// killed run, lines that are damaged or of an unknown kind, an editor's byte-order mark and line ends.
    ///
    /// # Errors
    ///
    /// If there is no such log or no complete header (the error names the kind of a foreign file), if the schema's
    /// major version is newer than that of [`crate::SCHEMA`], or if two runs wrote into one file.
    pub fn read(path: &Path) -> Result<Self> {
        let file = if path.is_dir() {
            path.join(FILE_NAME)
        } else {
            path.to_path_buf()
        };
        let bytes = fs::read(&file).with_context(|| format!("log {} not read", file.display()))?;
        Self::parse(&bytes, file)
    }

    /// [`Log::read`] for the content of a log that has been read already; `path` is the log's place, from which it gets
    /// its name.
    ///
    /// # Errors
    ///
    /// As [`Log::read`].
    pub fn parse(bytes: &[u8], path: PathBuf) -> Result<Self> {
        let (bytes, mut remarks) = lines::plain(bytes);
        let mut lines = bytes.split_inclusive(|&byte| byte == b'\n');
        let first = lines.next().unwrap_or_default();
        let header = match lines::record(first) {
            Ok(Line::Record(Record::Run(header))) => header,
            Err(error) if lines::is_header(first) => {
                return Err(error).with_context(|| format!("{}, line 1", path.display()));
            }
            _ => return Err(no_header(bytes, &path)),
        };
        let (mut steps, mut epochs, mut end) = (Vec::new(), Vec::new(), None);
        for (line, number) in lines.zip(2..) {
            let record = match lines::record(line) {
                Ok(Line::Record(record)) => record,
                Ok(Line::Unknown(kind)) => {
                    remarks.pass_over(number, &format!("the unknown kind `{kind}`"));
                    continue;
                }
                Err(_) if !line.ends_with(b"\n") => {
                    remarks.add(
                        "its last line is incomplete, as of a run that was killed while it wrote",
                    );
                    break;
                }
                Err(error) => {
                    remarks.pass_over(number, &format!("{error:#}"));
                    continue;
                }
            };
            let at = || format!("{}, line {number}", path.display());
            if end.is_some() {
                bail!(
                    "{}: a line after the `end` line; wanted it to be the last",
                    at()
                );
            }
            match record {
                Record::Run(_) => bail!("{}: a second `run` line; wanted one log per file", at()),
                Record::Step(found) => steps.push(found),
                Record::Epoch(found) => epochs.push(found),
                Record::End(found) => end = Some(found),
            }
        }
        check_order(&epochs).with_context(|| path.display().to_string())?;
        let name = format!("{}/{}", header.chapter, run_name(&path));
        let remarks = remarks.into_sentence();
        Ok(Self { name, path, header, steps, epochs, end, remarks })
    }

    /// Reads a log up to `mark`. What follows may be damaged: it is not read.
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

/// A log's header and how the run ended: what is known without the epochs, even if these are damaged.
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

    /// [`Outline::read`] for the content of a log that has been read already.
    ///
    /// # Errors
    ///
    /// If there is no complete header.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let (bytes, _) = lines::plain(bytes);
        let mut lines = bytes.split_inclusive(|&byte| byte == b'\n');
        let header = match lines.next().map(lines::record) {
            Some(Ok(Line::Record(Record::Run(header)))) => header,
            Some(Err(error)) => return Err(error),
            _ => bail!("no `run` line, which comes first"),
        };
        // The last line that is whole: lines that `Log::read` passes over are ignored here too.
        let last = lines.rev().find_map(|line| match lines::record(line) {
            Ok(Line::Record(record)) => Some(record),
            _ => None,
        });
        let status = match last {
            Some(Record::End(end)) => Some(end.status),
            _ => None,
        };
        Ok(Self { header, status })
    }
}

/// The error for a file that doesn't begin with a `run` line.
fn no_header(bytes: &[u8], path: &Path) -> anyhow::Error {
    let file = path.display();
    let is_cut = !bytes.contains(&b'\n') && lines::may_become_header(bytes);
    if is_cut {
        return anyhow::anyhow!(
            "{file} holds no complete `run` line: the run was killed as it started; delete its folder, or start it again \
             with --overwrite"
        );
    }
    anyhow::anyhow!(
        "{file} is {}; wanted a log of this workspace, which begins with a line {{\"kind\":\"run\", …}}",
        foreign::describe(bytes)
    )
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
