//! Weight decay: 200 weights for 20 examples. Without a price on large weights the fit is perfect and useless.
//!
//! D2L zh 4.5, en 3.7. What is minimized is
//!
//! l(w, b) + λ/2 ‖w‖²
//!
//! and λ is the recipe's weight decay. It is 0 in one model and 3 in the other, so that the two can be compared.
//!
//! Reading order: [`scratch`] (the penalty in the loss), [`concise`] (its gradient λw in the optimizer).

pub mod concise;
pub mod scratch;

use anyhow::Result;
use candle_core::Tensor;
use d2l::{Recipe, Run, data::Splits, plot};

/// The model that learns without weight decay.
pub const LAMBDA0: &str = "weight-decay-lambda0";
/// The model with λ = 3.
pub const LAMBDA3: &str = "weight-decay-lambda3";

/// Features of an example, so also weights: ten times as many as there are examples to learn from.
pub const FEATURES: usize = 200;
/// Each of the weights that made the data; the norm of all is 0.141.
const TRUE_WEIGHT: f64 = 0.01;
/// The bias that made the data.
const TRUE_BIAS: f64 = 0.05;
/// Standard deviation of the noise.
const NOISE: f64 = 0.01;
const TRAIN: usize = 20;
const VALID: usize = 100;

/// zh 4.5.3 and 4.5.4.
const ZH_RECIPE: Recipe = Recipe {
    epochs: 100,
    batch_size: 5,
    learning_rate: 0.003,
    ..Recipe::SGD
};
/// en 3.7.3 and 3.7.4.
const EN_RECIPE: Recipe = Recipe {
    epochs: 10,
    batch_size: 5,
    learning_rate: 0.01,
    ..Recipe::SGD
};

/// Features `[N, 200]` and targets `[N, 1]` of y = 0.05 + Σ 0.01 x + ε, drawn from the run's seed. zh 4.5.2, en 3.7.2.
fn synthetic_data(run: &Run) -> Result<Splits<2>> {
    let weight = [TRUE_WEIGHT; FEATURES];
    let data =
        d2l::data::synthetic_regression(run.seed(), &weight, TRUE_BIAS, NOISE, TRAIN, VALID)?;
    Ok(run.first_examples(data))
}

/// Logs the norm of the learned weight, which the Chinese edition prints, and half its square, which the English one
/// prints, and draws the weights. `weight` holds 200 numbers in any shape.
fn report(run: &mut Run, weight: &Tensor) -> Result<()> {
    let weight: Vec<f32> = weight.flatten_all()?.to_vec1()?;
    let squares: f64 = weight.iter().map(|&w| f64::from(w).powi(2)).sum();
    run.record_final("norm.weight", squares.sqrt());
    run.record_final("l2_penalty", squares / 2.0);
    run.say(&format!(
        "\nthe learned weight has the norm {:.4}; the one that made the data has {:.4}",
        squares.sqrt(),
        TRUE_WEIGHT * (FEATURES as f64).sqrt()
    ));
    draw_weights(run, weight)
}

/// Draws `figures/weights.svg`: the learned weights in order of size, beside the true ones.
fn draw_weights(run: &Run, mut weight: Vec<f32>) -> Result<()> {
    let Some(path) = run.figure("weights") else {
        return Ok(());
    };
    weight.sort_by(f32::total_cmp);
    let learned = (1..)
        .zip(weight)
        .map(|(rank, w)| (f64::from(rank), f64::from(w)));
    let series = [
        plot::Series {
            name: "learned".into(),
            points: learned.collect(),
        },
        plot::Series {
            name: "true".into(),
            points: vec![(1.0, TRUE_WEIGHT), (FEATURES as f64, TRUE_WEIGHT)],
        },
    ];
    let title = format!("{}: weights", run.model());
    plot::curves(&path, &title, "weights in order of size", "weight", &series)
}
