//! The multilayer perceptron with the library's layers. D2L zh 4.3, en 5.2.2.
//!
//! The book's perceptron has one hidden layer and ReLU. This one may have any number of layers and another activation,
//! for zh 4.8 and en 5.4: gradients that vanish or explode in a deep network ([`crate::gradients`]).

use anyhow::{Result, bail};
use candle_core::{Module, Tensor};
use d2l::PresetName::{En, Zh};
use d2l::nn::{Initializer, Linear, Mode, Network, ParamStore, linear};
use d2l::{Preset, Recipe};

use crate::activation::Activation;
use crate::perceptron::Options;

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
    Preset::quick(5, "zh 4.3", ZH, Options::BOOK),
    Preset::new(Zh, "zh 4.3", ZH, Options::BOOK),
    Preset::new(En, "en 5.2", EN, Options::BOOK),
];

/// Hₗ = φ(Hₗ₋₁Wₗᵀ + bₗ) for each hidden layer l, O = HWᵀ + b.
pub struct Mlp {
    hidden: Vec<Linear>,
    activation: Activation,
    output: Linear,
}

impl Mlp {
    /// `widths` are the numbers of inputs, of each hidden layer's units, and of outputs. The parameters' names begin
    /// with `hidden` if there is one hidden layer, with `hidden1`, `hidden2`, … if there are several, and with `output`.
    ///
    /// # Errors
    /// If there are fewer than two widths.
    pub fn new(
        widths: &[usize],
        activation: Activation,
        initializer: &Initializer,
        params: &ParamStore,
    ) -> Result<Self> {
        let [below @ .., last, num_outputs] = widths else {
            bail!(
                "found the widths {widths:?}, wanted at least those of the inputs and the outputs"
            );
        };
        let vb = params.builder();
        let mut hidden = Vec::new();
        for (number, (&inputs, &units)) in (1..).zip(below.iter().zip(widths.iter().skip(1))) {
            let name = match below.len() {
                1 => "hidden".to_string(),
                _ => format!("hidden{number}"),
            };
            hidden.push(linear(inputs, units, initializer, vb.pp(name))?);
        }
        Ok(Self {
            hidden,
            activation,
            output: linear(*last, *num_outputs, initializer, vb.pp("output"))?,
        })
    }
}

impl Network for Mlp {
    /// `[B, C, S, S] -> [B, K]`, or `[B, D] -> [B, K]`: logits.
    fn forward(&self, x: &Tensor, _: Mode) -> candle_core::Result<Tensor> {
        let mut h = x.flatten_from(1)?; // [B, D]
        for hidden in &self.hidden {
            h = self.activation.apply(&hidden.forward(&h)?)?; // [B, H]
        }
        self.output.forward(&h)
    }
}
