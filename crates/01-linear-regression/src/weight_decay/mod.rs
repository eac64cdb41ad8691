//! Weight decay: 200 weights for 20 examples. Without a penalty on large weights the fit is perfect and useless.
//!
//! D2L zh 4.5, en 3.7. Training minimizes
//!
//! l(w, b) + λ/2 ‖w‖²
//!
//! where λ is the recipe's weight decay. It is 0 in one model and 3 in the other, so that the two can be compared.
//!
//! Reading order: [`scratch`] (the penalty in the loss), [`concise`] (its gradient λw in the optimizer).

pub mod concise;
pub mod scratch;

use anyhow::Result;
use candle_core::Tensor;
use d2l::{Implementation, Model, Recipe, Run, data::Splits, plot};
use serde::Serialize;

/// zh 4.5.3 and 4.5.4.
const ZH: Recipe = Recipe {
    epochs: 100,
    batch_size: 5,
    learning_rate: 0.003,
    ..Recipe::SGD
};
/// en 3.7.3 and 3.7.4.
const EN: Recipe = Recipe { epochs: 10, learning_rate: 0.01, ..ZH };

/// The recipe with λ = 3.
const fn lambda3(mut recipe: Recipe) -> Recipe {
    recipe.weight_decay = 3.0;
    recipe
}

/// The options in which the editions differ, besides their recipes.
#[derive(Clone, Debug, clap::Args, Serialize)]
pub struct Options {
    /// Whether the validation loss includes the penalty, as in the English edition's curves. The Chinese edition shows
    /// the squared loss alone.
    #[arg(skip)]
    pub penalty_in_evaluation: bool,
}

impl Options {
    const SQUARED_LOSS: Self = Self { penalty_in_evaluation: false };
    const PENALIZED_LOSS: Self = Self { penalty_in_evaluation: true };
}

/// The entries in the chapter's list: two models.
pub fn models() -> Vec<Model> {
    vec![
        Model::new(
            "weight-decay-lambda0",
            "200 weights for 20 examples, without weight decay (D2L zh 4.5, en 3.7)",
            train,
            scratch::LAMBDA0,
            concise::LAMBDA0,
        ),
        Model::new(
            "weight-decay-lambda3",
            "200 weights for 20 examples, with weight decay λ = 3 (D2L zh 4.5, en 3.7)",
            train,
            scratch::LAMBDA3,
            concise::LAMBDA3,
        ),
    ]
}

/// Number of features, and so of weights: ten times as many as there are examples to learn from.
const FEATURES: usize = 200;
/// Each of the weights that made the data; the norm of all is 0.141.
const TRUE_WEIGHT: f64 = 0.01;
/// The bias that made the data.
const TRUE_BIAS: f64 = 0.05;
/// Standard deviation of the noise.
const NOISE: f64 = 0.01;
const TRAIN: usize = 20;
const VALID: usize = 100;

fn train(run: &mut Run, options: &Options) -> Result<()> {
    let data = synthetic_data(run)?;
    let weight = match run.settings.implementation {
        Implementation::Scratch => scratch::train(run, &data, options)?,
        Implementation::Concise => concise::train(run, &data)?,
    };
    match weight {
        Some(weight) => report(run, &weight),
        None => Ok(()),
    }
}

/// Features `[N, 200]` and targets `[N, 1]` of y = 0.05 + Σ 0.01 x + ε, drawn from the run's seed. zh 4.5.2, en 3.7.2.
fn synthetic_data(run: &Run) -> Result<Splits<2>> {
    let (seed, weight) = (run.settings.seed, [TRUE_WEIGHT; FEATURES]);
    let data = d2l::data::synthetic_regression(seed, &weight, TRUE_BIAS, NOISE, TRAIN, VALID)?;
    Ok(run.settings.first_examples(data))
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
    let Some(path) = run.figure("weights")? else {
        return Ok(());
    };
    weight.sort_by(f32::total_cmp);
    let learned = (1..)
        .zip(weight)
        .map(|(rank, w)| (f64::from(rank), f64::from(w)));
    let series = [
        plot::Series { name: "learned".into(), points: learned.collect() },
        plot::Series {
            name: "true".into(),
            points: vec![(1.0, TRUE_WEIGHT), (FEATURES as f64, TRUE_WEIGHT)],
        },
    ];
    let title = run.title("weights");
    plot::curves(&path, &title, "weights in order of size", "weight", &series)
}
