//! Dropout by hand: a mask of zeros and ones, and the scaling that keeps the expectation.
//!
//! D2L zh 4.6.4, en 5.6.2.

use anyhow::Result;
use candle_core::{Device, Tensor};
use d2l::nn::{Initializer, Mode, Network, ParamStore, Step};
use d2l::random::{Purpose, Rng, Stream};
use d2l::{Band, Implementation, Preset, PresetName, Recipe};

use crate::scratch::relu;

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
            ..ZH.recipe
        },
        bands: &[
            Band::pooled("train_window.loss", 0.4064247, 0.4175764, 0.4287281, 31),
            Band::pooled("valid_batches.loss", 0.3755639, 0.4057726, 0.4359813, 31),
            Band::pooled(
                "valid_batches.accuracy",
                0.8348762,
                0.8513703,
                0.8678644,
                31,
            ),
            Band::pooled(
                "valid_batches.accuracy.best",
                0.8427394,
                0.8531495,
                0.8635596,
                31,
            ),
        ],
        ..ZH
    },
];

const ZH: Preset = Preset {
    model: "dropout",
    implementation: Implementation::Scratch,
    name: PresetName::Zh,
    section: "zh 4.6",
    recipe: Recipe {
        epochs: 10,
        batch_size: 256,
        learning_rate: 0.5,
        initializer: Initializer::PytorchDefault,
        ..Recipe::SGD
    },
    bands: &[
        Band::book("train.loss", 0.3286, 0.3348, 0.3555, 48),
        Band::book("train.accuracy", 0.8695, 0.8764, 0.879, 48),
        Band::book("valid.accuracy", 0.7835, 0.8599, 0.872, 48),
    ],
};

/// H₁ = drop(ReLU(XW₁ + b₁)), H₂ = drop(ReLU(H₁W₂ + b₂)), O = H₂W₃ + b₃.
pub struct DropoutMlp {
    w1: Tensor,
    b1: Tensor,
    w2: Tensor,
    b2: Tensor,
    w3: Tensor,
    b3: Tensor,
    probabilities: [f64; 2],
}

impl DropoutMlp {
    /// Two hidden layers of `num_hiddens` units, which fall out with `probabilities`; drawn by `initializer`.
    pub fn new(
        [num_inputs, num_hiddens, num_outputs]: [usize; 3],
        probabilities: [f64; 2],
        initializer: &Initializer,
        params: &ParamStore,
    ) -> Result<Self> {
        let parameters = params.builder();
        let weight = |name: &str, rows: usize, columns: usize| {
            let rule = initializer.weight(rows, columns);
            parameters.get_with_hints((rows, columns), name, rule)
        };
        let bias = |name: &str, rows: usize, columns: usize| {
            parameters.get_with_hints(columns, name, initializer.bias(rows))
        };
        Ok(Self {
            w1: weight("w1", num_inputs, num_hiddens)?,
            b1: bias("b1", num_inputs, num_hiddens)?,
            w2: weight("w2", num_hiddens, num_hiddens)?,
            b2: bias("b2", num_hiddens, num_hiddens)?,
            w3: weight("w3", num_hiddens, num_outputs)?,
            b3: bias("b3", num_hiddens, num_outputs)?,
            probabilities,
        })
    }
}

impl Network for DropoutMlp {
    /// `[B, 1, 28, 28] -> [B, K]`: logits. Units fall out while training only.
    fn forward_t(&self, x: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
        let [p1, p2] = self.probabilities;
        let x = x.flatten_from(1)?; // [B, pixels]
        let mut h1 = relu(&x.matmul(&self.w1)?.broadcast_add(&self.b1)?)?; // [B, H]
        if let Mode::Train(step) = mode {
            h1 = dropout(&h1, p1, "dropout1", step)?;
        }
        let mut h2 = relu(&h1.matmul(&self.w2)?.broadcast_add(&self.b2)?)?;
        if let Mode::Train(step) = mode {
            h2 = dropout(&h2, p2, "dropout2", step)?;
        }
        h2.matmul(&self.w3)?.broadcast_add(&self.b3)
    }

    fn layers(&self, x: &Tensor) -> candle_core::Result<Vec<(String, Tensor)>> {
        let flat = x.flatten_from(1)?;
        let product1 = flat.matmul(&self.w1)?;
        let sum1 = product1.broadcast_add(&self.b1)?;
        let h1 = relu(&sum1)?;
        let product2 = h1.matmul(&self.w2)?;
        let sum2 = product2.broadcast_add(&self.b2)?;
        let h2 = relu(&sum2)?;
        let product3 = h2.matmul(&self.w3)?;
        let o = product3.broadcast_add(&self.b3)?;
        let named = [
            ("flatten", flat),
            ("w1", product1),
            ("b1", sum1),
            ("relu1", h1.clone()),
            ("dropout1", h1), // in evaluation it changes nothing
            ("w2", product2),
            ("b2", sum2),
            ("relu2", h2.clone()),
            ("dropout2", h2),
            ("w3", product3),
            ("b3", o),
        ];
        Ok(named
            .map(|(name, output)| (name.to_string(), output))
            .into())
    }
}

/// h' = 0 with probability p, else h / (1 - p), so that E\[h'\] = h. Any shape to the same shape. zh 4.6.2, en 5.6.1.
///
/// `name` tells one layer's draws from another's: equal names would drop equal elements.
pub fn dropout(x: &Tensor, p: f64, name: &str, step: Step) -> candle_core::Result<Tensor> {
    if p == 1.0 {
        return x.zeros_like(); // everything falls out; 1 / (1 - p) would be infinite
    }
    let stream = Stream {
        seed: step.seed,
        purpose: Purpose::Dropout,
        name,
        epoch: step.epoch,
        step: step.step,
    };
    let mut rng = stream.rng();
    let mut uniform = || f64::from(rng.random::<u32>()) / 2f64.powi(32); // from U[0, 1)
    let mask: Vec<u8> = (0..x.elem_count())
        .map(|_| (uniform() >= p) as u8)
        .collect();
    let mask = Tensor::from_vec(mask, x.shape(), &Device::Cpu)?
        .to_device(x.device())?
        .to_dtype(x.dtype())?;
    (mask * x)? / (1.0 - p)
}
