//! The published files, where the environment variable `D2L_DATA` names a data folder that holds them; else these tests
//! say that they did not run.

use std::path::PathBuf;

use anyhow::Result;
use d2l_data::{Choice, Column, ImageSet, Source, image_classes};

/// Checks the set's size, its mean training pixel, its digest and the examples per class in both parts.
fn check(set: ImageSet, mean: f64, sha256: &str, classes: [[usize; 10]; 2]) -> Result<()> {
    let Some(folder) = std::env::var_os("D2L_DATA").map(PathBuf::from) else {
        eprintln!("D2L_DATA is not set: {} was not read", set.name());
        return Ok(());
    };
    let set = image_classes(set, Choice::Real, &folder)?;
    assert_eq!(set.notice, None);
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
