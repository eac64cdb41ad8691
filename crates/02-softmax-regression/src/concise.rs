//! Softmax regression with the library: a linear layer, and softmax with cross-entropy in one stable function.
//!
//! D2L zh 3.7, en 4.5. The model's output are the logits o; [`d2l::nn::cross_entropy`] takes log softmax(o) as
//! o - log Σ exp(o), which neither overflows nor takes the logarithm of zero.

use anyhow::Result;
use candle_core::{Module, Tensor};
use d2l::nn::{Initializer, Linear, Mode, Network, ParamStore, linear};
use d2l::{Band, Implementation, Preset, PresetName, Recipe};

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
        section: "en 4.5",
        recipe: Recipe {
            initializer: Initializer::PytorchDefault,
            ..ZH.recipe
        },
        bands: &[
            Band::pooled("train_window.loss", 0.4368443, 0.4471231, 0.4574018, 51),
            Band::pooled("valid_batches.loss", 0.4502143, 0.4806897, 0.5111651, 51),
            Band::pooled(
                "valid_batches.accuracy",
                0.8188328,
                0.8324328,
                0.8460328,
                51,
            ),
            Band::pooled(
                "valid_batches.accuracy.best",
                0.828722,
                0.8340657,
                0.8394094,
                51,
            ),
        ],
        ..ZH
    },
];

const ZH: Preset = Preset {
    model: "softmax-regression",
    implementation: Implementation::Concise,
    name: PresetName::Zh,
    section: "zh 3.7",
    recipe: Recipe {
        epochs: 10,
        batch_size: 256,
        learning_rate: 0.1,
        initializer: Initializer::Normal { std: 0.01 },
        ..Recipe::SGD
    },
    bands: &[
        Band::book("train.loss", 0.4461, 0.4472, 0.4483, 29),
        Band::book("train.accuracy", 0.8463, 0.8481, 0.8489, 29),
        Band::book("valid.accuracy", 0.8243, 0.8312, 0.8348, 29),
    ],
};

/// O = XWᵀ + b.
pub struct SoftmaxRegression {
    /// Weight `[K, pixels]`, bias `[K]`.
    pub linear: Linear,
}

impl SoftmaxRegression {
    /// One linear layer from `num_inputs` pixels to `num_outputs` classes.
    pub fn new(
        num_inputs: usize,
        num_outputs: usize,
        initializer: &Initializer,
        params: &ParamStore,
    ) -> Result<Self> {
        Ok(Self {
            linear: linear(
                num_inputs,
                num_outputs,
                initializer,
                params.builder().pp("linear"),
            )?,
        })
    }
}

impl Network for SoftmaxRegression {
    /// `[B, 1, 28, 28] -> [B, K]`: logits.
    fn forward_t(&self, x: &Tensor, _: Mode) -> candle_core::Result<Tensor> {
        self.linear.forward(&x.flatten_from(1)?)
    }

    fn layers(&self, x: &Tensor) -> candle_core::Result<Vec<(String, Tensor)>> {
        let flat = x.flatten_from(1)?;
        let logits = self.linear.forward(&flat)?;
        Ok(vec![("flatten".into(), flat), ("linear".into(), logits)])
    }
}
