//! Polynomials of the right, too low and too high a degree: what fits, what underfits and what overfits.
//!
//! D2L zh 4.4, en 3.6 (which shows no training). The data lie on
//! y = 5 + 1.2x − 3.4x²/2! + 5.6x³/3! + ε,  x ~ N(0, 1),  ε ~ N(0, 0.1²).

use anyhow::Result;
use candle_core::{Device, Module, Tensor};
use clap::builder::RangedU64ValueParser;
use d2l::PresetName::Zh;
use d2l::data::{Dataset, Splits, polynomial_features, synthetic_polynomial};
use d2l::nn::{Initializer, Linear, Mode, Network, ParamStore};
use d2l::{Model, Preset, Recipe, Regressor, Run, fit, plot};
use serde::Serialize;

const ZH: Recipe = Recipe {
    epochs: 400,
    batch_size: 10,
    learning_rate: 0.01,
    ..Recipe::SGD
};
/// The book trains the model with the most terms longer than the others.
const ZH_DEGREE19: Recipe = Recipe { epochs: 1500, ..ZH };

const CUBIC: &[Preset<Options>] = &[
    Preset::quick(400, "zh 4.4", ZH, Options { terms: 4 }),
    Preset::new(Zh, "zh 4.4", ZH, Options { terms: 4 }),
];
const LINEAR: &[Preset<Options>] = &[
    Preset::quick(400, "zh 4.4", ZH, Options { terms: 2 }),
    Preset::new(Zh, "zh 4.4", ZH, Options { terms: 2 }),
];
const DEGREE19: &[Preset<Options>] = &[
    Preset::quick(1500, "zh 4.4", ZH_DEGREE19, Options { terms: 20 }),
    Preset::new(Zh, "zh 4.4", ZH_DEGREE19, Options { terms: 20 }),
];

/// ŷ = Σ w_i xⁱ/i!, without a bias: the first feature is 1.
pub struct Polynomial {
    linear: Linear,
}

impl Polynomial {
    /// Weight `[1, terms]`, drawn by `initializer`.
    pub fn new(terms: usize, initializer: &Initializer, params: &ParamStore) -> Result<Self> {
        let layer = params.builder().pp("linear");
        let weight = layer.get_with_hints((1, terms), "weight", initializer.weight(terms, 1))?;
        Ok(Self { linear: Linear::new(weight, None)? })
    }
}

impl Network for Polynomial {
    /// `[B, terms] -> [B, 1]`
    fn forward(&self, x: &Tensor, _: Mode) -> candle_core::Result<Tensor> {
        self.linear.forward(x)
    }
}

/// The options in which the three models differ.
#[derive(Clone, Debug, clap::Args, Serialize)]
#[command(next_help_heading = "Model")]
pub struct Options {
    /// How many of the features 1, x, x²/2!, x³/3!, … the model sees
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(2..=100))]
    pub terms: usize,
}

/// The entries in the chapter's list: three polynomials.
pub fn models() -> Vec<Model> {
    let model = |name, about, presets| Model::new(name, about, train, &[], presets);
    vec![
        model(
            "polynomial-cubic",
            "A polynomial of degree 3, the degree of the data (D2L zh 4.4, en 3.6)",
            CUBIC,
        ),
        model(
            "polynomial-linear",
            "A polynomial of degree 1: underfitting (D2L zh 4.4, en 3.6)",
            LINEAR,
        ),
        model(
            "polynomial-degree19",
            "A polynomial of degree 19: overfitting (D2L zh 4.4, en 3.6)",
            DEGREE19,
        ),
    ]
}

/// The weights that made the data.
const COEFFICIENTS: [f64; 4] = [5.0, 1.2, -3.4, 5.6];
/// Standard deviation of the noise ε. No model gets a mean squared error below its square, 0.01, on fresh data.
const NOISE: f64 = 0.1;
/// Examples in each of the two parts.
const EXAMPLES: usize = 100;

fn train(run: &mut Run, &Options { terms }: &Options) -> Result<()> {
    let settings = &run.settings;
    let data = synthetic_polynomial(
        settings.seed,
        &COEFFICIENTS,
        NOISE,
        terms,
        EXAMPLES,
        EXAMPLES,
    )?;
    let data = settings.first_examples(data);
    let [x, _] = data.train.batch(&[0], &settings.device)?;
    let model = Polynomial::new(terms, &settings.recipe.initializer, &run.params)?;
    if run.shows_summary(&[&x], || model.forward(&x, Mode::Evaluate))? {
        return Ok(());
    }
    let task = Regressor::new(model);
    let mut optimizer = run.settings.optimizer(&run.params)?;
    fit(&task, &data, &mut optimizer, run)?;
    report(run, &data, task.network.linear.weight())
}

