//! Dropout by hand: a mask of zeros and ones, and the scaling that keeps the expectation.
//!
//! D2L zh 4.6.4, en 5.6.2.

use anyhow::Result;
use candle_core::{Device, Tensor};
use d2l::PresetName::{En, Zh};
use d2l::nn::{Initializer, Mode, Network, ParamStore, Step};
use d2l::random::{Purpose, Rng, Stream};
use d2l::{Preset, Recipe};

use super::Options;
use crate::scratch::relu;

const ZH: Recipe = Recipe {
    epochs: 10,
    batch_size: 256,
    learning_rate: 0.5,
    initializer: Initializer::PytorchDefault,
    ..Recipe::SGD
};
const EN: Recipe = Recipe { learning_rate: 0.1, ..ZH };
/// The experiments.
pub const PRESETS: &[Preset<Options>] = &[
    Preset::quick(5, "zh 4.6", ZH, Options::ZH),
    Preset::new(Zh, "zh 4.6", ZH, Options::ZH),
    Preset::new(En, "en 5.6", EN, Options::EN),
];

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
    /// Two hidden layers of `num_hiddens` units, which are dropped with `probabilities`. Parameters are drawn by
    /// `initializer`.
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
    /// `[B, C, S, S] -> [B, K]`: logits. Units are dropped in training only.
    fn forward(&self, x: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
        let [p1, p2] = self.probabilities;
        let x = x.flatten_from(1)?; // [B, D]
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
}

/// h' = 0 with probability p, else h / (1 - p), so that E\[h'\] = h. Any shape to the same shape. zh 4.6.2, en 5.6.1.
///
/// `name` separates one layer's draws from another's: layers of equal names would drop equal elements.
pub fn dropout(x: &Tensor, p: f64, name: &str, step: Step) -> candle_core::Result<Tensor> {
    if p == 1.0 {
        return x.zeros_like(); // everything is dropped; 1 / (1 - p) would be infinite
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
