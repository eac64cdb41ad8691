//! The multilayer perceptron by hand: two products, two biases and a ReLU between.
//!
//! D2L zh 4.2, en 5.2.1.

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
        section: "en 5.2",
        bands: &[
            Band::pooled("train_window.loss", 0.3702271, 0.3815058, 0.3927845, 51),
            Band::pooled("valid_batches.loss", 0.3649588, 0.4270783, 0.4891978, 51),
            Band::pooled("valid_batches.accuracy", 0.8188976, 0.8460678, 0.873238, 51),
            Band::pooled(
                "valid_batches.accuracy.best",
                0.8373415,
                0.8493519,
                0.8613623,
                51,
            ),
        ],
        ..ZH
    },
];

const ZH: Preset = Preset {
    model: "mlp",
    implementation: Implementation::Scratch,
    name: PresetName::Zh,
    section: "zh 4.2",
    recipe: Recipe {
        epochs: 10,
        batch_size: 256,
        learning_rate: 0.1,
        initializer: Initializer::NormalZeroBias { std: 0.01 },
        ..Recipe::SGD
    },
    bands: &[
        Band::book("train.loss", 0.3796, 0.3837, 0.3862, 43),
        Band::book("train.accuracy", 0.8624, 0.8646, 0.8666, 43),
        Band::book("valid.accuracy", 0.7685, 0.845, 0.8546, 43),
    ],
};

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
    /// `[B, 1, 28, 28] -> [B, K]`: logits.
    fn forward_t(&self, x: &Tensor, _: Mode) -> candle_core::Result<Tensor> {
        let x = x.flatten_from(1)?; // [B, pixels]
        let h = relu(&x.matmul(&self.w1)?.broadcast_add(&self.b1)?)?; // [B, H]
        h.matmul(&self.w2)?.broadcast_add(&self.b2)
    }

    fn layers(&self, x: &Tensor) -> candle_core::Result<Vec<(String, Tensor)>> {
        let flat = x.flatten_from(1)?;
        let product1 = flat.matmul(&self.w1)?;
        let sum1 = product1.broadcast_add(&self.b1)?;
        let h = relu(&sum1)?;
        let product2 = h.matmul(&self.w2)?;
        let o = product2.broadcast_add(&self.b2)?;
        let named = [
            ("flatten", flat),
            ("w1", product1),
            ("b1", sum1),
            ("relu", h),
            ("w2", product2),
            ("b2", o),
        ];
        Ok(named
            .map(|(name, output)| (name.to_string(), output))
            .into())
    }
}

/// ReLU(x) = max(x, 0), element by element. zh 4.2.2, en 5.1.2.
pub fn relu(x: &Tensor) -> candle_core::Result<Tensor> {
    x.maximum(&x.zeros_like()?)
}
