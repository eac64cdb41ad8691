//! What a language model is made of, beside its kind of recurrent layer: sizes, the number of layers, what stands before
//! and between them. D2L zh 8.5, 8.6 and 9.3, en 9.5, 9.6 and 10.3.

use anyhow::Result;
use d2l::{at_least_one, depth, probability, usage};
use serde::Serialize;

/// The structure of a language model.
#[derive(Clone, Copy, Debug, clap::Args, Serialize)]
#[command(next_help_heading = "Model")]
pub struct Structure {
    /// Hidden units of each layer
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub num_hiddens: usize,
    /// Recurrent layers, each fed with the outputs of the one before
    #[arg(long, value_name = "N", value_parser = depth)]
    pub num_layers: usize,
    /// Probability of dropout between two layers
    #[arg(long, value_name = "P", value_parser = probability)]
    pub dropout: f64,
    /// Learn a vector of N numbers for each token [default: tokens are one-hot vectors]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embedding_dim: Option<usize>,
    /// Whether each layer reads in both directions.
    #[arg(skip)]
    #[serde(skip)]
    pub bidirectional: bool,
}

impl Structure {
    /// Layers that read one-hot tokens forward, without dropout.
    pub const fn new(num_hiddens: usize, num_layers: usize) -> Self {
        Self {
            num_hiddens,
            num_layers,
            dropout: 0.0,
            embedding_dim: None,
            bidirectional: false,
        }
    }

    /// Refuses dropout that has no place.
    ///
    /// # Errors
    /// A usage error if there is dropout, but one layer only.
    pub fn check(&self) -> Result<()> {
        if self.dropout > 0.0 && self.num_layers == 1 {
            usage!(
                "--dropout {}: dropout stands between two layers, and there is one; give --num-layers 2 too",
                self.dropout
            );
        }
        Ok(())
    }
}
