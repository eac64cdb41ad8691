//! Small grey images in ten classes: Fashion-MNIST, MNIST, and their drawn twins. D2L zh 3.5, en 4.2.

use std::path::Path;

use anyhow::{Result, bail};

use crate::published::{published, real};
use crate::splits::digest;
use crate::{Choice, Column, Dataset, Loaded, Provenance, Source, Splits, drawn, idx};

/// Height and width of an image.
pub(crate) const SIDE: usize = 28;
/// Examples of the training and of the test part, in the published sets and in their drawn twins.
pub(crate) const EXAMPLES: [usize; 2] = [60_000, 10_000];
/// A set of 28x28 grey images in ten classes, 60,000 to learn from and 10,000 to evaluate on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageSet {
    /// Pictures of garments; Xiao et al. 2017, arXiv:1708.07747.
    FashionMnist,
    /// Handwritten digits; LeCun et al. 1998.
    Mnist,
}

impl ImageSet {
    /// Name of the set and of its folder in the data folder: `fashion-mnist`, `mnist`.
    pub fn name(self) -> &'static str {
        match self {
            Self::FashionMnist => "fashion-mnist",
            Self::Mnist => "mnist",
        }
    }

    /// Name of the set that stands in for it: `drawn-garments`, `drawn-digits`.
    pub fn builtin_name(self) -> &'static str {
        match self {
            Self::FashionMnist => "drawn-garments",
            Self::Mnist => "drawn-digits",
        }
    }

    /// Names of the classes, by label.
    pub fn class_names(self) -> &'static [&'static str] {
        match self {
            Self::FashionMnist => &drawn::garments::NAMES,
            Self::Mnist => &drawn::digits::NAMES,
        }
    }
}

impl std::str::FromStr for ImageSet {
    type Err = anyhow::Error;

    fn from_str(word: &str) -> Result<Self> {
        match [Self::FashionMnist, Self::Mnist]
            .into_iter()
            .find(|set| set.name() == word)
        {
            Some(set) => Ok(set),
            None => bail!("found data set {word:?}, wanted fashion-mnist or mnist"),
        }
    }
}

/// Images in classes. Images are `[1, 28, 28]`, 0 for the ground and 1 for the brightest; labels index `class_names`.
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
/// of the same form is taken too: the digest in [`Provenance`] tells them apart.
///
/// # Errors
///
/// Where a file is damaged or is not what its name says, also under [`Choice::Auto`]; under [`Choice::Real`] also
/// where one is missing.
pub fn image_classes(set: ImageSet, choice: Choice, folder: &Path) -> Result<Loaded<ImageClasses>> {
    let loaded = published(set).load(
        choice,
        folder,
        |files| real(set, files, EXAMPLES),
        || builtin(set),
    )?;
    Ok(Loaded {
        data: ImageClasses {
            splits: loaded.data,
            class_names: set.class_names(),
        },
        notice: loaded.notice,
    })
}

/// The drawn twin of `set`.
fn builtin(set: ImageSet) -> Result<Splits<2>> {
    let parts = drawn::draw(set);
    splits(set.builtin_name(), Source::Builtin, parts)
}

/// The two parts, images and labels each, as the data sets that the reader gets.
pub(crate) fn splits(name: &str, source: Source, parts: [[idx::Bytes; 2]; 2]) -> Result<Splits<2>> {
    let sha256 = digest(
        &parts
            .iter()
            .flatten()
            .map(|part| part.sha256)
            .collect::<Vec<_>>(),
    );
    let [train, valid] = parts.map(|[images, labels]| {
        Dataset::new([
            Column::Pixels {
                values: images.values,
                shape: vec![1, SIDE, SIDE],
            },
            Column::Labels(labels.values),
        ])
    });
    Ok(Splits {
        train: train?,
        valid: valid?,
        provenance: Provenance {
            name: name.to_string(),
            source,
            sha256,
        },
    })
}
