//! LeNet with the library.

use anyhow::Result;
use candle_core::{Module, Tensor};
use d2l::nn::{
    Conv2d, Conv2dConfig, Initializer, Linear, Mode, Network, ParamStore, Pool2d, avg_pool2d,
    conv2d, linear, max_pool2d, relu, sigmoid,
};
use d2l::{Band, Implementation, Preset, PresetName, Recipe};

use super::{Activation, CHANNELS, HIDDENS, Parts, Pooling};

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
    Preset {
        name: PresetName::En,
        section: "en 7.6",
        recipe: Recipe {
            batch_size: 128,
            learning_rate: 0.1,
            ..ZH.recipe
        },
        bands: &[
            Band::pooled("train_window.loss", 0.6323111, 0.7166166, 0.8009221, 31),
            Band::pooled("valid_batches.loss", 0.6511679, 0.7247136, 0.7982593, 31),
            Band::pooled(
                "valid_batches.accuracy",
                0.7029829,
                0.7284385,
                0.7538941,
                31,
            ),
            Band::pooled(
                "valid_batches.accuracy.best",
                0.7031269,
                0.7285566,
                0.7539863,
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
    parts: Parts,
    conv1: Conv2d,
    conv2: Conv2d,
    dense1: Linear,
    dense2: Linear,
    output: Linear,
}

impl LeNet {
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
        let same = Conv2dConfig::default().padding(2);
        let valid = Conv2dConfig::default();
        let last_side = super::last_side(side)?;
        let flat = second * last_side * last_side;
        Ok(Self {
            parts: Parts::default(),
            conv1: conv2d(in_channels, first, 5, same, initializer, vb.pp("conv1"))?,
            conv2: conv2d(first, second, 5, valid, initializer, vb.pp("conv2"))?,
            dense1: linear(flat, dense1, initializer, vb.pp("dense1"))?,
            dense2: linear(dense1, dense2, initializer, vb.pp("dense2"))?,
            output: linear(dense2, num_outputs, initializer, vb.pp("output"))?,
        })
    }

    /// The same parameters with other parts between them.
    pub fn with_parts(self, parts: Parts) -> Self {
        Self { parts, ..self }
    }
}

/// What stands behind a layer with weights.
fn activate(x: &Tensor, parts: &Parts) -> candle_core::Result<Tensor> {
    match parts.activation {
        Activation::Sigmoid => sigmoid(x),
        Activation::Relu => relu(x),
    }
}

/// One number for each 2 × 2.
fn pool(x: &Tensor, parts: &Parts) -> candle_core::Result<Tensor> {
    match parts.pooling {
        Pooling::Avg => avg_pool2d(x, &Pool2d::new(2), true),
        Pooling::Max => max_pool2d(x, &Pool2d::new(2)),
    }
}

impl Network for LeNet {
    /// `[B, C, S, S] -> [B, K]`: logits.
    fn forward_t(&self, x: &Tensor, _: Mode) -> candle_core::Result<Tensor> {
        crate::output_of(self.layers(x)?)
    }

    fn layers(&self, x: &Tensor) -> candle_core::Result<Vec<(String, Tensor)>> {
        let parts = &self.parts;
        let conv1 = self.conv1.forward(x)?;
        let h1 = activate(&conv1, parts)?;
        let pool1 = pool(&h1, parts)?; // [B, 6, 14, 14]
        let conv2 = self.conv2.forward(&pool1)?;
        let h2 = activate(&conv2, parts)?;
        let pool2 = pool(&h2, parts)?; // [B, 16, 5, 5]
        let flatten = pool2.flatten_from(1)?;
        let dense1 = self.dense1.forward(&flatten)?;
        let h3 = activate(&dense1, parts)?;
        let dense2 = self.dense2.forward(&h3)?;
        let h4 = activate(&dense2, parts)?;
        let output = self.output.forward(&h4)?;
        let outputs = [
            conv1, h1, pool1, conv2, h2, pool2, flatten, dense1, h3, dense2, h4, output,
        ];
        Ok(super::named(parts.activation, outputs))
    }
}
