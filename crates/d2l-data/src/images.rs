//! Small images in ten classes: Fashion-MNIST, MNIST, CIFAR-10, and their drawn twins. D2L zh 3.5, en 4.2.

use std::path::Path;

use anyhow::{Result, bail};

use crate::published::{published, real};
use crate::splits::digest;
use crate::{
    Augmentation, Choice, Column, Dataset, Loaded, Provenance, Source, Splits, cifar, drawn,
};

/// Height and width of a grey image.
pub(crate) const SIDE: usize = 28;
/// Examples of the training and of the test part, in the published sets of grey images and in their drawn twins.
pub(crate) const EXAMPLES: [usize; 2] = [60_000, 10_000];

/// A set of small images in ten classes: 28x28 and grey, 60,000 to learn from and 10,000 to evaluate on, or 32x32 in
/// colour, 50,000 and 10,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageSet {
    /// Pictures of garments; Xiao et al. 2017, arXiv:1708.07747.
    FashionMnist,
    /// Handwritten digits; LeCun et al. 1998.
    Mnist,
    /// Photographs of animals and vehicles, in colour; Krizhevsky 2009, "Learning Multiple Layers of Features from Tiny
    /// Images".
    Cifar10,
}

impl ImageSet {
    /// All sets, in the order in which they are named to the reader.
    const ALL: [Self; 3] = [Self::FashionMnist, Self::Mnist, Self::Cifar10];

    /// Name of the set and of its folder in the data folder: `fashion-mnist`, `mnist`, `cifar-10`.
    pub fn name(self) -> &'static str {
        match self {
            Self::FashionMnist => "fashion-mnist",
            Self::Mnist => "mnist",
            Self::Cifar10 => "cifar-10",
        }
    }

    /// Name of the set that stands in for it: `drawn-garments`, `drawn-digits`, `drawn-shapes`.
    pub fn builtin_name(self) -> &'static str {
        match self {
            Self::FashionMnist => "drawn-garments",
            Self::Mnist => "drawn-digits",
            Self::Cifar10 => "drawn-shapes",
        }
    }

    /// Names of the classes, by label. Of CIFAR-10 the drawn twin has others ([`ImageClasses::class_names`]).
    pub fn class_names(self) -> &'static [&'static str] {
        match self {
            Self::FashionMnist => &drawn::garments::NAMES,
            Self::Mnist => &drawn::digits::NAMES,
            Self::Cifar10 => &cifar::NAMES,
        }
    }

    /// Names of the classes that the drawn twin shows.
    fn builtin_class_names(self) -> &'static [&'static str] {
        match self {
            Self::Cifar10 => &drawn::shapes::NAMES,
            set => set.class_names(),
        }
    }

    /// Channels, height and width of an image.
    pub(crate) fn shape(self) -> [usize; 3] {
        match self {
            Self::FashionMnist | Self::Mnist => [1, SIDE, SIDE],
            Self::Cifar10 => cifar::SHAPE,
        }
    }
}

impl std::str::FromStr for ImageSet {
    type Err = anyhow::Error;

    fn from_str(word: &str) -> Result<Self> {
        match Self::ALL.into_iter().find(|set| set.name() == word) {
            Some(set) => Ok(set),
            None => bail!("found data set {word:?}, wanted fashion-mnist, mnist or cifar-10"),
        }
    }
}

/// Images in classes. Grey images are `[1, 28, 28]`, 0 for the ground and 1 for the brightest; those in colour
/// `[3, 32, 32]`, red, green and blue from 0 to 1. Labels index `class_names`.
#[derive(Clone, Debug)]
pub struct ImageClasses {
    /// Images and labels.
    pub splits: Splits<2>,
    /// Names of the classes, by label.
    pub class_names: &'static [&'static str],
}

impl ImageClasses {
    /// Channels, height and width of a picture, as batches have it.
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

    /// Numbers in a picture: what a fully connected layer takes.
    pub fn pixels(&self) -> usize {
        let (channels, height, width) = self.shape();
        channels * height * width
    }

    /// The same pictures, those to train on changed at random in training batches; see [`Dataset::augmented`].
    pub fn augmented(self, augmentation: Augmentation) -> Self {
        let splits = Splits {
            train: self.splits.train.augmented(augmentation),
            ..self.splits
        };
        Self { splits, ..self }
    }

    /// The same pictures, square and `side` pixels high in batches; see [`Dataset::resized`].
    ///
    /// # Errors
    ///
    /// Where `side` is 0 or too large.
    pub fn resized(self, side: usize) -> Result<Self> {
        let Splits {
            train,
            valid,
            provenance,
        } = self.splits;
        let splits = Splits {
            train: train.resized([side, side])?,
            valid: valid.resized([side, side])?,
            provenance,
        };
        Ok(Self { splits, ..self })
    }
}

/// Loads `set` from the folder of its name in the data folder `folder`, or draws its twin, as `choice` says.
///
/// The published files are wanted, gzipped or plain, under their published names with or without `.gz`. Other content
/// of the same form is taken too: the digest in [`Provenance`] tells them apart. Of CIFAR-10 also a part is taken, and
/// the notice says so.
///
/// # Errors
///
/// Where a file is damaged or is not what its name says, also under [`Choice::Auto`]; under [`Choice::Real`] also
/// where one is missing.
pub fn image_classes(set: ImageSet, choice: Choice, folder: &Path) -> Result<Loaded<ImageClasses>> {
    let builtin = || {
        let parts = drawn::draw(set);
        splits(set.builtin_name(), Source::Builtin, set.shape(), parts)
    };
    let loaded = match set {
        ImageSet::Cifar10 => cifar::load(choice, folder, builtin)?,
        _ => published(set).load(choice, folder, |files| real(set, files, EXAMPLES), builtin)?,
    };
    let class_names = match loaded.data.provenance.source {
        Source::Builtin => set.builtin_class_names(),
        _ => set.class_names(),
    };
    Ok(Loaded {
        data: ImageClasses {
            splits: loaded.data,
            class_names,
        },
        notice: loaded.notice,
    })
}

/// One part of a set.
pub(crate) struct Part {
    pub(crate) images: Vec<u8>,
    pub(crate) labels: Vec<u8>,
    /// The digests of the files that it is, or would be, published as.
    pub(crate) sha256: Vec<[u8; 32]>,
}

/// The training and the test part, images of `shape` and labels each, as the data sets that the reader gets.
pub(crate) fn splits(
    name: &str,
    source: Source,
    shape: [usize; 3],
    [train, valid]: [Part; 2],
) -> Result<Splits<2>> {
    let sha256 = digest(&[train.sha256, valid.sha256].concat());
    let part = |images, labels| {
        let shape = shape.to_vec();
        let images = Column::Pixels {
            values: images,
            shape,
        };
        Dataset::new([images, Column::Labels(labels)])
    };
    Ok(Splits {
        train: part(train.images, train.labels)?,
        valid: part(valid.images, valid.labels)?,
        provenance: Provenance {
            name: name.to_string(),
            source,
            sha256,
        },
    })
}
