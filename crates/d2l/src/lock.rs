//! A lock, so that only one process at a time writes a run.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};

/// The locked file of a run's folder. The file stays there; its lock ends with the process, however the process ends.
pub(crate) const FILE_NAME: &str = ".lock";

/// Holds a run's folder for this process alone.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Locks a folder, or says who holds it: `process 4711, since 2026-11-30T08:00:00Z`.
    pub fn take(folder: &Path) -> Result<Result<Self, String>> {
        let path = folder.join(FILE_NAME);
        let at = || format!("cannot lock {}", path.display());
        let open = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path);
        let mut file = open.with_context(at)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = std::fs::read_to_string(&path).unwrap_or_default();
                return Ok(Err(match holder.trim() {
                    "" => "another process".to_string(),
                    holder => holder.to_string(),
                }));
            }
            // Some network file systems have no locks. Training there is better than none.
            Err(TryLockError::Error(cause)) if cause.kind() == std::io::ErrorKind::Unsupported => {}
            Err(TryLockError::Error(cause)) => return Err(cause).with_context(at),
        }
        let since = humantime::format_rfc3339_seconds(std::time::SystemTime::now());
        let holder = format!("process {}, since {since}\n", std::process::id());
        file.set_len(0)
            .and_then(|()| file.write_all(holder.as_bytes()))
            .with_context(at)?;
        Ok(Ok(Self { _file: file }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_locked_once_until_the_lock_is_dropped() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let first = Lock::take(folder.path())?.expect("nobody holds it");
        for _ in 0..2 {
            let holder = Lock::take(folder.path())?.expect_err("it is held");
            let own = format!("process {}, since 20", std::process::id());
            assert!(holder.starts_with(&own), "{holder}");
        }
        drop(first);
        assert!(Lock::take(folder.path())?.is_ok());
        Ok(())
    }
}
