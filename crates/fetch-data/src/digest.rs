//! SHA-256 of a file's content, decompressed if the file is gzipped.

use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::path::Path;
use std::str::FromStr;

use anyhow::{Context, Result, anyhow, ensure};
use flate2::bufread::MultiGzDecoder;
use serde::Deserialize;
use sha2::digest::Output;
use sha2::{Digest as _, Sha256};

/// The first two bytes of every gzip file.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// A SHA-256 digest; it is read and written as 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Digest(Output<Sha256>);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

impl FromStr for Digest {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let wanted = || anyhow!("found digest {text:?}, wanted 64 hexadecimal digits");
        ensure!(text.len() == 64 && text.is_ascii(), wanted());
        let mut digest = Output::<Sha256>::default();
        for (byte, at) in digest.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| wanted())?;
        }
        Ok(Self(digest))
    }
}

impl TryFrom<String> for Digest {
    type Error = anyhow::Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

/// The content of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// This content, decompressed.
    Whole { sha256: Digest, bytes: u64 },
    /// More than the limit; the rest is unread, so that no archive unpacks without end.
    TooLong,
    /// A gzip archive that is cut short or damaged.
    Damaged,
}

/// Whether a file is gzipped, judged by its first bytes, not by its name.
pub(crate) fn is_gzipped(path: &Path) -> Result<bool> {
    Ok(open(path)?.fill_buf()?.starts_with(&GZIP))
}

/// Reads the file at `path`, decompressed, up to `limit` bytes if there is a limit.
pub(crate) fn content(path: &Path, limit: Option<u64>) -> Result<Content> {
    let reading = || format!("{}: cannot be read", path.display());
    let mut file = open(path)?;
    let gzipped = file.fill_buf().with_context(reading)?.starts_with(&GZIP);
    let read = if gzipped {
        hash(MultiGzDecoder::new(file), limit)
    } else {
        hash(file, limit)
    };
    match read {
        Err(error) if gzipped && is_damage(error.kind()) => Ok(Content::Damaged),
        read => read.with_context(reading),
    }
}

/// Digest of a file's bytes as they are.
pub(crate) fn raw(path: &Path) -> Result<Digest> {
    match hash(open(path)?, None) {
        Ok(Content::Whole { sha256, .. }) => Ok(sha256),
        read => Err(anyhow!("{}: cannot be read: {read:?}", path.display())),
    }
}

fn open(path: &Path) -> Result<BufReader<File>> {
    let file = File::open(path).with_context(|| format!("{}: cannot be opened", path.display()))?;
    Ok(BufReader::with_capacity(1 << 16, file))
}

fn is_damage(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::UnexpectedEof | ErrorKind::InvalidData | ErrorKind::InvalidInput
    )
}

fn hash(mut file: impl Read, limit: Option<u64>) -> std::io::Result<Content> {
    let mut sha256 = Sha256::new();
    let mut bytes = 0;
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = match file.read(&mut buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            read => read?,
        };
        bytes += read as u64;
        if read == 0 {
            let sha256 = Digest(sha256.finalize());
            return Ok(Content::Whole { sha256, bytes });
        }
        if limit.is_some_and(|limit| bytes > limit) {
            return Ok(Content::TooLong);
        }
        sha256.update(&buffer[..read]);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn of(file: &[u8], limit: Option<u64>) -> Result<Content> {
        let path = tempfile::NamedTempFile::new()?;
        std::fs::write(&path, file)?;
        content(path.path(), limit)
    }

    #[test]
    fn a_digest_is_of_the_content_gzipped_or_not() -> Result<()> {
        // The published digest of "abc": FIPS 180-2, B.1.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let wanted = Content::Whole { sha256: abc.parse()?, bytes: 3 };
        assert_eq!(of(b"abc", None)?, wanted);
        assert_eq!(of(&gzip(b"abc"), Some(3))?, wanted);
        assert_eq!(abc.parse::<Digest>()?.to_string(), abc);
        for bad in ["", &abc[1..], &abc.replace('b', "g"), &"é".repeat(32)] {
            assert!(bad.parse::<Digest>().is_err(), "{bad}");
        }
        Ok(())
    }

    #[test]
    fn damage_and_too_much_content_are_told_apart() -> Result<()> {
        let archive = gzip(&[7; 100_000]);
        for length in 2..archive.len() {
            assert_eq!(of(&archive[..length], None)?, Content::Damaged, "{length}");
        }
        let mut changed = archive.clone();
        let at = archive.len() - 6; // in gzip's own sum
        changed[at] ^= 1;
        assert_eq!(of(&changed, None)?, Content::Damaged);
        assert_eq!(of(&archive, Some(99_999))?, Content::TooLong);
        assert_eq!(of(b"abcd", Some(3))?, Content::TooLong);
        Ok(())
    }
}
