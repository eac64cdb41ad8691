//! Linear regression on measured data: how loud an airfoil is in the wind.
//!
//! D2L zh 11.5, en 12.5, where the set compares optimizers. 1,500 sections of wings in a wind tunnel: frequency, angle
//! of attack, chord length, speed of the air and thickness of the boundary layer, and the sound level to predict. All
//! six are standardized, to mean 0 and standard deviation 1. There is no validation set: `valid.loss` is that of the same
//! 1,500 examples after an epoch, as the book's curves show it.
//!
//! This file trains on all five features; [`descent`] takes two of them and draws each step on the surface of the
//! loss, [`bowl`].

pub mod bowl;
pub mod descent;

use anyhow::Result;
use candle_core::{Device, Tensor};
use d2l::data::Splits;
use d2l::nn::Initializer;
use d2l::{Implementation, Preset, PresetName, Recipe, Regressor, Run};

use crate::closed_form::ClosedForm;
use crate::{concise, scratch};

/// The model on all five features.
pub const AIRFOIL: &str = "airfoil";
/// Features of an example.
pub const FEATURES: usize = 5;

/// Minibatch SGD by hand and with the library: the book's settings, which are quick.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: PresetName::Quick,
        ..ZH_SCRATCH
    },
    ZH_SCRATCH,
    Preset {
        name: PresetName::Quick,
        ..ZH_CONCISE
    },
    ZH_CONCISE,
];

const ZH_SCRATCH: Preset = Preset {
    model: AIRFOIL,
    implementation: Implementation::Scratch,
    name: PresetName::Zh,
    section: "zh 11.5",
    recipe: Recipe {
        epochs: 2,
        batch_size: 10,
        learning_rate: 0.05,
        initializer: Initializer::NormalZeroBias { std: 0.01 },
        ..Recipe::SGD
    },
    bands: &[],
};

const ZH_CONCISE: Preset = Preset {
    implementation: Implementation::Concise,
    recipe: Recipe {
        epochs: 4,
        learning_rate: 0.01,
        initializer: Initializer::Normal { std: 0.01 },
        ..ZH_SCRATCH.recipe
    },
    ..ZH_SCRATCH
};

/// Features `[N, 5]` and targets `[N, 1]`, standardized.
fn data(run: &Run) -> Result<Splits<2>> {
    Ok(run.first_examples(run.load(d2l::data::airfoil)?.splits))
}

/// Trains by hand and reports.
pub fn train_by_hand(run: &mut Run) -> Result<()> {
    let data = data(run)?;
    let initializer = run.recipe().initializer;
    let model = scratch::LinearRegression::new(FEATURES, &initializer, run.params())?;
    if run.shows_summary(&model, &data.train.batch(&[0], &run.device())?[0])? {
        return Ok(());
    }
    scratch::fit(&model, &data, run)?;
    report(run, &data, &model.w, &model.b)
}

/// Trains with the library and reports.
pub fn train(run: &mut Run) -> Result<()> {
    let data = data(run)?;
    let initializer = run.recipe().initializer;
    let model = concise::LinearRegression::new(FEATURES, &initializer, run.params())?;
    if run.shows_summary(&model, &data.train.batch(&[0], &run.device())?[0])? {
        return Ok(());
    }
    let task = Regressor::new(model);
    let mut optimizer = run.optimizer()?;
    d2l::fit(&task, &data, &mut optimizer, run)?;
    let linear = &task.network.linear;
    let Some(bias) = linear.bias() else {
        anyhow::bail!("the linear layer has no bias")
    };
    report(run, &data, linear.weight(), bias)
}

/// Logs `half_squared_loss`, what the book's curves show, of the learned parameters and of the closed form: ½ (ŷ − y)²,
/// the mean over all examples. `weight` holds 5 numbers and `bias` 1, in any shape.
fn report(run: &mut Run, data: &Splits<2>, weight: &Tensor, bias: &Tensor) -> Result<()> {
    let numbers = |tensor: &Tensor| -> Result<Vec<f64>> {
        let values: Vec<f32> = tensor.flatten_all()?.to_vec1()?;
        Ok(values.into_iter().map(f64::from).collect())
    };
    let (weight, bias) = (numbers(weight)?, numbers(bias)?.iter().sum());
    let learned = half_squared_loss(data, &weight, bias)?;
    run.record_final("half_squared_loss", learned);
    match ClosedForm::of(&data.train) {
        Ok(best) => {
            let least = half_squared_loss(data, &best.weight, best.bias)?;
            run.record_final("closed_form.loss", least);
            run.record_final("closed_form.distance", best.distance(&weight, bias));
            run.say(&format!(
                "\n½ squared loss of all examples: {learned:.4} learned, {least:.4} in closed form"
            ));
        }
        Err(cause) => run.say(&format!("\nthe closed form is not defined: {cause:#}")),
    }
    Ok(())
}

/// ½ (ŷ − y)² in f64, the mean over the training set.
fn half_squared_loss(data: &Splits<2>, weight: &[f64], bias: f64) -> Result<f64> {
    let all: Vec<usize> = (0..data.train.len()).collect();
    let [x, y] = data.train.batch(&all, &Device::Cpu)?;
    let (x, y): (Vec<Vec<f32>>, Vec<f32>) = (x.to_vec2()?, y.flatten_all()?.to_vec1()?);
    let halves = x.iter().zip(&y).map(|(x, &y)| {
        let product: f64 = x.iter().zip(weight).map(|(&x, w)| f64::from(x) * w).sum();
        (product + bias - f64::from(y)).powi(2) / 2.0
    });
    Ok(halves.sum::<f64>() / y.len() as f64)
}
