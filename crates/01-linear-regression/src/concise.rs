//! Linear regression with the library: a linear layer, the mean squared error, SGD and [`d2l::fit`].
//!
//! D2L zh 3.3, en 3.5. The loss has no ½, so its gradient is twice that of [`crate::scratch`], and each step is twice
//! as long at the same learning rate.

use anyhow::{Context, Result};
use candle_core::{Module, Tensor};
use d2l::PresetName::{En, Zh};
use d2l::data::Splits;
use d2l::nn::{Initializer, Linear, Mode, Network, ParamStore, linear};
use d2l::{Preset, Recipe, Regressor, Run, fit};

const ZH: Recipe = Recipe {
    epochs: 3,
    batch_size: 10,
    learning_rate: 0.03,
    initializer: Initializer::NormalZeroBias { std: 0.01 },
    ..Recipe::SGD
};
/// The book asks for N(0, 0.01²), but its layer has no shape at that point, so PyTorch's default stays in effect.
const EN: Recipe = Recipe {
    batch_size: 32,
    initializer: Initializer::PytorchDefault,
    ..ZH
};
/// The experiments on synthetic data.
pub const PRESETS: &[Preset] = &[
    Preset::quick(3, "zh 3.3", ZH, ()),
    Preset::plain(Zh, "zh 3.3", ZH),
    Preset::plain(En, "en 3.5", EN),
];

/// ŷ = Xwᵀ + b.
pub struct LinearRegression {
    /// The only layer: weight `[1, D]`, bias `[1]`.
    pub linear: Linear,
}

impl LinearRegression {
    /// Weight `[1, D]` and bias `[1]`, drawn by `initializer`.
    pub fn new(num_inputs: usize, initializer: &Initializer, params: &ParamStore) -> Result<Self> {
        Ok(Self {
            linear: linear(num_inputs, 1, initializer, params.builder().pp("linear"))?,
        })
    }
}

impl Network for LinearRegression {
    /// `[B, D] -> [B, 1]`
    fn forward(&self, x: &Tensor, _: Mode) -> candle_core::Result<Tensor> {
        self.linear.forward(x)
    }
}

/// Trains on features `[N, D]` and targets `[N, 1]` and returns weight and bias; nothing after `--summary`.
pub fn train(run: &mut Run, data: &Splits<2>) -> Result<Option<(Tensor, Tensor)>> {
    let [x, _] = data.train.batch(&[0], &run.settings.device)?;
    let initializer = &run.settings.recipe.initializer;
    let model = LinearRegression::new(x.dim(1)?, initializer, &run.params)?;
    if run.shows_summary(&[&x], || model.forward(&x, Mode::Evaluate))? {
        return Ok(None);
    }
    let task = Regressor::new(model);
    let mut optimizer = run.settings.optimizer(&run.params)?;
    fit(&task, data, &mut optimizer, run)?;
    let linear = task.network.linear;
    let bias = linear.bias().context("the linear layer has no bias")?;
    Ok(Some((linear.weight().clone(), bias.clone())))
}
