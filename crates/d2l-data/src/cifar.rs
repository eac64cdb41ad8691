//! CIFAR-10 in its binary form: 60,000 photographs of 32 × 32 in colour. Krizhevsky 2009; D2L zh 13.1, en 14.1.
//!
//! A file is records of 3,073 bytes one after another: the label, then the red, the green and the blue plane, row by
//! row. Five files of 10,000 records are for training, one for testing. If only some of them are there, those are used.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use flate2::bufread::MultiGzDecoder;
use sha2::{Digest, Sha256};

use crate::choice::{Found, Published};
use crate::image_set::{COLOUR, Part, splits};
use crate::published::check_labels;
use crate::{Choice, ImageSet, Loaded, Source, Splits, idx};

/// Bytes of a picture.
const PIXELS: usize = COLOUR[0] * COLOUR[1] * COLOUR[2];
/// Bytes of a picture and its label.
const RECORD: usize = 1 + PIXELS;
/// Records of a file.
const RECORDS: usize = 10_000;

/// The training files, then the test file.
const FILES: [&str; 6] = [
    "cifar-10-batches-bin/data_batch_1.bin",
    "cifar-10-batches-bin/data_batch_2.bin",
    "cifar-10-batches-bin/data_batch_3.bin",
    "cifar-10-batches-bin/data_batch_4.bin",
    "cifar-10-batches-bin/data_batch_5.bin",
    "cifar-10-batches-bin/test_batch.bin",
];
/// Name, and folder, of a part of the set.
const SUBSET: &str = "cifar-10-subset";

/// The whole set, or the part of it that is in `folder`, or the set that `builtin` draws, as `choice` says.
pub(crate) fn load(
    choice: Choice,
    folder: &Path,
    builtin: impl FnOnce() -> Result<Splits<2>>,
) -> Result<Loaded<Splits<2>>> {
    if choice != Choice::Builtin {
        for set in [ImageSet::Cifar10.name(), SUBSET] {
            let files = there(set, folder)?;
            if files.len() > 1 {
                return real(&files);
            }
        }
    }
    let whole = Published {
        set: ImageSet::Cifar10.name(),
        files: FILES,
        twin: ImageSet::Cifar10.builtin_name(),
    };
    whole.load(choice, folder, |files| Ok(real(files)?.data), builtin)
}

/// The files of the set that are in its folder: the training files up to the first that is missing, and the test file.
/// `None` if the test file is missing.
fn there(set: &'static str, folder: &Path) -> Result<Vec<PathBuf>> {
    let file = |name| {
        let published = Published { set, files: [name], twin: "" };
        Ok::<_, anyhow::Error>(match published.find(folder)? {
            Found::All([path]) => Some(path),
            Found::Missing(_) => None,
        })
    };
    let [batches @ .., test] = FILES;
    let mut files = Vec::new();
    for batch in batches {
        match file(batch)? {
            Some(path) => files.push(path),
            None => break,
        }
    }
    Ok(match file(test)? {
        Some(path) => {
            files.push(path);
            files
        }
        None => Vec::new(),
    })
}

/// Reads the files, of which the last is the test file.
fn real(files: &[PathBuf]) -> Result<Loaded<Splits<2>>> {
    let Some((test, batches)) = files.split_last() else {
        bail!("found no files of CIFAR-10");
    };
    let mut train = Part { images: Vec::new(), labels: Vec::new(), sha256: Vec::new() };
    for batch in batches {
        read(batch, &mut train)?;
    }
    let mut valid = Part { images: Vec::new(), labels: Vec::new(), sha256: Vec::new() };
    read(test, &mut valid)?;
    let found = [train.labels.len(), valid.labels.len()];
    let is_whole = found == ImageSet::Cifar10.examples();
    let notice = format!(
        "{}: {} + {} of CIFAR-10's 50,000 + 10,000 pictures",
        test.parent().unwrap_or(Path::new("")).display(),
        found[0],
        found[1]
    );
    let name = if is_whole {
        ImageSet::Cifar10.name()
    } else {
        SUBSET
    };
    Ok(Loaded {
        data: splits(name, Source::Real, COLOUR, [train, valid])?,
        notice: (!is_whole).then_some(notice),
    })
}

/// Adds the records of the file at `path`, plain or gzipped, to `part`.
fn read(path: &Path, part: &mut Part) -> Result<()> {
    let file = File::open(path).with_context(|| format!("{}: cannot be opened", path.display()))?;
    parse(BufReader::new(file), part).map_err(|error| {
        anyhow::anyhow!(
            "{}: {error:#}; get the file again, see data/README.md",
            path.display()
        )
    })
}

/// [`read`], with errors that don't name the file.
fn parse(mut file: impl BufRead, part: &mut Part) -> Result<()> {
    if file.fill_buf()?.starts_with(&idx::GZIP) {
        content(MultiGzDecoder::new(file), part)
    } else {
        content(file, part)
    }
}

/// Adds the records of decompressed content: at most [`RECORDS`], so that no archive unpacks without end.
fn content(mut file: impl Read, part: &mut Part) -> Result<()> {
    let mut records = Vec::new();
    idx::fill(&mut file, RECORDS * RECORD + 1, &mut records)?;
    ensure!(
        records.len() <= RECORDS * RECORD,
        "found more than {RECORDS} records of {RECORD} bytes"
    );
    ensure!(
        !records.is_empty() && records.len().is_multiple_of(RECORD),
        "found {} bytes, wanted records of {RECORD} bytes, up to {RECORDS} of them",
        records.len()
    );
    let labels: Vec<u8> = records.iter().step_by(RECORD).copied().collect();
    check_labels(&labels, ImageSet::Cifar10.class_names().len())?;
    for record in records.chunks_exact(RECORD) {
        part.images.extend(&record[1..]);
    }
    part.labels.extend(labels);
    part.sha256.push(Sha256::digest(&records).into());
    Ok(())
}

/// A part of pictures `[N, 3, 32, 32]` and labels without files; the digests are those of files that would hold them.
pub(crate) fn part(images: Vec<u8>, labels: Vec<u8>) -> Part {
    let files = images.chunks(RECORDS * PIXELS).zip(labels.chunks(RECORDS));
    let sha256 = files.map(|(images, labels)| {
        let mut sha256 = Sha256::new();
        for (image, &label) in images.chunks_exact(PIXELS).zip(labels) {
            sha256.update([label]);
            sha256.update(image);
        }
        sha256.finalize().into()
    });
    Part { sha256: sha256.collect(), images, labels }
}

#[cfg(test)]
mod tests;