/// Logs the learned weights (`weight.0` is that of 1, `weight.1` that of x, and so on), and draws data and polynomials.
fn report(run: &mut Run, data: &Splits<2>, weight: &Tensor) -> Result<()> {
    let weight: Vec<f32> = weight.flatten_all()?.to_vec1()?;
    let weight: Vec<f64> = weight.into_iter().map(f64::from).collect();
    for (i, &w) in weight.iter().enumerate() {
        run.record_final(&format!("weight.{i}"), w);
    }
    let shown: Vec<String> = weight.iter().take(4).map(|w| format!("{w:.4}")).collect();
    run.say(&format!(
        "\nthe first weights learned are {}; the data were made with 5, 1.2, -3.4 and 5.6",
        shown.join(", ")
    ));
    draw_fit(run, data, &weight)?;
    draw_residuals(run, data, &weight)
}

/// Points along each curve of a figure.
const POINTS: usize = 200;

/// Draws `figures/fit.svg`: the training data, the learned polynomial and the one that made the data.
fn draw_fit(run: &Run, data: &Splits<2>, weight: &[f64]) -> Result<()> {
    let Some(path) = run.figure("fit")? else {
        return Ok(());
    };
    let points = points(&data.train)?;
    let curve = |name: &str, weight: &[f64]| plot::Series {
        name: name.to_string(),
        points: curve(&points, |x| polynomial(x, weight)),
    };
    let curves = [curve("true", &COEFFICIENTS), curve("learned", weight)];
    let title = run.title("data and fit");
    plot::scatter_with_fit(&path, &title, "x", "target y", &points, &curves)
}

/// Draws `figures/residuals.svg`: how far the data, the learned from and the held-out ones, and the polynomial that made
/// them lie above the learned polynomial. What overfits is closer to the points that it learned from.
fn draw_residuals(run: &Run, data: &Splits<2>, weight: &[f64]) -> Result<()> {
    let Some(path) = run.figure("residuals")? else {
        return Ok(());
    };
    let above = |x: f64, y: f64| y - polynomial(x, weight);
    let residuals = |name: &str, data: &Dataset<2>| -> Result<plot::Series> {
        let points = points(data)?.into_iter().map(|(x, y)| (x, above(x, y)));
        Ok(plot::Series { name: name.to_string(), points: points.collect() })
    };
    let sets = [
        residuals("training data", &data.train)?,
        residuals("held-out data", &data.valid)?,
    ];
    let all = [points(&data.train)?, points(&data.valid)?].concat();
    let truth = plot::Series {
        name: "true".to_string(),
        points: curve(&all, |x| above(x, polynomial(x, &COEFFICIENTS))),
    };
    let title = run.title("residuals");
    plot::scatter(&path, &title, "x", "target y - prediction", &sets, &[truth])
}

/// The sum of w_i xⁱ/i!.
fn polynomial(x: f64, weight: &[f64]) -> f64 {
    let features = polynomial_features(x, weight.len());
    features.iter().zip(weight).map(|(x, w)| x * w).sum()
}

/// (x, y) of each example.
fn points(data: &Dataset<2>) -> Result<Vec<(f64, f64)>> {
    let all: Vec<usize> = (0..data.len()).collect();
    let [x, y] = data.batch(&all, &Device::Cpu)?;
    let x: Vec<f32> = x.get_on_dim(1, 1)?.to_vec1()?; // the feature x¹/1!
    let y: Vec<f32> = y.flatten_all()?.to_vec1()?;
    Ok(x.iter()
        .zip(&y)
        .map(|(&x, &y)| (x.into(), y.into()))
        .collect())
}

/// A function over the range of the points' x.
fn curve(points: &[(f64, f64)], y: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
    let xs = || points.iter().map(|point| point.0);
    let low = xs().fold(f64::INFINITY, f64::min);
    let width = xs().fold(f64::NEG_INFINITY, f64::max) - low;
    let xs = (0..=POINTS).map(|i| low + width * i as f64 / POINTS as f64);
    xs.map(|x| (x, y(x))).collect()
}
