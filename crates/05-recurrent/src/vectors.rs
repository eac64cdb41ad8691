//! How tokens become vectors: one-hot, or learned. D2L zh 8.5.1, en 9.5.2.1.
//!
//! The product of a one-hot vector and W_xh is a row of W_xh, so a recurrent layer that reads one-hot vectors learns a
//! vector of H numbers for each token. An embedding learns one of any size in front of the layer.

use candle_core::{DType, Device, Module, Result, Tensor, bail};
use candle_nn::VarBuilder;
use d2l::nn::{Embedding, Initializer, Sees, batch_first, embedding, is_observed, report_function};

/// Makes each token a vector.
pub enum Vectors {
    /// Zeros and a 1.
    OneHot(OneHot),
    /// A row of a learned table.
    Learned(Embedding),
}

impl Vectors {
    /// For a vocabulary of this size: learned with `embedding_dim` numbers each, `embedding.weight`, or one-hot without.
    pub fn new(
        vocab_size: usize,
        embedding_dim: Option<usize>,
        initializer: &Initializer,
        vb: &VarBuilder,
    ) -> Result<Self> {
        let Some(dim) = embedding_dim else {
            let one_hot = OneHot::new(vocab_size, vb.dtype(), vb.device())?;
            return Ok(Self::OneHot(one_hot));
        };
        let initializer = match initializer {
            Initializer::PytorchDefault => &Initializer::Normal { std: 1.0 }, // PyTorch's for embeddings
            other => other,
        };
        let table = embedding(vocab_size, dim, initializer, vb.pp("embedding"))?;
        Ok(Self::Learned(table))
    }

    /// `[B, T] -> [T, B, D]`: a recurrent layer takes one time step after the other.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::OneHot(one_hot) => one_hot.forward(x),
            Self::Learned(table) => batch_first(&table.forward(x)?), // swaps the first two axes, either way
        }
    }
}

/// No vocabulary of one-hot vectors is larger: they are rows of a table of V² numbers, 400 MB for this V.
const LARGEST: usize = 10_000;

/// Makes each token a vector that is 1 at the token's number and 0 elsewhere.
pub struct OneHot {
    identity: Tensor,
}

impl OneHot {
    /// For a vocabulary of this size.
    ///
    /// # Errors
    /// If it is larger than 10,000.
    pub fn new(vocab_size: usize, dtype: DType, device: &Device) -> Result<Self> {
        if vocab_size > LARGEST {
            bail!(
                "found a vocabulary of {vocab_size} tokens, wanted at most {LARGEST} for one-hot vectors; learned ones \
                 take less (--embedding-dim 100)"
            );
        }
        Ok(Self { identity: Tensor::eye(vocab_size, dtype, device)? })
    }

    /// `[B, T] -> [T, B, V]`
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (batch, steps) = x.dims2()?;
        let tokens = x.t()?.flatten_all()?;
        let rows = self.identity.index_select(&tokens, 0)?;
        let one_hot = rows.reshape((steps, batch, ()))?; // [T, B, V]
        if is_observed() {
            report_function("one_hot", &[x], &one_hot.transpose(0, 1)?, Sees::Same);
        }
        Ok(one_hot)
    }
}
