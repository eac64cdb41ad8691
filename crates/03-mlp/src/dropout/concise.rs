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

/// H₁ = drop(ReLU(XW₁ᵀ + b₁)), H₂ = drop(ReLU(H₁W₂ᵀ + b₂)), O = H₂W₃ᵀ + b₃.
pub struct DropoutMlp {
    hidden1: Linear,
    dropout1: Dropout,
    hidden2: Linear,
    dropout2: Dropout,
    output: Linear,
}

impl DropoutMlp {
    /// Two hidden layers of `num_hiddens` units, which are dropped with `probabilities`. Parameters are drawn by
    /// `initializer`.
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
    /// `[B, C, S, S] -> [B, K]`: logits. Units are dropped in training only.
    fn forward(&self, x: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
        let h1 = relu(&self.hidden1.forward(&x.flatten_from(1)?)?)?; // [B, H]
        let h1 = self.dropout1.forward_t(&h1, mode)?;
        let h2 = relu(&self.hidden2.forward(&h1)?)?;
        let h2 = self.dropout2.forward_t(&h2, mode)?;
        self.output.forward(&h2)
    }
}
