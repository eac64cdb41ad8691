//! LeNet with the library.

use anyhow::Result;
use candle_core::{Module, Tensor};
use d2l::nn::{
    Conv2d, Conv2dConfig, Initializer, Linear, Mode, Network, ParamStore, Pool2d, avg_pool2d,
    conv2d, linear, sigmoid,
};
use d2l::{Band, Implementation, Preset, PresetName, Recipe};

use super::{CHANNELS, HIDDENS, LAST_SIDE};

/// The experiments.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: PresetName::Quick,
        recipe: Recipe {
            epochs: 5,
            ..ZH.recipe
        },
        bands: &[],
        ..ZH
    },
    ZH,
];

const ZH: Preset = Preset {
    model: "lenet",
    implementation: Implementation::Concise,
    name: PresetName::Zh,
    section: "zh 6.6",
    recipe: Recipe {
        epochs: 10,
        batch_size: 256,
        learning_rate: 0.9,
        initializer: Initializer::Xavier,
        ..Recipe::SGD
    },
    bands: &[
        Band::book("train.loss", 0.449, 0.468, 0.497, 63).printed(3),
        Band::book("train.accuracy", 0.811, 0.824, 0.833, 63).printed(3),
        Band::book("valid.accuracy", 0.752, 0.807, 0.828, 63).printed(3),
        Band::book("valid.accuracy.best", 0.7812, 0.8118, 0.8283, 63),
    ],
};

/// Convolution, sigmoid, mean over 2 × 2, twice; then three dense layers.
pub struct LeNet {
    conv1: Conv2d,
    conv2: Conv2d,
    dense1: Linear,
    dense2: Linear,
    output: Linear,
}

impl LeNet {
    /// For grey pictures of 28 × 28 pixels.
    pub fn new(num_outputs: usize, initializer: &Initializer, params: &ParamStore) -> Result<Self> {
        let vb = params.builder();
        let [first, second] = CHANNELS;
        let [dense1, dense2] = HIDDENS;
        let same = Conv2dConfig::default().padding(2);
        let valid = Conv2dConfig::default();
        let flat = second * LAST_SIDE * LAST_SIDE;
        Ok(Self {
            conv1: conv2d(1, first, 5, same, initializer, vb.pp("conv1"))?,
            conv2: conv2d(first, second, 5, valid, initializer, vb.pp("conv2"))?,
            dense1: linear(flat, dense1, initializer, vb.pp("dense1"))?,
            dense2: linear(dense1, dense2, initializer, vb.pp("dense2"))?,
            output: linear(dense2, num_outputs, initializer, vb.pp("output"))?,
        })
    }
}

/// The mean of each 2 × 2.
fn pool(x: &Tensor) -> candle_core::Result<Tensor> {
    avg_pool2d(x, &Pool2d::new(2), true)
}

impl Network for LeNet {
    /// `[B, 1, 28, 28] -> [B, K]`: logits.
    fn forward_t(&self, x: &Tensor, _: Mode) -> candle_core::Result<Tensor> {
        crate::output_of(self.layers(x)?)
    }

    fn layers(&self, x: &Tensor) -> candle_core::Result<Vec<(String, Tensor)>> {
        let conv1 = self.conv1.forward(x)?;
        let sigmoid1 = sigmoid(&conv1)?;
        let pool1 = pool(&sigmoid1)?; // [B, 6, 14, 14]
        let conv2 = self.conv2.forward(&pool1)?;
        let sigmoid2 = sigmoid(&conv2)?;
        let pool2 = pool(&sigmoid2)?; // [B, 16, 5, 5]
        let flatten = pool2.flatten_from(1)?;
        let dense1 = self.dense1.forward(&flatten)?;
        let sigmoid3 = sigmoid(&dense1)?;
        let dense2 = self.dense2.forward(&sigmoid3)?;
        let sigmoid4 = sigmoid(&dense2)?;
        let output = self.output.forward(&sigmoid4)?;
        Ok(super::named([
            conv1, sigmoid1, pool1, conv2, sigmoid2, pool2, flatten, dense1, sigmoid3, dense2,
            sigmoid4, output,
        ]))
    }
}
