//! Linear regression on synthetic data whose true weights are known: y = Xw + b + ε.
//!
//! D2L zh 3.2.1, en 3.3. The features are drawn from N(0, 1), the noise from N(0, 0.01²). This file makes the data and
//! reports what was learned; the model is [`scratch`] or [`concise`].

use anyhow::{Result, bail};
use candle_core::Tensor;
use d2l::{Implementation, Model, Run, data::Splits, plot};

use crate::closed_form::ClosedForm;
use crate::{concise, scratch};

/// The weight w that made the data.
pub const TRUE_WEIGHT: [f64; 2] = [2.0, -3.4];
/// The bias b that made the data.
pub const TRUE_BIAS: f64 = 4.2;
/// Standard deviation of the noise ε. No model gets a mean squared error below its square, 1e-4.
const NOISE: f64 = 0.01;
/// Examples in each of the two parts. The Chinese edition has no validation set.
const EXAMPLES: usize = 1000;

/// The entry in the chapter's list.
pub fn model() -> Model {
    let about = "Linear regression on synthetic data (D2L zh 3.2-3.3, en 3.4-3.5)";
    Model::new(
        "linear-regression",
        about,
        train,
        scratch::PRESETS,
        concise::PRESETS,
    )
}

fn train(run: &mut Run, _: &()) -> Result<()> {
    let data = synthetic_data(run)?;
    match fit(run, &data)? {
        Some((weight, bias)) => report(run, &data, &weight, &bias),
        None => Ok(()),
    }
}

/// Trains by hand or with the library, as the run asks, and returns weight and bias; nothing after `--summary`.
pub(crate) fn fit(run: &mut Run, data: &Splits<2>) -> Result<Option<(Tensor, Tensor)>> {
    match run.settings.implementation {
        Implementation::Scratch => scratch::train(run, data),
        Implementation::Concise => concise::train(run, data),
    }
}

/// Features `[N, 2]` and targets `[N, 1]`, drawn from the run's seed.
fn synthetic_data(run: &Run) -> Result<Splits<2>> {
    let data = d2l::data::synthetic_regression(
        run.settings.seed,
        &TRUE_WEIGHT,
        TRUE_BIAS,
        NOISE,
        EXAMPLES,
        EXAMPLES,
    )?;
    Ok(run.settings.first_examples(data))
}

/// Logs the errors, true minus learned parameters, and the distance to the closed form, and draws data and fit.
///
/// Shapes: `weight` holds 2 numbers, `bias` 1, in any shape.
fn report(run: &mut Run, data: &Splits<2>, weight: &Tensor, bias: &Tensor) -> Result<()> {
    let weight: Vec<f32> = weight.flatten_all()?.to_vec1()?;
    let bias: Vec<f32> = bias.flatten_all()?.to_vec1()?;
    let (&[w1, w2], &[b]) = (weight.as_slice(), bias.as_slice()) else {
        bail!(
            "wanted 2 weights and 1 bias, found {} and {}",
            weight.len(),
            bias.len()
        );
    };
    run.record_final("error.weight1", TRUE_WEIGHT[0] - f64::from(w1));
    run.record_final("error.weight2", TRUE_WEIGHT[1] - f64::from(w2));
    run.record_final("error.bias", TRUE_BIAS - f64::from(b));
    run.say(&format!(
        "\nlearned y = {w1:.4} x1 {w2:+.4} x2 {b:+.4}; the data were made with 2, -3.4 and 4.2"
    ));
    compare_with_closed_form(run, data, &[w1, w2].map(f64::from), f64::from(b));
    draw_fit(run, data, w2, b)
}

/// Logs two distances: `closed_form.distance`, from the learned parameters to those with the least squared error on
/// the same data, and `closed_form.error`, from there to the true parameters. Training approaches the least squared
/// error, not the true parameters, so on average it comes no closer to the true ones than the second distance.
fn compare_with_closed_form(run: &mut Run, data: &Splits<2>, weight: &[f64; 2], bias: f64) {
    match ClosedForm::of(&data.train) {
        Ok(best) => {
            let distance = best.distance(weight, bias);
            let error = best.distance(&TRUE_WEIGHT, TRUE_BIAS);
            run.record_final("closed_form.distance", distance);
            run.record_final("closed_form.error", error);
            run.say(&format!(
                "the closed form is {distance:.1e} away from what was learned and {error:.1e} from the truth"
            ));
        }
        Err(cause) => run.say(&format!("the closed form is not defined: {cause:#}")),
    }
}

/// Draws `figures/fit.svg`: the targets over the second feature, and the learned line where the first one is 0.
fn draw_fit(run: &Run, data: &Splits<2>, w2: f32, b: f32) -> Result<()> {
    let Some(path) = run.figure("fit")? else {
        return Ok(());
    };
    let all: Vec<usize> = (0..data.train.len()).collect();
    let [x, y] = data.train.batch(&all, &candle_core::Device::Cpu)?;
    let x2: Vec<f32> = x.get_on_dim(1, 1)?.to_vec1()?;
    let y: Vec<f32> = y.flatten_all()?.to_vec1()?;
    let points: Vec<(f64, f64)> = x2
        .iter()
        .zip(&y)
        .map(|(&x, &y)| (f64::from(x), f64::from(y)))
        .collect();
    let ends = [-3.5, 3.5].map(|x: f64| (x, x * f64::from(w2) + f64::from(b)));
    let fit = plot::Series { name: "learned, at x1 = 0".into(), points: ends.to_vec() };
    plot::scatter_with_fit(
        &path,
        &run.title("data and fit"),
        "second feature x2",
        "target y",
        &points,
        &[fit],
    )
}
