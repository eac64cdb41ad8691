//! The multilayer perceptron with the library's layers.
//!
//! D2L zh 4.3, en 5.2.2.

use anyhow::Result;
use candle_core::{Module, Tensor};
use d2l::nn::{Initializer, Linear, Mode, Network, ParamStore, linear, relu};
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
        section: "en 5.2",
        recipe: Recipe {
            initializer: Initializer::PytorchDefault,
            ..ZH.recipe
        },
        bands: &[
            Band::pooled("train_window.loss", 0.3595396, 0.3710042, 0.3824688, 51),
            Band::pooled("valid_batches.loss", 0.3612312, 0.418006, 0.4747808, 51),
            Band::pooled(
                "valid_batches.accuracy",
                0.8258947,
                0.8499955,
                0.8740963,
                51,
            ),
            Band::pooled(
                "valid_batches.accuracy.best",
                0.8426402,
                0.8533859,
                0.8641316,
                51,
            ),
        ],
        ..ZH
    },
];

const ZH: Preset = Preset {
    model: "mlp",
    implementation: Implementation::Concise,
    name: PresetName::Zh,
    section: "zh 4.3",
    recipe: Recipe {
        epochs: 10,
        batch_size: 256,
        learning_rate: 0.1,
        initializer: Initializer::Normal { std: 0.01 },
        ..Recipe::SGD
    },
    bands: &[
        Band::book("train.loss", 0.3795, 0.3828, 0.3859, 28),
        Band::book("train.accuracy", 0.8633, 0.8648, 0.8664, 28),
        Band::book("valid.accuracy", 0.7922, 0.8448, 0.8556, 28),
    ],
};

/// H = ReLU(XW₁ᵀ + b₁), O = HW₂ᵀ + b₂.
pub struct Mlp {
    hidden: Linear,
    output: Linear,
}

impl Mlp {
    /// Two linear layers with the given numbers of inputs, hidden units and outputs.
    pub fn new(
        [num_inputs, num_hiddens, num_outputs]: [usize; 3],
        initializer: &Initializer,
        params: &ParamStore,
    ) -> Result<Self> {
        let vb = params.builder();
        Ok(Self {
            hidden: linear(num_inputs, num_hiddens, initializer, vb.pp("hidden"))?,
            output: linear(num_hiddens, num_outputs, initializer, vb.pp("output"))?,
        })
    }
}

impl Network for Mlp {
    /// `[B, 1, 28, 28] -> [B, K]`: logits.
    fn forward_t(&self, x: &Tensor, _: Mode) -> candle_core::Result<Tensor> {
        let h = relu(&self.hidden.forward(&x.flatten_from(1)?)?)?; // [B, H]
        self.output.forward(&h)
    }

    fn layers(&self, x: &Tensor) -> candle_core::Result<Vec<(String, Tensor)>> {
        let flat = x.flatten_from(1)?;
        let hidden = self.hidden.forward(&flat)?;
        let h = relu(&hidden)?;
        let o = self.output.forward(&h)?;
        let named = [
            ("flatten", flat),
            ("hidden", hidden),
            ("relu", h),
            ("output", o),
        ];
        Ok(named
            .map(|(name, output)| (name.to_string(), output))
            .into())
    }
}
