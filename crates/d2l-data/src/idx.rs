//! The IDX format of the MNIST family: unsigned bytes after a short header. <http://yann.lecun.com/exdb/mnist/>
//!
//! A file is two zero bytes, the type of its values (8 for unsigned bytes), the number of dimensions, each dimension as
//! a big-endian u32, then the values. The header is not trusted: the caller states the dimensions, they alone decide
//! how much memory is allocated, and the content must end where they end. So neither a damaged header nor an archive
//! that unpacks without end takes more memory than the real file.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use flate2::bufread::MultiGzDecoder;
use sha2::{Digest, Sha256};

/// The first two bytes of every gzip file.
pub(crate) const GZIP: [u8; 2] = [0x1f, 0x8b];
/// The code of unsigned bytes in the header's third byte.
const UNSIGNED_BYTE: u8 = 8;

/// The content of an IDX file of unsigned bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Bytes {
    /// The values, the last dimension fastest.
    pub values: Vec<u8>,
    /// SHA-256 of the decompressed file, header included.
    pub sha256: [u8; 32],
}

impl Bytes {
    /// `values` as the content of a file with these dimensions. The caller makes sure that the two agree.
    pub(crate) fn new(values: Vec<u8>, dims: &[usize]) -> Self {
        let sha256 = Sha256::new_with_prefix(header(dims))
            .chain_update(&values)
            .finalize()
            .into();
        Self { values, sha256 }
    }
}

/// The header of a file of unsigned bytes with these dimensions.
fn header(dims: &[usize]) -> Vec<u8> {
    let mut header = vec![0, 0, UNSIGNED_BYTE, dims.len() as u8];
    header.extend(dims.iter().flat_map(|&side| (side as u32).to_be_bytes()));
    header
}

/// Writes `values` as the file at `path`, plain.
///
/// # Errors
///
/// If the dimensions do not hold as many values, or the file cannot be written.
pub fn write(path: &Path, values: &[u8], dims: &[usize]) -> Result<()> {
    let size = dims
        .iter()
        .try_fold(1usize, |size, &side| size.checked_mul(side));
    ensure!(
        size == Some(values.len())
            && dims.len() < 256
            && dims.iter().all(|&side| u32::try_from(side).is_ok()),
        "found {} values, wanted {} in at most 255 dimensions",
        values.len(),
        by(dims)
    );
    let content = [&header(dims), values].concat();
    std::fs::write(path, content).with_context(|| format!("{}: cannot be written", path.display()))
}

/// Reads the file at `path`, plain or gzipped (as its content shows, not its name), which must hold exactly `dims`.
///
/// # Errors
///
/// If the file cannot be read, is damaged, cut short or too long, or holds something else than `dims`. One line says
/// what was found, what was wanted and what to do.
pub fn read(path: &Path, dims: &[usize]) -> Result<Bytes> {
    let file = File::open(path).with_context(|| format!("{}: cannot be opened", path.display()))?;
    parse(BufReader::new(file), dims).map_err(|error| {
        anyhow::anyhow!(
            "{}: {error:#}; get the file again, see data/README.md",
            path.display()
        )
    })
}

/// [`read`] for content that is at hand.
///
/// # Errors
///
/// Those of [`read`], without a file's name.
pub fn parse(mut file: impl BufRead, dims: &[usize]) -> Result<Bytes> {
    let gzipped = file.fill_buf()?.starts_with(&GZIP);
    if gzipped {
        content(MultiGzDecoder::new(file), dims)
    } else {
        content(file, dims)
    }
}

/// Reads header and values of decompressed content.
fn content(mut file: impl Read, dims: &[usize]) -> Result<Bytes> {
    let header = header(dims);
    let mut found = Vec::new();
    fill(&mut file, header.len(), &mut found)?;
    check_header(&found, &header, dims)?;

    let size = dims
        .iter()
        .try_fold(1usize, |size, &side| size.checked_mul(side));
    let size = size.with_context(|| format!("{} values are too many", by(dims)))?;
    let mut values = Vec::new();
    values.try_reserve_exact(size.saturating_add(1))?;
    // One byte more than wanted: it must not exist, and reading it makes gzip check its own checksum.
    fill(&mut file, size.saturating_add(1), &mut values)?;
    ensure!(
        values.len() >= size,
        "found {} values and then the end of the file, wanted {} = {size}",
        values.len(),
        by(dims)
    );
    ensure!(
        values.len() == size,
        "found more content after the {} = {size} values wanted",
        by(dims)
    );
    Ok(Bytes::new(values, dims))
}

