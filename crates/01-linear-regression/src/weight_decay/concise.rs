//! Weight decay with the library: the optimizer adds λw to the weight's gradient. D2L zh 4.5.4, en 3.7.4.
//!
//! The model is that of linear regression, [`crate::concise`]. Its loss has no ½, so the loss's part of the gradient,
//! but not the penalty's, is twice that of [`super::scratch`]: the same λ weighs half as much.

use anyhow::Result;
use candle_core::Tensor;
use d2l::PresetName::{En, Zh};
use d2l::data::Splits;
use d2l::nn::{Initializer, Mode, Network, ParamGroup};
use d2l::{Preset, Recipe, Regressor, Run, fit};

use super::{FEATURES, Options, lambda3};
use crate::concise::LinearRegression;

const ZH: Recipe = Recipe {
    initializer: Initializer::NormalBias { std: 1.0 },
    ..super::ZH
};
/// The book asks for N(0, 0.01²), but its layer has no shape at that point, so PyTorch's default stays in effect.
const EN: Recipe = Recipe { initializer: Initializer::PytorchDefault, ..super::EN };
/// Without weight decay. The English edition has no such experiment.
pub(super) const LAMBDA0: &[Preset<Options>] = &[
    Preset::quick(100, "zh 4.5", ZH, Options::SQUARED_LOSS),
    Preset::new(Zh, "zh 4.5", ZH, Options::SQUARED_LOSS),
];
/// With λ = 3.
pub(super) const LAMBDA3: &[Preset<Options>] = &[
    Preset::quick(100, "zh 4.5", lambda3(ZH), Options::SQUARED_LOSS),
    Preset::new(Zh, "zh 4.5", lambda3(ZH), Options::SQUARED_LOSS),
    Preset::new(En, "en 3.7", lambda3(EN), Options::SQUARED_LOSS),
];

/// Trains and returns the weight; nothing after `--summary`.
pub(super) fn train(run: &mut Run, data: &Splits<2>) -> Result<Option<Tensor>> {
    let [x, _] = data.train.batch(&[0], &run.settings.device)?;
    let recipe = &run.settings.recipe;
    let model = LinearRegression::new(FEATURES, &recipe.initializer, &run.params)?;
    if run.shows_summary(&[&x], || model.forward(&x, Mode::Evaluate))? {
        return Ok(None);
    }
    let task = Regressor::new(model);
    // The weight decays by λ, the bias doesn't.
    let groups = ParamGroup::sparing_biases(run.params.parameters(), recipe.weight_decay);
    let mut optimizer = recipe.optimizer_over(groups)?;
    fit(&task, data, &mut optimizer, run)?;
    Ok(Some(task.network.linear.weight().clone()))
}
