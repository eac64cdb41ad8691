//! Examples on the host, column by column, and how rows of them are gathered.

use anyhow::{Context, ensure};
use candle_core::{Device, Result, Tensor};
use rayon::prelude::*;

use crate::Draws;
use crate::pictures::Preparation;

/// A batch with fewer values than this is gathered by one thread, because waking the others would take longer.
const PARALLEL_FROM: usize = 1 << 16;

/// One column of a data set. `shape` is of one example; an empty shape is one number per example.
#[derive(Clone)]
pub enum Column {
    /// Numbers, taken as they are.
    Floats {
        /// The examples one after another.
        values: Vec<f32>,
        /// Shape of one example.
        shape: Vec<usize>,
    },
    /// Bytes that become f32 from 0 to 1, `value / 255`. On the host they stay bytes: 60,000 images of 224x224 are 3 GB
    /// as bytes, and 12 GB in f32.
    Pixels {
        /// The examples one after another.
        values: Vec<u8>,
        /// Shape of one example.
        shape: Vec<usize>,
    },
    /// Class indices, which become u32.
    Labels(Vec<u8>),
    /// Indices of tokens in a vocabulary, or lengths of sequences, u32.
    Tokens {
        /// The examples one after another.
        values: Vec<u32>,
        /// Shape of one example.
        shape: Vec<usize>,
    },
}

impl Column {
    /// Shape of one example.
    pub fn shape(&self) -> &[usize] {
        match self {
            Self::Floats { shape, .. }
            | Self::Pixels { shape, .. }
            | Self::Tokens { shape, .. } => shape,
            Self::Labels(_) => &[],
        }
    }

    /// The number of examples, or an error if the values are no whole number of examples.
    pub(crate) fn count(&self) -> anyhow::Result<usize> {
        let values = match self {
            Self::Floats { values, .. } => values.len(),
            Self::Pixels { values, .. } | Self::Labels(values) => values.len(),
            Self::Tokens { values, .. } => values.len(),
        };
        let size = self
            .shape()
            .iter()
            .try_fold(1usize, |size, &side| size.checked_mul(side))
            .with_context(|| format!("an example of shape {:?} is too large", self.shape()))?;
        ensure!(
            size > 0 && values % size == 0,
            "{values} values are no whole number of examples of shape {:?}",
            self.shape()
        );
        Ok(values / size)
    }

    /// The examples at `rows`, all of which exist. `preparation` prepares pictures, and changes them at random if
    /// `draws` are given. `[len, shape…]`
    pub(crate) fn gather(
        &self,
        rows: &[usize],
        preparation: &Preparation,
        draws: Option<Draws>,
        device: &Device,
    ) -> Result<Tensor> {
        let shape = [vec![rows.len()], self.prepared_shape(preparation)].concat();
        match self {
            Self::Floats { values, .. } => {
                Tensor::from_vec(gather(values, rows, self.size(), |x| x), shape, device)
            }
            Self::Pixels { values, shape: stored } if self.is_prepared(preparation) => {
                let &[channels, height, width] = &stored[..] else {
                    candle_core::bail!("found pictures {stored:?}, wanted [C, H, W]");
                };
                let stored = [channels, height, width];
                Tensor::from_vec(
                    preparation.gather(values, stored, rows, draws),
                    shape,
                    device,
                )
            }
            Self::Pixels { values, .. } => {
                let values = gather(values, rows, self.size(), |x| f32::from(x) / 255.0);
                Tensor::from_vec(values, shape, device)
            }
            Self::Labels(values) => {
                Tensor::from_vec(gather(values, rows, 1, u32::from), shape, device)
            }
            Self::Tokens { values, .. } => {
                Tensor::from_vec(gather(values, rows, self.size(), |x| x), shape, device)
            }
        }
    }

    /// Shape of one example in a batch, with pictures as `preparation` makes them.
    pub(crate) fn prepared_shape(&self, preparation: &Preparation) -> Vec<usize> {
        if self.is_prepared(preparation) {
            preparation.shape(self.shape())
        } else {
            self.shape().to_vec()
        }
    }

    /// Whether the column holds pictures and `preparation` changes them.
    fn is_prepared(&self, preparation: &Preparation) -> bool {
        self.picture_size().is_some() && !preparation.is_nothing()
    }

    /// Height and width, if the column holds pictures.
    pub(crate) fn picture_size(&self) -> Option<[usize; 2]> {
        match self {
            Self::Pixels { shape, .. } => match shape[..] {
                [_, height, width] => Some([height, width]),
                _ => None,
            },
            _ => None,
        }
    }

    /// The number of values in one example.
    fn size(&self) -> usize {
        self.shape().iter().product()
    }

    /// A column of the examples at `rows`, all of which exist.
    pub(crate) fn rows(&self, rows: &[usize]) -> Self {
        match self {
            Self::Floats { values, shape } => Self::Floats {
                values: gather(values, rows, self.size(), |x| x),
                shape: shape.clone(),
            },
            Self::Pixels { values, shape } => Self::Pixels {
                values: gather(values, rows, self.size(), |x| x),
                shape: shape.clone(),
            },
            Self::Labels(values) => Self::Labels(gather(values, rows, 1, |x| x)),
            Self::Tokens { values, shape } => Self::Tokens {
                values: gather(values, rows, self.size(), |x| x),
                shape: shape.clone(),
            },
        }
    }

    pub(crate) fn truncate(&mut self, examples: usize) {
        let values = examples.saturating_mul(self.size());
        match self {
            Self::Floats { values: all, .. } => all.truncate(values),
            Self::Pixels { values: all, .. } | Self::Labels(all) => all.truncate(values),
            Self::Tokens { values: all, .. } => all.truncate(values),
        }
    }
}

impl std::fmt::Debug for Column {
    /// Only the kind and the shape, because the values would fill screens.
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let kind = match self {
            Self::Floats { .. } => "Floats",
            Self::Pixels { .. } => "Pixels",
            Self::Labels(_) => "Labels",
            Self::Tokens { .. } => "Tokens",
        };
        write!(f, "{kind}{:?}", self.shape())
    }
}

/// Copies the examples at `rows`, `size` values each, through `convert`. Every example has its own place in the
/// result, so the number of threads changes nothing.
fn gather<T, U>(
    values: &[T],
    rows: &[usize],
    size: usize,
    convert: impl Fn(T) -> U + Sync,
) -> Vec<U>
where
    T: Copy + Sync,
    U: Copy + Default + Send,
{
    let mut gathered = vec![U::default(); rows.len() * size];
    let copy = |(to, &row): (&mut [U], &usize)| {
        let from = &values[row * size..(row + 1) * size];
        for (to, &from) in to.iter_mut().zip(from) {
            *to = convert(from);
        }
    };
    if gathered.len() < PARALLEL_FROM {
        gathered.chunks_exact_mut(size).zip(rows).for_each(copy);
    } else {
        gathered
            .par_chunks_exact_mut(size)
            .zip(rows)
            .with_min_len(PARALLEL_FROM / 2 / size)
            .for_each(copy);
    }
    gathered
}
