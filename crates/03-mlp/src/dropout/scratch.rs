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

/// Hₗ = drop(ReLU(Hₗ₋₁Wₗ + bₗ)) for each hidden layer l, O = HW + b. The book's has two hidden layers.
pub struct DropoutMlp {
    /// Weight and bias of each layer; the output layer is the last.
    layers: Vec<(Tensor, Tensor)>,
    probabilities: Vec<f64>,
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
        let parameters = params.builder();
        let mut layers = Vec::new();
        let mut rows = num_inputs;
        for number in 1..=probabilities.len() + 1 {
            let is_last = number > probabilities.len();
            let columns = if is_last { num_outputs } else { num_hiddens };
            let rule = initializer.weight(rows, columns);
            let w = parameters.get_with_hints((rows, columns), &format!("w{number}"), rule)?;
            let rule = initializer.bias(rows);
            let b = parameters.get_with_hints(columns, &format!("b{number}"), rule)?;
            layers.push((w, b));
            rows = columns;
        }
        Ok(Self { layers, probabilities: probabilities.to_vec() })
    }
}

impl Network for DropoutMlp {
    /// `[B, C, S, S] -> [B, K]`: logits. Units are dropped in training only.
    fn forward(&self, x: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
        let mut h = x.flatten_from(1)?; // [B, D]
        let mut probabilities = (1..).zip(&self.probabilities);
        for (w, b) in &self.layers {
            h = h.matmul(w)?.broadcast_add(b)?;
            let Some((number, &p)) = probabilities.next() else {
                break; // the output layer
            };
            h = relu(&h)?; // [B, H]
            if let Mode::Train(step) = mode {
                h = dropout(&h, p, &format!("dropout{number}"), step)?;
            }
        }
        Ok(h)
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