/// Reads up to `size` bytes into `bytes`, fewer at the end of the file.
pub(crate) fn fill(file: &mut impl Read, size: usize, bytes: &mut Vec<u8>) -> Result<()> {
    match file.take(size as u64).read_to_end(bytes) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
            bail!("found a gzip archive that is cut short, wanted a whole one")
        }
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::InvalidData | ErrorKind::InvalidInput
            ) =>
        {
            bail!("found a damaged gzip archive ({error}), wanted a whole one")
        }
        Err(error) => Err(error.into()),
    }
}

/// Compares the header with the expected one, part by part, to name what differs.
fn check_header(found: &[u8], wanted: &[u8], dims: &[usize]) -> Result<()> {
    let start = &found[..found.len().min(4)];
    ensure!(!found.is_empty(), "found an empty file, wanted an IDX file");
    ensure!(
        matches!(start, [0, 0, _, _]),
        "found {start:02x?} at the beginning, wanted an IDX file, which begins with {:02x?}",
        &wanted[..4]
    );
    ensure!(
        start[2] == UNSIGNED_BYTE,
        "found IDX values of type {}, wanted unsigned bytes, type {UNSIGNED_BYTE}",
        start[2]
    );
    ensure!(
        usize::from(start[3]) == dims.len(),
        "found IDX values in {} dimensions{}, wanted {}{}",
        start[3],
        as_in(start[3].into()),
        dims.len(),
        as_in(dims.len())
    );
    ensure!(
        found.len() == wanted.len(),
        "found a file of {} bytes, wanted a header of {} bytes and {} values",
        found.len(),
        wanted.len(),
        by(dims)
    );
    let sides = found[4..].chunks_exact(4).map(|side| {
        side.iter()
            .fold(0, |number, &byte| number << 8 | usize::from(byte))
    });
    let sides: Vec<usize> = sides.collect();
    ensure!(
        found == wanted,
        "found {} values in the header, wanted {}",
        by(&sides),
        by(dims)
    );
    Ok(())
}

/// `60000 x 28 x 28`
fn by(dims: &[usize]) -> String {
    dims.iter()
        .map(usize::to_string)
        .collect::<Vec<_>>()
        .join(" x ")
}

