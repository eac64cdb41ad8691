//! A place in a log, with a digest of the lines before it.

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The beginning of a log up to some line, as a checkpoint remembers it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The number of lines after the header.
    pub lines: usize,
    /// The SHA-256 of these lines.
    pub sha256: String,
}

impl Mark {
    /// The header and the lines of a log that lie before the mark.
    ///
    /// # Errors
    /// If there are fewer lines, or others.
    pub(crate) fn find<'a>(&self, log: &'a [u8]) -> Result<(&'a [u8], &'a [u8])> {
        let mut lines = log.split_inclusive(|&byte| byte == b'\n');
        let header = lines.next().unwrap_or_default().len();
        let (mut end, mut found) = (header, 0);
        for line in lines.take(self.lines).filter(|line| line.ends_with(b"\n")) {
            end += line.len();
            found += 1;
        }
        ensure!(
            found == self.lines,
            "found {found} lines behind the header, wanted the {} that the checkpoint knows: the log was cut",
            self.lines
        );
        let kept = &log[header..end];
        ensure!(
            format!("{:x}", Sha256::digest(kept)) == self.sha256,
            "the first {} lines behind the header are not those that the checkpoint knows: the log was changed",
            self.lines
        );
        Ok((&log[..header], kept))
    }
}
