//! The multilayer perceptron by hand: two products, two biases, and a ReLU between them.
//!
//! D2L zh 4.2, en 5.2.1.

use anyhow::Result;
use candle_core::Tensor;
use d2l::PresetName::{En, Zh};
use d2l::nn::{Initializer, Mode, Network, ParamStore};
use d2l::{Preset, Recipe};

use crate::perceptron::Options;

/// The recipe of both editions.
const BOOK: Recipe = Recipe {
    epochs: 10,
    batch_size: 256,
    learning_rate: 0.1,
    initializer: Initializer::NormalZeroBias { std: 0.01 },
    ..Recipe::SGD
};
/// The experiments.
pub const PRESETS: &[Preset<Options>] = &[
    Preset::quick(5, "zh 4.2", BOOK, Options::BOOK),
    Preset::new(Zh, "zh 4.2", BOOK, Options::BOOK),
    Preset::new(En, "en 5.2", BOOK, Options::BOOK),
];

/// H = ReLU(XW₁ + b₁), O = HW₂ + b₂.
pub struct Mlp {
    w1: Tensor,
    b1: Tensor,
    w2: Tensor,
    b2: Tensor,
}

impl Mlp {
    /// W₁ `[num_inputs, num_hiddens]`, W₂ `[num_hiddens, num_outputs]` and their biases, drawn by `initializer`.
    pub fn new(
        [num_inputs, num_hiddens, num_outputs]: [usize; 3],
        initializer: &Initializer,
        params: &ParamStore,
    ) -> Result<Self> {
        let parameters = params.builder();
        let (first, second) = (
            initializer.weight(num_inputs, num_hiddens),
            initializer.weight(num_hiddens, num_outputs),
        );
        Ok(Self {
            w1: parameters.get_with_hints((num_inputs, num_hiddens), "w1", first)?,
            b1: parameters.get_with_hints(num_hiddens, "b1", initializer.bias(num_inputs))?,
            w2: parameters.get_with_hints((num_hiddens, num_outputs), "w2", second)?,
            b2: parameters.get_with_hints(num_outputs, "b2", initializer.bias(num_hiddens))?,
        })
    }
}

impl Network for Mlp {
    /// `[B, C, S, S] -> [B, K]`: logits.
    fn forward(&self, x: &Tensor, _: Mode) -> candle_core::Result<Tensor> {
        let x = x.flatten_from(1)?; // [B, D]
        let h = relu(&x.matmul(&self.w1)?.broadcast_add(&self.b1)?)?; // [B, H]
        h.matmul(&self.w2)?.broadcast_add(&self.b2)
    }
}

/// ReLU(x) = max(x, 0), element by element. zh 4.2.2, en 5.1.2.
pub fn relu(x: &Tensor) -> candle_core::Result<Tensor> {
    x.maximum(&x.zeros_like()?)
}
