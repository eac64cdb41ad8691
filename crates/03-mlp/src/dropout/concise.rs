//! Dropout with the library's layer.
//!
//! D2L zh 4.6.5, en 5.6.3.

use anyhow::Result;
use candle_core::{Module, Tensor};
use d2l::PresetName::{En, Zh};
use d2l::nn::{Dropout, Initializer, Linear, Mode, Network, ParamStore, linear, relu};
use d2l::{Preset, Recipe};

use super::Options;

const ZH: Recipe = Recipe {
    epochs: 10,
    batch_size: 256,
    learning_rate: 0.5,
    initializer: Initializer::Normal { std: 0.01 },
    ..Recipe::SGD
};
const EN: Recipe = Recipe {
    learning_rate: 0.1,
    initializer: Initializer::PytorchDefault,
    ..ZH
};
/// The experiments.
pub const PRESETS: &[Preset<Options>] = &[
    Preset::quick(5, "zh 4.6", ZH, Options::ZH),
    Preset::new(Zh, "zh 4.6", ZH, Options::ZH),
    Preset::new(En, "en 5.6", EN, Options::EN),
];

/// Hₗ = drop(ReLU(Hₗ₋₁Wₗᵀ + bₗ)) for each hidden layer l, O = HWᵀ + b. The book's has two hidden layers.
pub struct DropoutMlp {
    hidden: Vec<(Linear, Dropout)>,
    output: Linear,
}

impl DropoutMlp {
    /// Hidden layers of `num_hiddens` units, one for each of the `probabilities` with which they are dropped. Parameters
    /// are drawn by `initializer`.
    pub fn new(
        [num_inputs, num_hiddens, num_outputs]: [usize; 3],
        probabilities: &[f64],
        initializer: &Initializer,
        params: &ParamStore,
    ) -> Result<Self> {
        let vb = params.builder();
        let mut hidden = Vec::new();
        let mut inputs = num_inputs;
        for (number, &p) in (1..).zip(probabilities) {
            let vb = vb.pp(format!("hidden{number}"));
            let dropout = Dropout::new(p, format!("dropout{number}"))?;
            hidden.push((linear(inputs, num_hiddens, initializer, vb)?, dropout));
            inputs = num_hiddens;
        }
        let output = linear(inputs, num_outputs, initializer, vb.pp("output"))?;
        Ok(Self { hidden, output })
    }
}

impl Network for DropoutMlp {
    /// `[B, C, S, S] -> [B, K]`: logits. Units are dropped in training only.
    fn forward(&self, x: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
        let mut h = x.flatten_from(1)?; // [B, D]
        for (hidden, dropout) in &self.hidden {
            h = dropout.forward_t(&relu(&hidden.forward(&h)?)?, mode)?; // [B, H]
        }
        self.output.forward(&h)
    }
}
