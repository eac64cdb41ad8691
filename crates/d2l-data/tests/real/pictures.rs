//! Pictures: size, mean, digest, examples per class.

use anyhow::Result;
use d2l_data::{Choice, Column, ImageSet, Source, image_classes};

use crate::data_folder;

/// Checks the set's size, its mean training pixel, its digest and the examples per class in both parts.
fn check(set: ImageSet, mean: f64, sha256: &str, classes: [[usize; 10]; 2]) -> Result<()> {
    let Some(folder) = data_folder(set.name()) else {
        return Ok(());
    };
    let loaded = image_classes(set, Choice::Real, &folder)?;
    assert_eq!(loaded.notice, None);
    let set = loaded.data;
    assert_eq!(set.splits.provenance.source, Source::Real);
    assert_eq!(set.splits.provenance.sha256, sha256);
    assert_eq!(
        (set.splits.train.len(), set.splits.valid.len()),
        (60_000, 10_000)
    );
    if let Column::Pixels { values, shape } = set.splits.train.column(0) {
        assert_eq!(shape, &[1, 28, 28]);
        let sum: f64 = values.iter().map(|&value| f64::from(value)).sum();
        let found = sum / values.len() as f64 / 255.0;
        assert!((found - mean).abs() < 5e-5, "mean {found}, wanted {mean}");
    }
    let counts = [&set.splits.train, &set.splits.valid].map(|part| {
        let mut counts = [0; 10];
        if let Column::Labels(labels) = part.column(1) {
            labels
                .iter()
                .for_each(|&label| counts[usize::from(label)] += 1);
        }
        counts
    });
    assert_eq!(counts, classes);
    Ok(())
}

#[test]
fn fashion_mnist_is_the_published_set() -> Result<()> {
    check(
        ImageSet::FashionMnist,
        0.2860,
        "4d8e31d2057f6f938ff47097ba334038e7aafbaf24b67665d2dd1ecda01730a3",
        [[6000; 10], [1000; 10]],
    )
}

#[test]
fn mnist_is_the_published_set() -> Result<()> {
    let counts = [
        [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
        [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009],
    ];
    check(
        ImageSet::Mnist,
        0.1307,
        "e9914cff2ade526da2ab1ac60c072f9173cc53e35b9411692de8207cb1b9009d",
        counts,
    )
}

#[test]
fn cifar_10_or_the_part_of_it_that_is_there_is_read() -> Result<()> {
    let Some(folder) = data_folder("cifar-10") else {
        return Ok(());
    };
    let loaded = image_classes(ImageSet::Cifar10, Choice::Real, &folder)?;
    let splits = loaded.data.splits;
    let Column::Labels(labels) = splits.train.column(1) else {
        anyhow::bail!("found no labels");
    };
    // The published order: a frog, two trucks, a deer, a car.
    assert_eq!(labels[..5], [6, 9, 9, 4, 1]);
    let Column::Pixels { values, .. } = splits.train.column(0) else {
        anyhow::bail!("found no pixels");
    };
    assert_eq!(values[..4], [59, 43, 50, 68]);
    assert_eq!(splits.provenance.source, Source::Real);
    let (name, sha256) = match splits.train.len() {
        50_000 => ("cifar-10", SHA256_CIFAR_10),
        _ => ("cifar-10-subset", SHA256_CIFAR_10_SUBSET),
    };
    assert_eq!(splits.provenance.name, name);
    assert_eq!(loaded.notice.is_some(), name == "cifar-10-subset");
    assert_eq!(splits.provenance.sha256, sha256);
    if name == "cifar-10-subset" {
        assert_eq!((splits.train.len(), splits.valid.len()), (20_000, 4_000));
        let mut counts = [0; 10];
        labels
            .iter()
            .for_each(|&label| counts[usize::from(label)] += 1);
        let wanted = [1989, 1981, 2042, 2011, 2009, 1925, 2038, 2027, 2012, 1966];
        assert_eq!(counts, wanted);
    }
    Ok(())
}

/// Digest of the whole set, computed from the published digests of its files.
const SHA256_CIFAR_10: &str = "a0546053b6069300b68a349299da40b9257c84c2c8909055aca06547979bd2bc";
const SHA256_CIFAR_10_SUBSET: &str =
    "4e17e74544f5b679dd13971b87589ac697a8d8fbb1b25bc9b5da7b3f4316d576";
