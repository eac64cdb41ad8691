//! Softmax regression by hand: softmax and cross-entropy by their definitions.
//!
//! D2L zh 3.6, en 4.4. For logits o the model says P(class j) = exp(oⱼ) / Σₖ exp(oₖ). In f32 the exponential
//! overflows for logits above 88; [`crate::concise`] shows the way out.

use anyhow::Result;
use candle_core::Tensor;
use d2l::nn::{Initializer, Mode, Network, ParamStore};
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
        section: "en 4.4",
        bands: &[
            Band::pooled("train_window.loss", 0.436414, 0.4465003, 0.4565866, 51),
            Band::pooled("valid_batches.loss", 0.4530234, 0.4812308, 0.5094382, 51),
            Band::pooled(
                "valid_batches.accuracy",
                0.8195816,
                0.8323236,
                0.8450656,
                51,
            ),
            Band::pooled(
                "valid_batches.accuracy.best",
                0.8296033,
                0.8340828,
                0.8385623,
                51,
            ),
        ],
        ..ZH
    },
];

const ZH: Preset = Preset {
    model: "softmax-regression",
    implementation: Implementation::Scratch,
    name: PresetName::Zh,
    section: "zh 3.6",
    recipe: Recipe {
        epochs: 10,
        batch_size: 256,
        learning_rate: 0.1,
        initializer: Initializer::NormalZeroBias { std: 0.01 },
        ..Recipe::SGD
    },
    bands: &[
        Band::book("train.loss", 0.4467, 0.4473, 0.4486, 34),
        Band::book("train.accuracy", 0.847, 0.8478, 0.8495, 34),
        Band::book("valid.accuracy", 0.8084, 0.8294, 0.836, 34),
    ],
};

/// Ŷ = softmax(XW + b).
pub struct SoftmaxRegression {
    /// `[pixels, K]`
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
        let parameters = params.builder();
        let weight = initializer.weight(num_inputs, num_outputs);
        Ok(Self {
            w: parameters.get_with_hints((num_inputs, num_outputs), "w", weight)?,
            b: parameters.get_with_hints(num_outputs, "b", initializer.bias(num_inputs))?,
        })
    }
}

impl Network for SoftmaxRegression {
    /// `[B, 1, 28, 28] -> [B, K]`: probabilities that sum to 1 in each row.
    fn forward_t(&self, x: &Tensor, _: Mode) -> candle_core::Result<Tensor> {
        let x = x.flatten_from(1)?; // [B, pixels]
        softmax(&x.matmul(&self.w)?.broadcast_add(&self.b)?)
    }

    fn layers(&self, x: &Tensor) -> candle_core::Result<Vec<(String, Tensor)>> {
        let flat = x.flatten_from(1)?;
        let product = flat.matmul(&self.w)?;
        let logits = product.broadcast_add(&self.b)?;
        let y_hat = softmax(&logits)?;
        Ok(vec![
            ("flatten".into(), flat),
            ("w".into(), product),
            ("b".into(), logits),
            ("softmax".into(), y_hat),
        ])
    }
}

/// softmax(X)ᵢⱼ = exp(Xᵢⱼ) / Σₖ exp(Xᵢₖ): `[B, K] -> [B, K]`. zh 3.6.2, en 4.4.1.
pub fn softmax(x: &Tensor) -> candle_core::Result<Tensor> {
    let x_exp = x.exp()?;
    let partition = x_exp.sum_keepdim(1)?; // [B, 1]
    x_exp.broadcast_div(&partition)
}

/// -log ŷ_y, the probability given to the true class, the mean over the batch. zh 3.6.4, en 4.4.3.
///
/// Shapes: `y_hat` `[B, K]` probabilities, `y` `[B]` classes; a scalar.
pub fn cross_entropy(y_hat: &Tensor, y: &Tensor) -> candle_core::Result<Tensor> {
    let of_true_class = y_hat.gather(&y.unsqueeze(1)?, 1)?; // [B, 1]
    of_true_class.log()?.mean_all()?.neg()
}
