//! Softmax regression by hand: softmax and cross-entropy by their definitions.
//!
//! D2L zh 3.6, en 4.4. For logits o the model predicts P(class j) = exp(oⱼ) / Σₖ exp(oₖ). In f32 the exponential
//! overflows for logits above 88; [`crate::concise`] avoids that.

use anyhow::Result;
use candle_core::Tensor;
use d2l::PresetName::{En, Zh};
use d2l::nn::{Initializer, Mode, Network, ParamStore};
use d2l::{Preset, Recipe};

use crate::Options;

const BOOK: Recipe = Recipe {
    epochs: 10,
    batch_size: 256,
    learning_rate: 0.1,
    initializer: Initializer::NormalZeroBias { std: 0.01 },
    ..Recipe::SGD
};
/// The experiments. Both editions have the same recipe.
pub const PRESETS: &[Preset<Options>] = &[
    Preset::quick(5, "zh 3.6", BOOK, Options::BOOK),
    Preset::new(Zh, "zh 3.6", BOOK, Options::BOOK),
    Preset::new(En, "en 4.4", BOOK, Options::BOOK),
];

/// Ŷ = softmax(XW + b).
pub struct SoftmaxRegression {
    /// Weight W, `[pixels, K]`.
    pub w: Tensor,
    b: Tensor,
}

impl SoftmaxRegression {
    /// W `[num_inputs, num_outputs]` and b `[num_outputs]`, drawn by `initializer`.
    pub fn new(
        num_inputs: usize,
        num_outputs: usize,
        initializer: &Initializer,
        params: &ParamStore,
    ) -> Result<Self> {
        let vb = params.builder();
        let weight = initializer.weight(num_inputs, num_outputs);
        Ok(Self {
            w: vb.get_with_hints((num_inputs, num_outputs), "w", weight)?,
            b: vb.get_with_hints(num_outputs, "b", initializer.bias(num_inputs))?,
        })
    }
}

impl Network for SoftmaxRegression {
    /// `[B, 1, 28, 28] -> [B, K]`: probabilities that sum to 1 in each row.
    fn forward(&self, x: &Tensor, _: Mode) -> candle_core::Result<Tensor> {
        let x = x.flatten_from(1)?; // [B, pixels]
        softmax(&x.matmul(&self.w)?.broadcast_add(&self.b)?)
    }
}

/// softmax(X)ᵢⱼ = exp(Xᵢⱼ) / Σₖ exp(Xᵢₖ): `[B, K] -> [B, K]`. zh 3.6.2, en 4.4.1.
pub fn softmax(x: &Tensor) -> candle_core::Result<Tensor> {
    let x_exp = x.exp()?;
    let partition = x_exp.sum_keepdim(1)?; // [B, 1]
    x_exp.broadcast_div(&partition)
}

/// -log ŷ_y, where ŷ_y is the probability of the true class: the mean over the batch. zh 3.6.4, en 4.4.3.
///
/// Shapes: `y_hat` `[B, K]` probabilities, `y` `[B]` classes; a scalar.
pub fn cross_entropy(y_hat: &Tensor, y: &Tensor) -> candle_core::Result<Tensor> {
    let of_true_class = y_hat.gather(&y.unsqueeze(1)?, 1)?; // [B, 1]
    of_true_class.log()?.mean_all()?.neg()
}
