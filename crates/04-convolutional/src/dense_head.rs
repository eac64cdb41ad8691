//! What AlexNet and VGG end with: two dense layers with ReLU and dropout, and the output. D2L zh 7.1 and 7.2, en 8.1 and
//! 8.2.

use candle_core::{Module, Tensor};
use candle_nn::VarBuilder;
use d2l::nn::{Dropout, Initializer, Linear, Mode, linear, relu};

use crate::layers::Outputs;

/// Probability that a unit of a dense layer falls out.
pub const DENSE_DROPOUT: f64 = 0.5;

/// Flatten, then twice dense, ReLU and dropout, then the output.
pub(crate) struct DenseHead {
    dense1: Linear,
    dropout1: Dropout,
    dense2: Linear,
    dropout2: Dropout,
    output: Linear,
}

impl DenseHead {
    /// From `inputs` numbers, through layers of `hidden`, to `outputs`.
    pub fn new(
        inputs: usize,
        hidden: usize,
        outputs: usize,
        initializer: &Initializer,
        vb: &VarBuilder,
    ) -> candle_core::Result<Self> {
        Ok(Self {
            dense1: linear(inputs, hidden, initializer, vb.pp("dense1"))?,
            dropout1: Dropout::new(DENSE_DROPOUT, "dropout1")?,
            dense2: linear(hidden, hidden, initializer, vb.pp("dense2"))?,
            dropout2: Dropout::new(DENSE_DROPOUT, "dropout2")?,
            output: linear(hidden, outputs, initializer, vb.pp("output"))?,
        })
    }

    /// The outputs of a network that ends here.
    pub fn after(&self, layers: Outputs, mode: Mode) -> candle_core::Result<Outputs> {
        layers
            .then("flatten", |h| h.flatten_from(1))?
            .then("dense1", |h| self.dense1.forward(h))?
            .then("dense1_relu", relu)?
            .then("dropout1", |h: &Tensor| self.dropout1.forward_t(h, mode))?
            .then("dense2", |h| self.dense2.forward(h))?
            .then("dense2_relu", relu)?
            .then("dropout2", |h| self.dropout2.forward_t(h, mode))?
            .then("output", |h| self.output.forward(h))
    }
}
