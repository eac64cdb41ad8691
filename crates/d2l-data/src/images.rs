//! Small images in ten classes: Fashion-MNIST, MNIST, CIFAR-10, and the built-in sets. D2L zh 3.5, en 4.2.

use std::path::Path;

use anyhow::Result;

use crate::image_set::ImageSet;
use crate::published::{published, real};
use crate::{Augmentation, Choice, Loaded, Source, Splits, cifar, drawn};

/// Images in classes. Grey images are `[1, 28, 28]`, from 0 for the ground to 1 for the brightest; colour images are
/// `[3, 32, 32]`, red, green and blue from 0 to 1. Labels index `class_names`.
#[derive(Clone, Debug)]
pub struct ImageClasses {
    /// Images and labels.
    pub splits: Splits<2>,
    /// Names of the classes, by label.
    pub class_names: &'static [&'static str],
}

impl ImageClasses {
    /// Channels, height and width of a picture in batches.
    pub fn shape(&self) -> (usize, usize, usize) {
        match self.splits.train.shape(0)[..] {
            [channels, height, width] => (channels, height, width),
            _ => (0, 0, 0), // the column is made of pictures alone, here
        }
    }

    /// Height and width of a picture, in pixels.
    pub fn size(&self) -> (usize, usize) {
        let (_, height, width) = self.shape();
        (height, width)
    }

    /// The number of values in a picture, which are the inputs of a fully connected layer.
    pub fn pixels(&self) -> usize {
        let (channels, height, width) = self.shape();
        channels * height * width
    }

    /// The same pictures, with random changes in training batches; see
    /// [`Dataset::augmented`](crate::Dataset::augmented).
    pub fn augmented(self, augmentation: Augmentation) -> Self {
        let splits = Splits {
            train: self.splits.train.augmented(augmentation),
            ..self.splits
        };
        Self { splits, ..self }
    }

    /// The same pictures, square and `side` pixels high in batches; see [`Dataset::resized`](crate::Dataset::resized).
    ///
    /// # Errors
    ///
    /// If `side` is 0 or too large.
    pub fn resized(self, side: usize) -> Result<Self> {
        let Splits { train, valid, provenance } = self.splits;
        let splits = Splits {
            train: train.resized([side, side])?,
            valid: valid.resized([side, side])?,
            provenance,
        };
        Ok(Self { splits, ..self })
    }
}

/// Loads `set` from the folder of its name in the data folder `folder`, or draws the built-in set, as `choice` says.
///
/// The published files may be gzipped or plain, under their published names with or without `.gz`. Other content of the
/// same form is taken too; the digest in [`Provenance`](crate::Provenance) distinguishes it. Part of CIFAR-10 is taken
/// as well, and the notice says so.
///
/// # Errors
///
/// If a file is damaged or is not what its name says, even under [`Choice::Auto`]; under [`Choice::Real`] also if one
/// is missing.
pub fn image_classes(set: ImageSet, choice: Choice, folder: &Path) -> Result<Loaded<ImageClasses>> {
    first_image_classes(set, choice, folder, usize::MAX)
}

/// Like [`image_classes`], with the first `limit` examples of each part; further built-in pictures are not drawn, which
/// would take seconds.
///
/// # Errors
///
/// As [`image_classes`].
pub fn first_image_classes(
    set: ImageSet,
    choice: Choice,
    folder: &Path,
    limit: usize,
) -> Result<Loaded<ImageClasses>> {
    let builtin = || drawn::draw(set, limit);
    let loaded = match set {
        ImageSet::Cifar10 => cifar::load(choice, folder, builtin)?,
        _ => {
            let real = |files: &_| real(set, files, set.examples());
            published(set).load(choice, folder, real, builtin)?
        }
    };
    let class_names = match loaded.data.provenance.source {
        Source::Builtin => set.builtin_class_names(),
        _ => set.class_names(),
    };
    let Splits { train, valid, provenance } = loaded.data;
    let splits = Splits {
        train: train.first(limit),
        valid: valid.first(limit),
        provenance,
    };
    Ok(Loaded {
        data: ImageClasses { splits, class_names },
        notice: loaded.notice,
    })
}
