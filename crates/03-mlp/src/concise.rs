//! The multilayer perceptron with the library's layers.
//!
//! D2L zh 4.3, en 5.2.2. With more hidden layers and another activation than the book's it shows what zh 4.8 and
//! en 5.4 tell about: gradients that vanish or explode on their way down ([`crate::gradients`]).

use anyhow::{Result, bail};
use candle_core::{Module, Tensor};
use d2l::nn::{Initializer, Linear, Mode, Network, ParamStore, linear};
use d2l::{Band, Implementation, Preset, PresetName, Recipe};

use crate::activation::Activation;

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

/// Hₗ = φ(Hₗ₋₁Wₗᵀ + bₗ) for each hidden layer l, O = HWᵀ + b. The book's has one hidden layer, and φ = ReLU.
pub struct Mlp {
    hidden: Vec<(String, Linear)>,
    activation: Activation,
    output: Linear,
}

impl Mlp {
    /// Layers from `widths[0]` inputs over hidden ones to the last width's outputs. The hidden layers are called
    /// `hidden`, or `hidden1`, `hidden2`, … where there are several, the last `output`.
    pub fn new(
        widths: &[usize],
        activation: Activation,
        initializer: &Initializer,
        params: &ParamStore,
    ) -> Result<Self> {
        let [hidden_widths @ .., num_outputs] = widths else {
            bail!("found no widths, wanted those of the inputs and of the outputs at least");
        };
        let vb = params.builder();
        let mut hidden = Vec::new();
        for (number, pair) in hidden_widths.windows(2).enumerate() {
            let name = match hidden_widths.len() {
                2 => "hidden".to_string(),
                _ => format!("hidden{}", number + 1),
            };
            let layer = linear(pair[0], pair[1], initializer, vb.pp(&name))?;
            hidden.push((name, layer));
        }
        let Some(&last) = hidden_widths.last() else {
            bail!(
                "found one width, {num_outputs}; wanted those of the inputs and of the outputs at least"
            );
        };
        Ok(Self {
            hidden,
            activation,
            output: linear(last, *num_outputs, initializer, vb.pp("output"))?,
        })
    }
}

impl Network for Mlp {
    /// `[B, 1, 28, 28] -> [B, K]`, or `[B, D] -> [B, K]`: logits.
    fn forward_t(&self, x: &Tensor, _: Mode) -> candle_core::Result<Tensor> {
        let mut h = x.flatten_from(1)?;
        for (_, hidden) in &self.hidden {
            h = self.activation.apply(&hidden.forward(&h)?)?; // [B, H]
        }
        self.output.forward(&h)
    }

    fn layers(&self, x: &Tensor) -> candle_core::Result<Vec<(String, Tensor)>> {
        let mut h = x.flatten_from(1)?;
        let mut layers = vec![("flatten".to_string(), h.clone())];
        for (name, hidden) in &self.hidden {
            let sum = hidden.forward(&h)?;
            h = self.activation.apply(&sum)?;
            let number = name.trim_start_matches("hidden");
            layers.push((name.clone(), sum));
            layers.push((format!("{}{number}", self.activation), h.clone()));
        }
        layers.push(("output".to_string(), self.output.forward(&h)?));
        Ok(layers)
    }
}
