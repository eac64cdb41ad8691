//! Linear regression on measured data: how loud an airfoil is in the wind.
//!
//! D2L zh 11.5, en 12.5, where optimizers are compared on these data. The data are 1,500 measurements in a wind tunnel:
//! frequency, angle of attack, chord length, speed of the air and thickness of the boundary layer, and the sound level
//! to predict. All six are standardized, to mean 0 and standard deviation 1. There is no validation set: `valid.loss`
//! is the loss of the same 1,500 examples after an epoch, as in the book's curves.
//!
//! This file trains on all five features. [`descent`] takes two of them and draws each step on the surface of the
//! loss, [`bowl`].

pub mod bowl;
pub mod descent;

use anyhow::Result;
use candle_core::{Device, Tensor};
use d2l::PresetName::Zh;
use d2l::data::Splits;
use d2l::nn::Initializer;
use d2l::{Model, Preset, Recipe, Run};

use crate::closed_form::ClosedForm;
use crate::synthetic::fit;

const BY_HAND: Recipe = Recipe {
    epochs: 2,
    batch_size: 10,
    learning_rate: 0.05,
    initializer: Initializer::NormalZeroBias { std: 0.01 },
    ..Recipe::SGD
};
const CONCISE: Recipe = Recipe {
    epochs: 4,
    learning_rate: 0.01,
    initializer: Initializer::Normal { std: 0.01 },
    ..BY_HAND
};

/// The entry in the chapter's list: linear regression on all five features.
pub fn model() -> Model {
    let about =
        "Linear regression on measured data: the noise of an airfoil (D2L zh 11.5, en 12.5)";
    let scratch = [
        Preset::quick(2, "zh 11.5", BY_HAND, ()),
        Preset::plain(Zh, "zh 11.5", BY_HAND),
    ];
    let concise = [
        Preset::quick(4, "zh 11.5", CONCISE, ()),
        Preset::plain(Zh, "zh 11.5", CONCISE),
    ];
    Model::new("airfoil", about, train, &scratch, &concise)
}

fn train(run: &mut Run, _: &()) -> Result<()> {
    let data = data(run)?;
    match fit(run, &data)? {
        Some((weight, bias)) => report(run, &data, &weight, &bias),
        None => Ok(()),
    }
}

/// Features `[N, 5]` and targets `[N, 1]`, standardized.
fn data(run: &Run) -> Result<Splits<2>> {
    let settings = &run.settings;
    Ok(settings.first_examples(settings.load(d2l::data::airfoil)?.splits))
}

/// Logs `half_squared_loss`, which the book's curves show, for the learned parameters and for the closed form: ½ (ŷ −
/// y)², the mean over all examples. `weight` holds 5 numbers and `bias` 1, in any shape.
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
