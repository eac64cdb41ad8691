//! The length of an epoch, and the log's entry for the data.

use d2l_data::{Source, Splits};
use d2l_log::Data;

/// The work of one epoch.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The log's entry for the data set, if there is one.
    pub(crate) data: Option<Data>,
    /// Whether built-in data take the place of a real set: the book's bands then say nothing about the result.
    pub(crate) on_builtin_data: bool,
    pub(crate) length: Length,
}

/// The length of an epoch.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Length {
    /// As many minibatches as this number of examples makes.
    Examples(usize),
    /// This number of minibatches.
    Batches(usize),
}

impl Plan {
    /// Epochs of `count` steps without a data set, as for an agent in an environment.
    pub fn steps(count: usize) -> Self {
        Self {
            data: None,
            on_builtin_data: false,
            length: Length::Batches(count),
        }
    }
}

impl<const N: usize> From<&Splits<N>> for Plan {
    fn from(splits: &Splits<N>) -> Self {
        let provenance = &splits.provenance;
        Self {
            data: Some(Data {
                name: provenance.name.clone(),
                source: provenance.source.to_string(),
                train: splits.train.len(),
                valid: splits.valid.len(),
                sha256: provenance.sha256.clone(),
            }),
            on_builtin_data: provenance.source == Source::Builtin,
            length: Length::Examples(splits.train.len()),
        }
    }
}

impl Length {
    /// Minibatches of an epoch.
    pub fn batches(self, batch_size: usize) -> usize {
        match self {
            Self::Examples(examples) => examples.div_ceil(batch_size),
            Self::Batches(batches) => batches,
        }
    }

    /// Examples of an epoch; 0 if they are not counted.
    pub fn examples(self) -> usize {
        match self {
            Self::Examples(examples) => examples,
            Self::Batches(_) => 0,
        }
    }
}
