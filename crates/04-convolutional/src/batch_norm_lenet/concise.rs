//! LeNet with the library's batch normalisation. D2L zh 7.5.5, en 8.5.5.

use anyhow::Result;
use candle_core::{Module, Tensor};
use d2l::nn::{
    BatchNorm, Conv2d, Conv2dConfig, Initializer, Linear, Mode, Network, ParamStore, Pool2d,
    avg_pool2d, batch_norm, conv2d, linear, sigmoid,
};

use super::last_side;
use crate::lenet::{CHANNELS, HIDDENS};
use crate::pictures::Shape;

/// Convolution, batch normalisation, sigmoid and average pooling, twice; then three dense layers, the first two with
/// batch normalisation and sigmoid.
pub struct BatchNormLeNet {
    conv1: Conv2d,
    norm1: BatchNorm,
    conv2: Conv2d,
    norm2: BatchNorm,
    dense1: Linear,
    norm3: BatchNorm,
    dense2: Linear,
    norm4: BatchNorm,
    output: Linear,
}

impl BatchNormLeNet {
    /// For square pictures; the book's are grey, of 28 × 28 pixels.
    pub fn new(shape: Shape, init: &Initializer, params: &ParamStore) -> Result<Self> {
        let vb = params.builder();
        let valid = Conv2dConfig::default();
        let [c1, c2] = CHANNELS;
        let [h1, h2] = HIDDENS;
        let flat = c2 * last_side(shape.side)?.pow(2);
        Ok(Self {
            conv1: conv2d(shape.channels, c1, 5, valid, init, vb.pp("conv1"))?,
            norm1: batch_norm(c1, vb.pp("norm1"))?,
            conv2: conv2d(c1, c2, 5, valid, init, vb.pp("conv2"))?,
            norm2: batch_norm(c2, vb.pp("norm2"))?,
            dense1: linear(flat, h1, init, vb.pp("dense1"))?,
            norm3: batch_norm(h1, vb.pp("norm3"))?,
            dense2: linear(h1, h2, init, vb.pp("dense2"))?,
            norm4: batch_norm(h2, vb.pp("norm4"))?,
            output: linear(h2, shape.classes, init, vb.pp("output"))?,
        })
    }
}

impl Network for BatchNormLeNet {
    /// `[B, C, S, S] -> [B, K]`: logits.
    fn forward(&self, x: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
        let pool = |h: &Tensor| avg_pool2d(h, &Pool2d::new(2), true);
        let h = self.norm1.forward_t(&self.conv1.forward(x)?, mode)?;
        let h = pool(&sigmoid(&h)?)?; // [B, 6, 12, 12]
        let h = self.norm2.forward_t(&self.conv2.forward(&h)?, mode)?;
        let h = pool(&sigmoid(&h)?)?.flatten_from(1)?; // [B, 16 · 4 · 4]
        let h = self.norm3.forward_t(&self.dense1.forward(&h)?, mode)?;
        let h = self.dense2.forward(&sigmoid(&h)?)?;
        let h = self.norm4.forward_t(&h, mode)?;
        self.output.forward(&sigmoid(&h)?)
    }
}
