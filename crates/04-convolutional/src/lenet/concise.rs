//! LeNet with the library. D2L zh 6.6, en 7.6; LeCun et al. 1998.

use anyhow::Result;
use candle_core::{Module, Tensor};
use d2l::PresetName::{En, Zh};
use d2l::nn::{
    Conv2d, Conv2dConfig, Initializer, Linear, Mode, Network, ParamStore, Pool2d, avg_pool2d,
    conv2d, linear, max_pool2d, relu, sigmoid,
};
use d2l::{Preset, Recipe};

use super::{Activation, CHANNELS, HIDDENS, Options, Pooling, last_side};
use crate::pictures::Shape;

const ZH: Recipe = Recipe {
    epochs: 10,
    batch_size: 256,
    learning_rate: 0.9,
    initializer: Initializer::Xavier,
    ..Recipe::SGD
};
const EN: Recipe = Recipe { batch_size: 128, learning_rate: 0.1, ..ZH };
/// The experiments.
pub const PRESETS: &[Preset<Options>] = &[
    Preset::quick(5, "zh 6.6", ZH, Options::BOOK),
    Preset::new(Zh, "zh 6.6", ZH, Options::BOOK),
    Preset::new(En, "en 7.6", EN, Options::BOOK),
];

/// Convolution, activation and pooling, twice; then three dense layers.
pub struct LeNet {
    conv1: Conv2d,
    conv2: Conv2d,
    dense1: Linear,
    dense2: Linear,
    output: Linear,
    activation: Activation,
    pooling: Pooling,
}

impl LeNet {
    /// For square pictures; the book's are grey, of 28 × 28 pixels.
    pub fn new(
        shape: Shape,
        options: &Options,
        init: &Initializer,
        params: &ParamStore,
    ) -> Result<Self> {
        let vb = params.builder();
        let (valid, same) = (Conv2dConfig::default(), Conv2dConfig::default().padding(2));
        let [c1, c2] = CHANNELS;
        let [h1, h2] = HIDDENS;
        let flat = c2 * last_side(shape.side)?.pow(2);
        Ok(Self {
            conv1: conv2d(shape.channels, c1, 5, same, init, vb.pp("conv1"))?,
            conv2: conv2d(c1, c2, 5, valid, init, vb.pp("conv2"))?,
            dense1: linear(flat, h1, init, vb.pp("dense1"))?,
            dense2: linear(h1, h2, init, vb.pp("dense2"))?,
            output: linear(h2, shape.classes, init, vb.pp("output"))?,
            activation: options.activation,
            pooling: options.pooling,
        })
    }
}

impl Network for LeNet {
    /// `[B, C, S, S] -> [B, K]`: logits.
    fn forward(&self, x: &Tensor, _: Mode) -> candle_core::Result<Tensor> {
        let activate = match self.activation {
            Activation::Sigmoid => sigmoid,
            Activation::Relu => relu,
        };
        let pool = |h: &Tensor| match self.pooling {
            Pooling::Avg => avg_pool2d(h, &Pool2d::new(2), true),
            Pooling::Max => max_pool2d(h, &Pool2d::new(2)),
        };
        let h = pool(&activate(&self.conv1.forward(x)?)?)?; // [B, 6, 14, 14]
        let h = pool(&activate(&self.conv2.forward(&h)?)?)?; // [B, 16, 5, 5]
        let h = activate(&self.dense1.forward(&h.flatten_from(1)?)?)?;
        self.output.forward(&activate(&self.dense2.forward(&h)?)?)
    }
}
