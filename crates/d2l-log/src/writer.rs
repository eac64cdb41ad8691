//! Writing a log, line by line.

use crate::{Epoch, Header, Mark, Record};
use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};
use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Appends records to a log. Lines from [`Writer::write`] survive the end of the process.
#[derive(Debug)]
pub struct Writer {
    file: File,
    path: PathBuf,
    length: u64,
    /// Lines after the header.
    lines: usize,
    /// The digest of those lines.
    digest: Sha256,
}

impl Writer {
    /// Starts a new log.
    ///
    /// # Errors
    ///
    /// If the file exists, or cannot be created.
    pub fn create(path: &Path) -> Result<Self> {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(path)
            .with_context(|| {
                format!(
                    "log {} not created; wanted a new file in a folder that exists",
                    path.display()
                )
            })?;
        Ok(Self::new(file, path))
    }

    fn new(file: File, path: &Path) -> Self {
        let path = path.to_path_buf();
        Self { file, path, length: 0, lines: 0, digest: Sha256::new() }
    }

    /// Continues a log after the lines that `mark` counts; the rest is cut off. The header becomes `header`.
    ///
    /// # Errors
    ///
    /// If the file is missing, or doesn't begin with these lines; then it stays as it is.
    pub fn resume(path: &Path, mark: &Mark, header: &Header) -> Result<Self> {
        let at = || format!("log {} not continued", path.display());
        let bytes = fs::read(path).with_context(at)?;
        let (before, kept) = mark.find(&bytes).with_context(at)?;
        let line = line_of(&Record::Run(header.clone())).with_context(at)?;
        if before != line {
            // A new file takes the log's place, so that a crash leaves one of them whole.
            let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
            fs::write(&temporary, [&line[..], kept].concat())
                .and_then(|()| File::open(&temporary)?.sync_all())
                .and_then(|()| fs::rename(&temporary, path))
                .with_context(at)?;
        }
        let file = OpenOptions::new().write(true).open(path).with_context(at)?;
        let mut writer = Self::new(file, path);
        writer.length = (line.len() + kept.len()) as u64;
        writer.lines = mark.lines;
        writer.digest.update(kept);
        writer.file.set_len(writer.length).with_context(at)?;
        writer.file.seek(SeekFrom::End(0)).with_context(at)?;
        Ok(writer)
    }

    /// Appends one record as one line.
    ///
    /// # Errors
    ///
    /// If a group of metrics has the name of another key of the line, the file is gone, or the disk is full. The log then
    /// stays as it was.
    pub fn write(&mut self, record: &Record) -> Result<()> {
        let at = || format!("log {} not written", self.path.display());
        check(record).with_context(at)?;
        let line = line_of(record).with_context(at)?;
        ensure!(
            self.is_in_place(),
            "log {} was removed or changed by somebody else: its lines are lost",
            self.path.display()
        );
        if let Err(error) = self.file.write_all(&line) {
            // Leave no half line. If even that fails, the reader passes over it.
            let _ = self.file.set_len(self.length);
            let _ = self.file.seek(SeekFrom::Start(self.length));
            return Err(error).with_context(at);
        }
        self.length += line.len() as u64;
        if !matches!(record, Record::Run(_)) {
            self.lines += 1;
            self.digest.update(&line);
        }
        Ok(())
    }

    /// Waits until all lines are on the disk itself, so that they survive a power cut; a checkpoint that holds
    /// [`Writer::mark`] needs that.
    ///
    /// # Errors
    ///
    /// If the system cannot write to the disk.
    pub fn sync(&self) -> Result<()> {
        self.file
            .sync_data()
            .with_context(|| format!("log {} not synced", self.path.display()))
    }

    /// The log so far, to which [`Writer::resume`] returns.
    pub fn mark(&self) -> Mark {
        let sha256 = format!("{:x}", self.digest.clone().finalize());
        Mark { lines: self.lines, sha256 }
    }

    /// Whether the log is still in its place: a line written to a removed file would be lost.
    fn is_in_place(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|found| found.len() == self.length)
    }
}

/// A record as a line.
fn line_of(record: &Record) -> serde_json::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(record)?;
    line.push(b'\n');
    Ok(line)
}

/// Refuses groups of metrics that could not be read back.
fn check(record: &Record) -> Result<()> {
    if let Record::Epoch(epoch) = record {
        // Each group is serialised alone, so this also holds for keys that are added to the record later.
        let bare = Epoch {
            more: Default::default(),
            valid: [("loss".to_string(), 0.0)].into(),
            fold: Some(0),
            ..epoch.clone()
        };
        let keys = serde_json::to_value(&bare)?;
        for group in epoch.more.keys() {
            if keys.get(group).is_some() || group == "kind" {
                bail!(
                    "a group of metrics is called {group}, like another key of the line; wanted another name"
                );
            }
        }
    }
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::Epoch;

    #[test]
    fn a_full_disk_is_an_error_that_names_the_log() -> Result<()> {
        let path = PathBuf::from("/dev/full"); // Linux's file on a disk that is always full
        let file = OpenOptions::new().write(true).open(&path)?;
        let mut writer = Writer::new(file, &path);
        let written = writer.write(&Record::Epoch(Epoch::default()));
        let message = format!("{:#}", written.expect_err("wanted an error"));
        assert!(
            message.contains("log /dev/full not written: No space left"),
            "{message}"
        );
        assert_eq!((writer.length, writer.mark().lines), (0, 0));
        Ok(())
    }
}
