//! Writing a log, line by line.

use crate::{End, Epoch, Header, Record};
use anyhow::{Context, Result, bail, ensure};
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Appends records to a log. Lines from [`Writer::write`] survive the end of the process.
#[derive(Debug)]
pub struct Writer {
    file: File,
    path: PathBuf,
    length: u64,
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
        Ok(Self { file, path: path.into(), length: 0 })
    }

    /// Continues a log after its first `length` bytes; the rest is cut off.
    ///
    /// # Errors
    ///
    /// If the file is missing or shorter than `length`, or `length` is not the end of a line.
    pub fn resume(path: &Path, length: u64) -> Result<Self> {
        let at = || format!("log {} not continued", path.display());
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .with_context(at)?;
        let found = file.metadata().with_context(at)?.len();
        ensure!(
            found >= length,
            "log {} has {found} bytes; wanted the {length} that the checkpoint knows: the two do not belong together, \
             start the run anew",
            path.display()
        );
        if let Some(last) = length.checked_sub(1) {
            let mut byte = [0];
            file.seek(SeekFrom::Start(last)).with_context(at)?;
            file.read_exact(&mut byte).with_context(at)?;
            ensure!(
                byte == *b"\n",
                "log {}: no line ends at byte {length}, where the checkpoint says one does: the two do not belong \
                 together, start the run anew",
                path.display()
            );
        }
        file.set_len(length).with_context(at)?;
        file.seek(SeekFrom::Start(length)).with_context(at)?;
        Ok(Self { file, path: path.into(), length })
    }

    /// Appends one record as one line.
    ///
    /// # Errors
    ///
    /// If a number is not finite (JSON would hold `null`; the error names the key), a group of metrics has the name of
    /// another key of the line, or the disk is full. The log then stays as it was.
    pub fn write(&mut self, record: &Record) -> Result<()> {
        let at = || format!("log {} not written", self.path.display());
        check(record).with_context(at)?;
        let mut line = serde_json::to_vec(record).with_context(at)?;
        line.push(b'\n');
        if let Err(error) = self.file.write_all(&line) {
            // Leave no half line. If even that fails, the reader drops it.
            let _ = self.file.set_len(self.length);
            let _ = self.file.seek(SeekFrom::Start(self.length));
            return Err(error).with_context(at);
        }
        self.length += line.len() as u64;
        Ok(())
    }

    /// Waits until all lines are on the disk itself, so that they survive a power cut; a checkpoint that names
    /// [`Writer::length`] needs that.
    ///
    /// # Errors
    ///
    /// If the system cannot write to the disk.
    pub fn sync(&self) -> Result<()> {
        self.file
            .sync_data()
            .with_context(|| format!("log {} not synced", self.path.display()))
    }

    /// Length of the log in bytes, from which [`Writer::resume`] continues.
    pub fn length(&self) -> u64 {
        self.length
    }
}

/// Refuses values that could not be read back unchanged.
fn check(record: &Record) -> Result<()> {
    if let Record::Epoch(epoch) = record {
        // Serialised alone, so that this also holds for keys that are added to the record later.
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
    for (key, value) in numbers(record) {
        ensure!(
            value.is_finite(),
            "{key} is {value}; wanted a finite number, since JSON has no other: leave it out and say so in the reason"
        );
    }
    Ok(())
}

/// Every floating-point number of a record with its key.
fn numbers(record: &Record) -> Vec<(String, f64)> {
    match record {
        // A recipe holds JSON values, which are finite.
        Record::Run(Header { .. }) => Vec::new(),
        Record::Epoch(epoch) => {
            let Epoch {
                learning_rate, gradient_norm, seconds, examples_per_second, ..
            } = epoch;
            let mut numbers = epoch.metrics();
            numbers.push(("learning_rate".into(), *learning_rate));
            numbers.push(("gradient_norm".into(), *gradient_norm));
            numbers.push(("seconds".into(), *seconds));
            numbers.push(("examples_per_second".into(), *examples_per_second));
            numbers
        }
        Record::End(End { seconds, last, best, bands, .. }) => {
            let mut numbers = vec![("seconds".to_string(), *seconds)];
            numbers.extend(
                last.iter()
                    .map(|(name, value)| (format!("final.{name}"), *value)),
            );
            numbers.extend(
                best.iter()
                    .map(|(name, best)| (format!("best.{name}"), best.value)),
            );
            for band in bands {
                let key = |field: &str| format!("bands.{}.{field}", band.metric);
                numbers.push((key("low"), band.low));
                numbers.push((key("high"), band.high));
                numbers.extend(band.median.map(|median| (key("median"), median)));
                numbers.extend(band.value.map(|value| (key("value"), value)));
            }
            numbers
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::Epoch;

    #[test]
    fn a_full_disk_is_an_error_that_names_the_log() -> Result<()> {
        let path = PathBuf::from("/dev/full"); // Linux's file on a disk that is always full
        let file = OpenOptions::new().write(true).open(&path)?;
        let mut writer = Writer { file, path, length: 0 };
        let written = writer.write(&Record::Epoch(Epoch::default()));
        let message = format!("{:#}", written.expect_err("wanted an error"));
        assert!(
            message.contains("log /dev/full not written: No space left"),
            "{message}"
        );
        assert_eq!(writer.length(), 0);
        Ok(())
    }
}
