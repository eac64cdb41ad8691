//! Pictures and labels: IDX files and batches of CIFAR-10.

use std::fs;
use std::io::Read;

use d2l_data::{Choice, ImageSet, Source, idx, image_classes};
use flate2::read::MultiGzDecoder;

use super::{folder, within};

/// Shapes of the files that the target asks for: labels, pictures, a file without values, and one without end.
const SHAPES: [&[usize]; 5] = [&[3], &[60], &[3, 2, 2], &[0, 5], &[usize::MAX, 2]];
/// Bytes in front of an IDX file's sizes, and of each size.
const MAGIC: usize = 4;
/// Bytes of a picture of CIFAR-10 and its label.
const RECORD: usize = 1 + 3 * 32 * 32;
/// Classes of CIFAR-10.
const CLASSES: u8 = 10;

/// What is accepted has the shape that was asked for, to the last byte, and nothing but its values.
pub fn idx(bytes: &[u8]) {
    for shape in SHAPES {
        let values = shape
            .iter()
            .try_fold(1usize, |values, side| values.checked_mul(*side));
        let wanted = values.unwrap_or_default();
        let Ok(file) = within(wanted, || idx::parse(bytes, shape)) else {
            continue;
        };
        let content = decompressed(bytes);
        assert_eq!(file.values.len(), wanted);
        assert_eq!(content.len(), MAGIC * (1 + shape.len()) + wanted);
        assert!(content.ends_with(&file.values));
        let again = idx::parse(&content[..], shape).expect("its own content is a file");
        assert!(again == file);
    }
}

/// What is accepted is whole records, and the pictures are theirs.
pub fn cifar(bytes: &[u8]) {
    let folder = folder();
    let batches = folder.path().join("cifar-10/cifar-10-batches-bin");
    fs::create_dir_all(&batches).expect("a folder");
    fs::write(batches.join("data_batch_1.bin"), bytes).expect("a file");
    fs::write(batches.join("test_batch.bin"), [0; RECORD]).expect("a file");
    // Ten thousand records at most are unpacked, in a buffer that doubles.
    let most = 4 * unpacked(bytes);
    let load = || image_classes(ImageSet::Cifar10, Choice::Real, folder.path());
    match within(most, load) {
        Ok(images) => {
            let content = decompressed(bytes);
            let train = images.data.splits.train;
            assert_eq!(images.data.splits.provenance.source, Source::Real);
            assert_eq!(train.len() * RECORD, content.len());
            assert!(content.iter().step_by(RECORD).all(|&label| label < CLASSES));
        }
        Err(error) => {
            let message = format!("{error:#}");
            assert!(message.contains("data_batch_1.bin"), "{message}");
        }
    }
}

/// The most that gzip can make of this content: 1032 bytes of each. Other content stays as it is.
pub(super) fn unpacked(bytes: &[u8]) -> usize {
    const LARGEST_RATIO: usize = 1032;
    match bytes {
        [0x1f, 0x8b, ..] => bytes.len() * LARGEST_RATIO,
        _ => bytes.len(),
    }
}

/// The content as a reader sees it.
pub(super) fn decompressed(bytes: &[u8]) -> Vec<u8> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return bytes.to_vec();
    }
    let mut content = Vec::new();
    let mut decoder = MultiGzDecoder::new(bytes);
    decoder
        .read_to_end(&mut content)
        .expect("an archive that was accepted is whole");
    content
}
