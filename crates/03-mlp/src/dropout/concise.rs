//! Dropout with the library's layer.
//!
//! D2L zh 4.6.5, en 5.6.3.

use anyhow::Result;
use candle_core::{Module, Tensor};
use d2l::nn::{Dropout, Initializer, Linear, Mode, Network, ParamStore, linear, relu};
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
        section: "en 5.6",
        recipe: Recipe {
            learning_rate: 0.1,
            initializer: Initializer::PytorchDefault,
            ..ZH.recipe
        },
        bands: &[
            Band::pooled("train_window.loss", 0.4045954, 0.4174461, 0.4302968, 31),
            Band::pooled("valid_batches.loss", 0.3701914, 0.4078183, 0.4454452, 31),
            Band::pooled("valid_batches.accuracy", 0.8311042, 0.850229, 0.8693538, 31),
            Band::pooled(
                "valid_batches.accuracy.best",
                0.8459531,
                0.8534253,
                0.8608975,
                31,
            ),
        ],
        ..ZH
    },
];

const ZH: Preset = Preset {
    model: "dropout",
    implementation: Implementation::Concise,
    name: PresetName::Zh,
    section: "zh 4.6",
    recipe: Recipe {
        epochs: 10,
        batch_size: 256,
        learning_rate: 0.5,
        initializer: Initializer::Normal { std: 0.01 },
        ..Recipe::SGD
    },
    bands: &[
        Band::book("train.loss", 0.3381, 0.3458, 0.3644, 46),
        Band::book("train.accuracy", 0.8684, 0.8731, 0.8759, 46),
        Band::book("valid.accuracy", 0.8021, 0.8546, 0.8699, 46),
    ],
};

/// H₁ = drop(ReLU(XW₁ᵀ + b₁)), H₂ = drop(ReLU(H₁W₂ᵀ + b₂)), O = H₂W₃ᵀ + b₃.
pub struct DropoutMlp {
    hidden1: Linear,
    dropout1: Dropout,
    hidden2: Linear,
    dropout2: Dropout,
    output: Linear,
}

impl DropoutMlp {
    /// Two hidden layers of `num_hiddens` units, which fall out with `probabilities`; drawn by `initializer`.
    pub fn new(
        [num_inputs, num_hiddens, num_outputs]: [usize; 3],
        [p1, p2]: [f64; 2],
        initializer: &Initializer,
        params: &ParamStore,
    ) -> Result<Self> {
        let vb = params.builder();
        Ok(Self {
            hidden1: linear(num_inputs, num_hiddens, initializer, vb.pp("hidden1"))?,
            dropout1: Dropout::new(p1, "dropout1")?,
            hidden2: linear(num_hiddens, num_hiddens, initializer, vb.pp("hidden2"))?,
            dropout2: Dropout::new(p2, "dropout2")?,
            output: linear(num_hiddens, num_outputs, initializer, vb.pp("output"))?,
        })
    }
}

impl Network for DropoutMlp {
    /// `[B, 1, 28, 28] -> [B, K]`: logits. Units fall out while training only.
    fn forward_t(&self, x: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
        let h1 = relu(&self.hidden1.forward(&x.flatten_from(1)?)?)?; // [B, H]
        let h1 = self.dropout1.forward_t(&h1, mode)?;
        let h2 = relu(&self.hidden2.forward(&h1)?)?;
        let h2 = self.dropout2.forward_t(&h2, mode)?;
        self.output.forward(&h2)
    }

    fn layers(&self, x: &Tensor) -> candle_core::Result<Vec<(String, Tensor)>> {
        let flat = x.flatten_from(1)?;
        let hidden1 = self.hidden1.forward(&flat)?;
        let h1 = relu(&hidden1)?;
        let dropout1 = self.dropout1.forward_t(&h1, Mode::Evaluate)?;
        let hidden2 = self.hidden2.forward(&dropout1)?;
        let h2 = relu(&hidden2)?;
        let dropout2 = self.dropout2.forward_t(&h2, Mode::Evaluate)?;
        let o = self.output.forward(&dropout2)?;
        let named = [
            ("flatten", flat),
            ("hidden1", hidden1),
            ("relu1", h1),
            ("dropout1", dropout1),
            ("hidden2", hidden2),
            ("relu2", h2),
            ("dropout2", dropout2),
            ("output", o),
        ];
        Ok(named
            .map(|(name, output)| (name.to_string(), output))
            .into())
    }
}
