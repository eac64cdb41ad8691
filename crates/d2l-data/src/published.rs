//! The four files in which Fashion-MNIST and MNIST are published.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::choice::Published;
use crate::image_set::{Part, SIDE, splits};
use crate::{ImageSet, Source, Splits, idx};

/// Images and labels of the training part, then of the test part, under the names that both sets use.
const FILES: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
];

/// The files of `set`, and the built-in set that takes its place.
pub(crate) fn published(set: ImageSet) -> Published<4> {
    Published { set: set.name(), files: FILES, twin: set.builtin_name() }
}

/// Reads the four files, of `examples` examples in the training and in the test part.
pub(crate) fn real(set: ImageSet, files: &[PathBuf; 4], examples: [usize; 2]) -> Result<Splits<2>> {
    let [train_images, train_labels, test_images, test_labels] = files;
    let [train, test] = examples;
    let images = |file: &Path, examples| idx::read(file, &[examples, SIDE, SIDE]);
    let labels = |file: &Path, examples| {
        let labels = idx::read(file, &[examples])?;
        check_labels(&labels.values, set.class_names().len())
            .with_context(|| file.display().to_string())?;
        Ok::<_, anyhow::Error>(labels)
    };
    let (x_train, x_test) =
        rayon::join(|| images(train_images, train), || images(test_images, test));
    let train = part(x_train?, labels(train_labels, train)?);
    let test = part(x_test?, labels(test_labels, test)?);
    splits(set.name(), Source::Real, set.shape(), [train, test])
}

/// The part of a set that these two files hold.
pub(crate) fn part(images: idx::Bytes, labels: idx::Bytes) -> Part {
    Part {
        sha256: vec![images.sha256, labels.sha256],
        images: images.values,
        labels: labels.values,
    }
}

