//! A text of which only the book's copy is accepted.

use std::path::Path;

use anyhow::{Result, bail};
use sha2::{Digest, Sha256};

use crate::table::{AGAIN, content};

/// How the book's copy of a text is recognised.
pub(crate) struct BookCopy {
    /// Its size, decompressed.
    pub(crate) bytes: usize,
    /// The SHA-256 of its content, decompressed.
    pub(crate) sha256: &'static str,
}

impl BookCopy {
    /// The content of `file`, plain or gzipped; an error if it is another text.
    pub(crate) fn read(&self, file: &Path) -> Result<String> {
        let bytes = content(file, self.bytes)?;
        let found = format!("{:x}", Sha256::digest(&bytes));
        if found != self.sha256 {
            bail!(
                "{}: found {} bytes with the SHA-256 {found}, wanted the book's {} with {}; {AGAIN}",
                file.display(),
                bytes.len(),
                self.bytes,
                self.sha256,
            );
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}
