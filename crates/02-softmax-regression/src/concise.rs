//! Softmax regression with the library: a linear layer, and softmax with cross-entropy in one stable function.
//!
//! D2L zh 3.7, en 4.5. The model returns the logits o. [`d2l::nn::cross_entropy`] computes log softmax(o) as
//! o - log Σ exp(o), which neither overflows nor takes the logarithm of zero.

use anyhow::Result;
use candle_core::{Module, Tensor};
use d2l::PresetName::{En, Zh};
use d2l::nn::{Initializer, Linear, Mode, Network, ParamStore, linear};
use d2l::{Preset, Recipe};

use crate::Options;

const ZH: Recipe = Recipe {
    epochs: 10,
    batch_size: 256,
    learning_rate: 0.1,
    initializer: Initializer::Normal { std: 0.01 },
    ..Recipe::SGD
};
const EN: Recipe = Recipe { initializer: Initializer::PytorchDefault, ..ZH };
/// The experiments.
pub const PRESETS: &[Preset<Options>] = &[
    Preset::quick(5, "zh 3.7", ZH, Options::BOOK),
    Preset::new(Zh, "zh 3.7", ZH, Options::BOOK),
    Preset::new(En, "en 4.5", EN, Options::BOOK),
];

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
        let vb = params.builder().pp("linear");
        Ok(Self { linear: linear(num_inputs, num_outputs, initializer, vb)? })
    }
}

impl Network for SoftmaxRegression {
    /// `[B, 1, 28, 28] -> [B, K]`: logits.
    fn forward(&self, x: &Tensor, _: Mode) -> candle_core::Result<Tensor> {
        self.linear.forward(&x.flatten_from(1)?)
    }
}
