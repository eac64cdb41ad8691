//! A training and a held-out part, and where they came from.

use sha2::{Digest, Sha256};

use crate::{Column, Dataset};

/// A training part and a held-out part. `valid` may be empty.
#[derive(Clone, Debug)]
pub struct Splits<const N: usize> {
    /// The training examples.
    pub train: Dataset<N>,
    /// The examples for evaluation. The book uses the test parts of its image sets here.
    pub valid: Dataset<N>,
    /// Which data set the examples are from, for the log.
    pub provenance: Provenance,
}

/// The name of a data set and where it came from; a training log records it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// Name of the set: `fashion-mnist`, `drawn-garments`, …
    pub name: String,
    /// Where the examples came from.
    pub source: Source,
    /// One digest for the whole set, as 64 hexadecimal digits: the SHA-256 of its parts' own SHA-256 digests (32 bytes
    /// each), one after another, even for a single part. The parts of a real set are the decompressed contents of its
    /// files, headers included, in the order train images, train labels, test images, test labels, or training table,
    /// test table. The parts of the built-in set are the contents that such files would have. The parts of a synthetic
    /// set are its columns as little-endian f32, train before valid. The digest is taken before the data are prepared.
    pub sha256: String,
}

impl Provenance {
    /// The provenance of a synthetic set with these splits, train before valid.
    pub fn synthetic<const N: usize>(name: &str, splits: &[&Dataset<N>]) -> Self {
        let columns = splits
            .iter()
            .flat_map(|split| (0..N).map(|i| split.column(i)));
        let parts: Vec<[u8; 32]> = columns
            .map(|column| match column {
                Column::Floats { values, .. } => {
                    let bytes = values.iter().flat_map(|value| value.to_le_bytes());
                    Sha256::digest(bytes.collect::<Vec<u8>>()).into()
                }
                Column::Pixels { values, .. } | Column::Labels(values) => {
                    Sha256::digest(values).into()
                }
                Column::Tokens { values, .. } => {
                    let bytes = values.iter().flat_map(|value| value.to_le_bytes());
                    Sha256::digest(bytes.collect::<Vec<u8>>()).into()
                }
            })
            .collect();
        Self {
            name: name.to_string(),
            source: Source::Synthetic,
            sha256: digest(&parts),
        }
    }
}

/// Where examples came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Files: of a published data set, or the reader's own.
    Real,
    /// The built-in set, which this crate draws.
    Builtin,
    /// Drawn from a distribution with the run's seed.
    Synthetic,
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(match self {
            Self::Real => "real",
            Self::Builtin => "builtin",
            Self::Synthetic => "synthetic",
        })
    }
}

/// [`Provenance::sha256`] of a set with these parts.
pub(crate) fn digest(parts: &[[u8; 32]]) -> String {
    format!("{:x}", Sha256::digest(parts.concat()))
}