/// The files of the MNIST family that have this many dimensions, because most wrong files are another of the four.
fn as_in(dimensions: usize) -> &'static str {
    match dimensions {
        1 => " (labels)",
        3 => " (images)",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    const DIMS: [usize; 3] = [3, 2, 2];

    fn file() -> Vec<u8> {
        [header(&DIMS), (1..=12).collect()].concat()
    }

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn message(file: &[u8], dims: &[usize]) -> String {
        match parse(file, dims) {
            Ok(_) => panic!("{file:02x?} was read as {dims:?}"),
            Err(error) => format!("{error:#}"),
        }
    }

    #[test]
    fn plain_and_gzipped_files_are_read_alike() -> Result<()> {
        for content in [file(), gzip(&file())] {
            let read = parse(&content[..], &DIMS)?;
            assert_eq!(read.values, (1..=12).collect::<Vec<u8>>());
            assert_eq!(read.sha256, <[u8; 32]>::from(Sha256::digest(file())));
        }
        Ok(())
    }

    #[test]
    fn every_truncation_is_an_error() {
        for whole in [file(), gzip(&file())] {
            for length in 0..whole.len() {
                message(&whole[..length], &DIMS);
            }
        }
    }

    #[test]
    fn every_change_of_a_header_byte_is_an_error() {
        for at in 0..16 {
            for value in 0..=255 {
                let mut changed = file();
                if changed[at] != value {
                    changed[at] = value;
                    message(&changed, &DIMS);
                }
            }
        }
    }

    #[test]
    fn a_change_of_any_byte_of_an_archive_is_an_error_or_changes_nothing() {
        // Time, flags' hints and system in gzip's own header don't affect the content; the checksum covers all else.
        let whole = gzip(&file());
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut changed = whole.clone();
                changed[at] ^= 1 << bit;
                if let Ok(read) = parse(&changed[..], &DIMS) {
                    assert_eq!(
                        read.values,
                        (1..=12).collect::<Vec<u8>>(),
                        "byte {at}, bit {bit}"
                    );
                }
            }
        }
    }

    #[test]
    fn messages_say_what_was_found_and_what_was_wanted() {
        let labels = [header(&[3]), vec![0, 1, 2]].concat();
        let floats = [&[0, 0, 0x0d, 3], &file()[4..]].concat();
        let longer = [file(), vec![0]].concat();
        let archive = gzip(&file());
        let trailing = [archive.clone(), vec![1; 20]].concat();
        for (file, dims, wanted) in [
            (
                &file()[..],
                &[4, 2, 2][..],
                "found 3 x 2 x 2 values in the header, wanted 4 x 2 x 2",
            ),
            (
                &labels[..],
                &DIMS[..],
                "found IDX values in 1 dimensions (labels), wanted 3 (images)",
            ),
            (
                &file()[..],
                &[3][..],
                "found IDX values in 3 dimensions (images), wanted 1 (labels)",
            ),
            (
                &floats[..],
                &DIMS[..],
                "found IDX values of type 13, wanted unsigned bytes, type 8",
            ),
            (
                &b"PK\x03\x04"[..],
                &DIMS[..],
                "found [50, 4b, 03, 04] at the beginning, wanted an IDX file, which begins with [00, 00, 08, 03]",
            ),
            (
                &[][..],
                &DIMS[..],
                "found an empty file, wanted an IDX file",
            ),
            (
                &file()[..20],
                &DIMS[..],
                "found 4 values and then the end of the file, wanted 3 x 2 x 2 = 12",
            ),
            (
                &longer[..],
                &DIMS[..],
                "found more content after the 3 x 2 x 2 = 12 values wanted",
            ),
            (
                &archive[..archive.len() - 1],
                &DIMS[..],
                "found a gzip archive that is cut short",
            ),
            (&trailing[..], &DIMS[..], "found a damaged gzip archive"),
        ] {
            let found = message(file, dims);
            assert!(found.contains(wanted), "found: {found}\nwanted: {wanted}");
        }
    }

    #[test]
    fn an_archive_that_unpacks_without_end_is_not_unpacked() -> Result<()> {
        // The header promises 4 GiB, and 16 kB unpack to 16 MiB of zeros: the file is refused unread. With the right
        // header, reading stops one byte after the expected values.
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&header(&[u32::MAX as usize]))?;
        for _ in 0..16 {
            encoder.write_all(&vec![0; 1 << 20])?;
        }
        let bomb = encoder.finish()?;
        assert!(message(&bomb, &[10]).contains("found 4294967295 values in the header, wanted 10"));

        let long = gzip(&[header(&[10]), vec![0; 1 << 20]].concat());
        let mut reader = Counted(MultiGzDecoder::new(&long[..]), 0);
        assert!(content(&mut reader, &[10]).is_err());
        assert_eq!(reader.1, 8 + 11);
        Ok(())
    }

    /// Counts the bytes that are read through it.
    struct Counted<R>(R, usize);

    impl<R: Read> Read for Counted<R> {
        fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
            let read = self.0.read(bytes)?;
            self.1 += read;
            Ok(read)
        }
    }

    #[test]
    fn what_is_written_is_read_again() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("values");
        write(&path, &[7; 12], &DIMS)?;
        assert_eq!(read(&path, &DIMS)?.values, [7; 12]);
        assert!(write(&path, &[7; 11], &DIMS).is_err());
        let error = format!(
            "{:#}",
            read(&folder.path().join("none"), &DIMS).err().unwrap()
        );
        assert!(error.contains("none: cannot be opened"), "{error}");
        Ok(())
    }
}
