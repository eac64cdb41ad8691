//! The files, whole, in part and damaged.

use std::fs;
use std::io::Write;

use super::*;
use crate::{Column, image_classes};

/// Records whose label is their number's last digit, and whose pixels follow from it.
fn records(count: usize) -> Vec<u8> {
    let record = |i: usize| {
        std::iter::once((i % 10) as u8).chain((0..PIXELS).map(move |p| ((i * 7 + p) % 251) as u8))
    };
    (0..count).flat_map(record).collect()
}

/// A data folder whose `set` has `files`, each with so many records.
fn folder(set: &str, files: &[(usize, usize)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join(set).join("cifar-10-batches-bin")).unwrap();
    for &(file, count) in files {
        fs::write(folder.path().join(set).join(FILES[file]), records(count)).unwrap();
    }
    folder
}

fn message(folder: &Path, choice: Choice) -> String {
    match image_classes(ImageSet::Cifar10, choice, folder) {
        Ok(_) => panic!("wanted an error"),
        Err(error) => format!("{error:#}"),
    }
}

#[test]
fn the_batches_that_are_there_are_read_in_their_order() -> Result<()> {
    for set in ["cifar-10", "cifar-10-subset"] {
        let folder = folder(set, &[(0, 12), (1, 5), (3, 9), (5, 4)]); // the third is missing: the fourth is not taken
        let loaded = image_classes(ImageSet::Cifar10, Choice::Auto, folder.path())?;
        let notice = loaded.notice.unwrap_or_default();
        assert!(
            notice.ends_with("17 + 4 of CIFAR-10's 50,000 + 10,000 pictures"),
            "{notice}"
        );
        let images = loaded.data;
        assert_eq!(images.class_names[9], "truck");
        assert_eq!((images.shape(), images.pixels()), ((3, 32, 32), 3072));
        let splits = images.splits;
        assert_eq!((splits.train.len(), splits.valid.len()), (17, 4));
        assert_eq!(splits.provenance.name, "cifar-10-subset");
        assert_eq!(splits.provenance.source, Source::Real);
        let (Column::Pixels { values, shape }, Column::Labels(labels)) =
            (splits.train.column(0), splits.train.column(1))
        else {
            panic!("wanted pictures and labels");
        };
        assert_eq!(shape, &[3, 32, 32]);
        assert_eq!(
            labels[..],
            [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 0, 1, 2, 3, 4]
        );
        assert_eq!(
            values[12 * PIXELS..],
            records(5)[..]
                .chunks_exact(RECORD)
                .flat_map(|record| record[1..].to_vec())
                .collect::<Vec<u8>>()
        );
        let digests = [12, 5, 4].map(|count| Sha256::digest(records(count)));
        let wanted = format!("{:x}", Sha256::digest(digests.concat()));
        assert_eq!(splits.provenance.sha256, wanted);
    }
    Ok(())
}

#[test]
fn gzipped_files_are_read_alike() -> Result<()> {
    let folder = folder("cifar-10", &[(0, 20), (5, 10)]);
    let read = || image_classes(ImageSet::Cifar10, Choice::Real, folder.path());
    let plain = read()?.data.splits.provenance;
    let path = folder.path().join("cifar-10").join(FILES[0]);
    let gzipped = fs::File::create(path.with_extension("bin.gz"))?;
    let mut encoder = flate2::write::GzEncoder::new(gzipped, flate2::Compression::fast());
    encoder.write_all(&fs::read(&path)?)?;
    encoder.finish()?;
    fs::remove_file(&path)?;
    assert_eq!(read()?.data.splits.provenance, plain);
    Ok(())
}

#[test]
fn damage_is_told_and_not_hidden_by_the_twin() -> Result<()> {
    let folder = folder("cifar-10", &[(0, 3), (5, 3)]);
    let test = folder.path().join("cifar-10").join(FILES[5]);
    fs::write(&test, &records(3)[1..])?;
    let error = message(folder.path(), Choice::Auto);
    assert!(
        error.contains("test_batch.bin: found 9218 bytes, wanted records of 3073 bytes"),
        "{error}"
    );
    let mut wrong = records(3);
    wrong[2 * RECORD] = 10;
    fs::write(&test, wrong)?;
    let error = message(folder.path(), Choice::Real);
    assert!(error.contains("found label 10 at example 2"), "{error}");
    fs::write(&test, [])?;
    assert!(message(folder.path(), Choice::Auto).contains("found 0 bytes"));
    fs::write(&test, records(RECORDS + 1))?;
    let error = message(folder.path(), Choice::Auto);
    assert!(error.contains("found more than 10000 records"), "{error}");
    Ok(())
}

#[test]
fn where_nothing_is_the_message_names_the_first_missing_file() -> Result<()> {
    let folder = folder("cifar-10", &[(0, 3)]); // without a test batch it is no set to train on
    let error = message(folder.path(), Choice::Real);
    assert!(
        error.contains("found no cifar-10-batches-bin/data_batch_2.bin"),
        "{error}"
    );
    assert!(error.contains("fetch-data -- cifar-10"), "{error}");
    Ok(())
}
