//! The sets of small images in ten classes: their names, sizes and classes, and their parts, for the readers and for
//! the built-in sets. D2L zh 3.5, en 4.2.

use anyhow::Result;
use clap::builder::PossibleValue;

use crate::splits::digest;
use crate::{Column, Dataset, Provenance, Source, Splits};

/// Height and width of a grey image.
pub(crate) const SIDE: usize = 28;
/// Channels, height and width of an image in colour.
pub(crate) const COLOUR: [usize; 3] = [3, 32, 32];

/// Classes of Fashion-MNIST, by label.
const GARMENTS: [&str; 10] = [
    "t-shirt",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
];
/// Classes of MNIST, by label.
const DIGITS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
/// Classes of CIFAR-10, by label, as the set's `batches.meta.txt` has them.
const PHOTOGRAPHS: [&str; 10] = [
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
];
/// Classes of the built-in set that takes CIFAR-10's place, by label.
const SHAPES: [&str; 10] = [
    "disc", "ring", "square", "triangle", "star", "cross", "moon", "stripes", "checks", "dots",
];

/// A set of small images in ten classes: 28x28 and grey, 60,000 for training and 10,000 for evaluation, or 32x32 in
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
    /// Name of the set and of its folder in the data folder: `fashion-mnist`, `mnist`, `cifar-10`.
    pub fn name(self) -> &'static str {
        match self {
            Self::FashionMnist => "fashion-mnist",
            Self::Mnist => "mnist",
            Self::Cifar10 => "cifar-10",
        }
    }

    /// Name of the built-in set: `drawn-garments`, `drawn-digits`, `drawn-shapes`.
    pub fn builtin_name(self) -> &'static str {
        match self {
            Self::FashionMnist => "drawn-garments",
            Self::Mnist => "drawn-digits",
            Self::Cifar10 => "drawn-shapes",
        }
    }

    /// Names of the real set's classes, by label. The built-in set in place of CIFAR-10 has others
    /// ([`ImageClasses::class_names`](crate::ImageClasses::class_names)).
    pub fn class_names(self) -> &'static [&'static str] {
        match self {
            Self::FashionMnist => &GARMENTS,
            Self::Mnist => &DIGITS,
            Self::Cifar10 => &PHOTOGRAPHS,
        }
    }

    /// Names of the built-in set's classes, by label.
    pub(crate) fn builtin_class_names(self) -> &'static [&'static str] {
        match self {
            Self::Cifar10 => &SHAPES,
            set => set.class_names(),
        }
    }

    /// The digest of the whole built-in set, as [`Provenance`](crate::Provenance) has it. With another drawing, the
    /// scores on built-in data change.
    pub(crate) fn builtin_sha256(self) -> &'static str {
        match self {
            Self::FashionMnist => {
                "2174408ef21818b0a23d9ba1d35bfd6290c8e6ae14ce7f07b21d7ae7d28bbfc3"
            }
            Self::Mnist => "c8943bff743f3eb48c6a0c5e87c308afdaf8d98202f3a923fdae772e9065c75b",
            Self::Cifar10 => "9ffa318f41750bfb2c056248d782ddd8e9348d98f4775e53587f341cd0a8dde7",
        }
    }

    /// Channels, height and width of an image.
    pub(crate) fn shape(self) -> [usize; 3] {
        match self {
            Self::FashionMnist | Self::Mnist => [1, SIDE, SIDE],
            Self::Cifar10 => COLOUR,
        }
    }

    /// Number of examples in the training and in the test part, of the published set and of the built-in one.
    pub(crate) fn examples(self) -> [usize; 2] {
        match self {
            Self::FashionMnist | Self::Mnist => [60_000, 10_000],
            Self::Cifar10 => [50_000, 10_000],
        }
    }
}

/// The name of a set is also its name on a command line.
impl std::fmt::Display for ImageSet {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl clap::ValueEnum for ImageSet {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::FashionMnist, Self::Mnist, Self::Cifar10]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()))
    }
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
        let images = Column::Pixels { values: images, shape };
        Dataset::new([images, Column::Labels(labels)])
    };
    Ok(Splits {
        train: part(train.images, train.labels)?,
        valid: part(valid.images, valid.labels)?,
        provenance: Provenance { name: name.to_string(), source, sha256 },
    })
}
