//! The end of AlexNet and VGG: two dense layers with ReLU and dropout, and the output layer. D2L zh 7.1 and 7.2, en 8.1
//! and 8.2.

use candle_core::{Module, Tensor};
use candle_nn::VarBuilder;
use d2l::nn::{Dropout, Initializer, Linear, Mode, linear, relu};

/// Probability that a unit of the two dense layers is dropped, in the book.
pub const DROPOUT: f64 = 0.5;

/// Dense, ReLU and dropout, twice; then the output layer.
pub(crate) struct DenseHead {
    dense1: Linear,
    dropout1: Dropout,
    dense2: Linear,
    dropout2: Dropout,
    output: Linear,
}

impl DenseHead {
    /// From `inputs` numbers through two layers of `hiddens` units, which are dropped with probability `p`, to `outputs`
    /// classes.
    pub fn new(
        [inputs, hiddens, outputs]: [usize; 3],
        p: f64,
        init: &Initializer,
        vb: &VarBuilder,
    ) -> candle_core::Result<Self> {
        Ok(Self {
            dense1: linear(inputs, hiddens, init, vb.pp("dense1"))?,
            dropout1: Dropout::new(p, "dropout1")?,
            dense2: linear(hiddens, hiddens, init, vb.pp("dense2"))?,
            dropout2: Dropout::new(p, "dropout2")?,
            output: linear(hiddens, outputs, init, vb.pp("output"))?,
        })
    }

    /// `[B, C, H, W] -> [B, K]`: logits.
    pub fn forward(&self, x: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
        let h = relu(&self.dense1.forward(&x.flatten_from(1)?)?)?;
        let h = self.dropout1.forward_t(&h, mode)?;
        let h = relu(&self.dense2.forward(&h)?)?;
        self.output.forward(&self.dropout2.forward_t(&h, mode)?)
    }
}
