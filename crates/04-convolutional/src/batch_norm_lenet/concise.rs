//! LeNet with the library's batch normalisation. D2L zh 7.5.5, en 8.5.5.

use anyhow::Result;
use candle_core::{Module, Tensor};
use d2l::nn::{
    BatchNorm, Conv2d, Conv2dConfig, Initializer, Linear, Mode, Network, ParamStore, Pool2d,
    avg_pool2d, batch_norm, conv2d, linear, sigmoid,
};
use d2l::{Band, Implementation, Preset, PresetName, Recipe};

use super::{CHANNELS, HIDDENS};

/// The experiments. As by hand, the accuracy after the last epoch judges nothing.
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
    Preset {
        name: PresetName::En,
        section: "en 8.5",
        recipe: Recipe {
            batch_size: 128,
            learning_rate: 0.1,
            ..ZH.recipe
        },
        bands: &[
            Band::pooled("train_window.loss", 0.2895785, 0.3040044, 0.3184303, 31),
            Band::pooled("valid_batches.loss", 0.2032005, 0.3986463, 0.5940921, 31),
            Band::pooled(
                "valid_batches.accuracy.best",
                0.8543661,
                0.8733529,
                0.8923397,
                31,
            ),
        ],
        ..ZH
    },
];

const ZH: Preset = Preset {
    model: super::NAME,
    implementation: Implementation::Concise,
    name: PresetName::Zh,
    section: "zh 7.5",
    recipe: Recipe {
        epochs: 10,
        batch_size: 256,
        learning_rate: 1.0,
        initializer: Initializer::Xavier,
        ..Recipe::SGD
    },
    bands: &[
        Band::book("train.loss", 0.261, 0.2675, 0.285, 48).printed(3),
        Band::book("train.accuracy", 0.895, 0.901, 0.904, 48).printed(3),
        Band::book("valid.accuracy.best", 0.8205, 0.8627, 0.8838, 48),
    ],
};

/// Convolution, batch norm, sigmoid, mean over 2 × 2, twice; then three dense layers, the first two with batch norm and
/// sigmoid.
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
    /// For square pictures of `(channels, side)`: the book's are grey, of 28 × 28.
    pub fn new(
        (in_channels, side): (usize, usize),
        num_outputs: usize,
        initializer: &Initializer,
        params: &ParamStore,
    ) -> Result<Self> {
        let vb = params.builder();
        let [first, second] = CHANNELS;
        let [dense1, dense2] = HIDDENS;
        let config = Conv2dConfig::default();
        let last_side = super::last_side(side)?;
        let flat = second * last_side * last_side;
        Ok(Self {
            conv1: conv2d(in_channels, first, 5, config, initializer, vb.pp("conv1"))?,
            norm1: batch_norm(first, vb.pp("norm1"))?,
            conv2: conv2d(first, second, 5, config, initializer, vb.pp("conv2"))?,
            norm2: batch_norm(second, vb.pp("norm2"))?,
            dense1: linear(flat, dense1, initializer, vb.pp("dense1"))?,
            norm3: batch_norm(dense1, vb.pp("norm3"))?,
            dense2: linear(dense1, dense2, initializer, vb.pp("dense2"))?,
            norm4: batch_norm(dense2, vb.pp("norm4"))?,
            output: linear(dense2, num_outputs, initializer, vb.pp("output"))?,
        })
    }

    fn layers_t(&self, x: &Tensor, mode: Mode) -> candle_core::Result<Vec<(String, Tensor)>> {
        let halves = Pool2d::new(2);
        let conv1 = self.conv1.forward(x)?;
        let norm1 = self.norm1.forward_t(&conv1, mode)?;
        let sigmoid1 = sigmoid(&norm1)?;
        let pool1 = avg_pool2d(&sigmoid1, &halves, true)?; // [B, 6, 12, 12]
        let conv2 = self.conv2.forward(&pool1)?;
        let norm2 = self.norm2.forward_t(&conv2, mode)?;
        let sigmoid2 = sigmoid(&norm2)?;
        let pool2 = avg_pool2d(&sigmoid2, &halves, true)?; // [B, 16, 4, 4]
        let flatten = pool2.flatten_from(1)?;
        let dense1 = self.dense1.forward(&flatten)?;
        let norm3 = self.norm3.forward_t(&dense1, mode)?;
        let sigmoid3 = sigmoid(&norm3)?;
        let dense2 = self.dense2.forward(&sigmoid3)?;
        let norm4 = self.norm4.forward_t(&dense2, mode)?;
        let sigmoid4 = sigmoid(&norm4)?;
        let output = self.output.forward(&sigmoid4)?;
        Ok(super::named([
            conv1, norm1, sigmoid1, pool1, conv2, norm2, sigmoid2, pool2, flatten, dense1, norm3,
            sigmoid3, dense2, norm4, sigmoid4, output,
        ]))
    }
}

impl Network for BatchNormLeNet {
    /// `[B, C, S, S] -> [B, K]`: logits.
    fn forward_t(&self, x: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
        crate::output_of(self.layers_t(x, mode)?)
    }

    fn layers(&self, x: &Tensor) -> candle_core::Result<Vec<(String, Tensor)>> {
        self.layers_t(x, Mode::Evaluate)
    }
}