/// Whether all labels are below `classes`.
pub(crate) fn check_labels(labels: &[u8], classes: usize) -> Result<()> {
    match labels
        .iter()
        .position(|&label| usize::from(label) >= classes)
    {
        None => Ok(()),
        Some(row) => bail!(
            "found label {} at example {row}, wanted labels from 0 to {}; get the file again, see data/README.md",
            labels[row],
            classes - 1
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::choice::Found;
    use crate::{Choice, image_classes};

    const FEW: [usize; 2] = [20, 10];

    /// A data folder with `FEW` pictures of Fashion-MNIST in it.
    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("fashion-mnist")).unwrap();
        for (files, n) in FILES.chunks_exact(2).zip(FEW) {
            let set = folder.path().join("fashion-mnist");
            let bytes: Vec<u8> = (0..n * SIDE * SIDE).map(|i| (i % 256) as u8).collect();
            idx::write(&set.join(files[0]), &bytes, &[n, SIDE, SIDE]).unwrap();
            idx::write(
                &set.join(files[1]),
                &bytes.iter().map(|b| b % 10).take(n).collect::<Vec<_>>(),
                &[n],
            )
            .unwrap();
        }
        folder
    }

    fn read(folder: &Path) -> Result<Splits<2>> {
        match published(ImageSet::FashionMnist).find(folder)? {
            Found::All(files) => real(ImageSet::FashionMnist, &files, FEW),
            Found::Missing(file) => bail!("{file}"),
        }
    }

    fn message(result: Result<impl Sized>) -> String {
        match result {
            Ok(_) => panic!("wanted an error"),
            Err(error) => format!("{error:#}"),
        }
    }

    #[test]
    fn the_four_files_are_read_plain_or_gzipped() -> Result<()> {
        use std::io::Write;
        let folder = folder();
        let plain = read(folder.path())?;
        assert_eq!((plain.train.len(), plain.valid.len()), (20, 10));
        assert_eq!(plain.train.column(0).shape(), [1, 28, 28]);
        assert_eq!(plain.provenance.name, "fashion-mnist");
        assert_eq!(plain.provenance.source, Source::Real);

        let path = folder.path().join("fashion-mnist").join(FILES[0]);
        let gzipped = fs::File::create(path.with_extension("gz"))?;
        let mut encoder = flate2::write::GzEncoder::new(gzipped, flate2::Compression::fast());
        encoder.write_all(&fs::read(&path)?)?;
        encoder.finish()?;
        fs::remove_file(&path)?;
        assert_eq!(read(folder.path())?.provenance, plain.provenance);
        Ok(())
    }

    #[test]
    fn wrong_files_under_right_names_are_errors() -> Result<()> {
        let folder = folder();
        let set = folder.path().join("fashion-mnist");
        let [images, labels] = [FILES[0], FILES[1]].map(|name| set.join(name));
        let [good_images, good_labels] = [fs::read(&images)?, fs::read(&labels)?];

        fs::copy(&images, &labels)?;
        let error = message(read(folder.path()));
        assert!(
            error.contains("train-labels-idx1-ubyte: found IDX values in 3 dimensions (images)"),
            "{error}"
        );
        assert!(error.contains("see data/README.md"), "{error}");

        let mut wrong = good_labels.clone();
        wrong[8 + 3] = 10;
        fs::write(&labels, wrong)?;
        let error = message(read(folder.path()));
        assert!(
            error.contains("found label 10 at example 3, wanted labels from 0 to 9"),
            "{error}"
        );

        fs::write(&labels, &good_labels)?;
        idx::write(&images, &[0; 20 * 32 * 32], &[20, 32, 32])?;
        let error = message(read(folder.path()));
        assert!(
            error.contains("found 20 x 32 x 32 values in the header, wanted 20 x 28 x 28"),
            "{error}"
        );

        fs::copy(set.join(FILES[2]), &images)?;
        let error = message(read(folder.path()));
        assert!(
            error.contains("found 10 x 28 x 28 values in the header, wanted 20 x 28 x 28"),
            "{error}"
        );

        fs::write(&images, &good_images[..1000])?;
        let error = message(read(folder.path()));
        assert!(
            error.contains("found 984 values and then the end of the file"),
            "{error}"
        );
        Ok(())
    }

    #[test]
    fn a_missing_file_is_named() -> Result<()> {
        let folder = folder();
        fs::remove_file(folder.path().join("fashion-mnist").join(FILES[3]))?;
        let error = message(image_classes(
            ImageSet::FashionMnist,
            Choice::Real,
            folder.path(),
        ));
        assert!(
            error.contains("fashion-mnist: found no t10k-labels-idx1-ubyte"),
            "{error}"
        );
        let set = image_classes(ImageSet::FashionMnist, Choice::Auto, folder.path())?;
        let notice = set.notice.unwrap_or_default();
        assert!(
            notice.contains("lacks t10k-labels-idx1-ubyte: using the built-in drawn garments"),
            "{notice}"
        );
        Ok(())
    }

    #[test]
    fn auto_draws_where_nothing_is_and_does_not_hide_damage() -> Result<()> {
        let folder = folder();
        // These files are whole, but not the 60,000 and 10,000 that the set has.
        let error = message(image_classes(
            ImageSet::FashionMnist,
            Choice::Auto,
            folder.path(),
        ));
        assert!(error.contains("wanted 60000 x 28 x 28"), "{error}");

        let set = image_classes(ImageSet::Mnist, Choice::Auto, folder.path())?;
        let notice = set.notice.unwrap_or_default();
        assert!(notice.starts_with("mnist is not in "), "{notice}");
        assert!(
            notice.contains("using the built-in drawn digits (`cargo run -p fetch-data -- mnist"),
            "{notice}"
        );
        assert!(
            notice.contains(&format!("--data-dir {}` fetches", folder.path().display())),
            "{notice}"
        );
        assert_eq!(set.data.splits.provenance.source, Source::Builtin);
        assert_eq!(set.data.splits.provenance.name, "drawn-digits");
        assert!(
            message(image_classes(ImageSet::Mnist, Choice::Real, folder.path()))
                .contains("mnist: found no train")
        );
        Ok(())
    }
}
