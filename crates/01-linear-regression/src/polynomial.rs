//! Polynomials of the right, too low and too high a degree: what fits, what underfits and what overfits.
//!
//! D2L zh 4.4, en 3.6 (which shows no training). The data lie on
//! y = 5 + 1.2x − 3.4x²/2! + 5.6x³/3! + ε,  x ~ N(0, 1),  ε ~ N(0, 0.1²).

use anyhow::Result;
use candle_core::{Device, Module, Tensor};
use d2l::data::{Splits, polynomial_features, synthetic_polynomial};
use d2l::nn::{Initializer, Linear, Mode, Network, ParamStore};
use d2l::{Band, Implementation, Preset, PresetName, Recipe, Regressor, Run, fit, plot};

/// The features 1, x, x²/2!, x³/3!: all that made the data.
pub const CUBIC: &str = "polynomial-cubic";
/// The features 1 and x: too few.
pub const LINEAR: &str = "polynomial-linear";
/// The features up to x¹⁹/19!: more than the data have a use for.
pub const DEGREE19: &str = "polynomial-degree19";

/// The weights that made the data.
const COEFFICIENTS: [f64; 4] = [5.0, 1.2, -3.4, 5.6];
/// Standard deviation of the noise ε. No model gets a mean squared error below its square, 0.01, on fresh data.
const NOISE: f64 = 0.1;
/// Examples in each of the two parts.
const EXAMPLES: usize = 100;

/// The experiments, for each degree a quick one, which is the book's, and the book's.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: PresetName::Quick,
        bands: &[],
        ..ZH_CUBIC
    },
    ZH_CUBIC,
    Preset {
        name: PresetName::Quick,
        bands: &[],
        ..ZH_LINEAR
    },
    ZH_LINEAR,
    Preset {
        name: PresetName::Quick,
        bands: &[],
        ..ZH_DEGREE19
    },
    ZH_DEGREE19,
];

const ZH_CUBIC: Preset = Preset {
    model: CUBIC,
    implementation: Implementation::Concise,
    name: PresetName::Zh,
    section: "zh 4.4",
    recipe: Recipe {
        epochs: 400,
        batch_size: 10,
        learning_rate: 0.01,
        initializer: Initializer::PytorchDefault,
        ..Recipe::SGD
    },
    bands: &[
        Band::book("train_after.loss", 0.00744, 0.00972, 0.0568, 45),
        Band::book("valid.loss", 0.00808, 0.0102, 0.4405, 45),
        Band::book("weight.0", 4.8873, 4.996, 5.0248, 45),
        Band::book("weight.1", 1.1747, 1.2066, 1.654, 45),
        Band::book("weight.2", -3.4329, -3.3986, -3.0154, 45),
        Band::book("weight.3", 3.8494, 5.583, 5.6482, 45),
    ],
};

const ZH_LINEAR: Preset = Preset {
    model: LINEAR,
    bands: &[
        Band::book("train_after.loss", 1.4052, 7.359, 37.7892, 45),
        Band::book("valid.loss", 2.8738, 9.7537, 32.6933, 45),
    ],
    ..ZH_CUBIC
};

const ZH_DEGREE19: Preset = Preset {
    model: DEGREE19,
    recipe: Recipe {
        epochs: 1500,
        ..ZH_CUBIC.recipe
    },
    bands: &[
        Band::book("train_after.loss", 0.00714, 0.0109, 0.0154, 45),
        Band::book("valid.loss", 0.0087, 0.0139, 0.092, 45),
    ],
    ..ZH_CUBIC
};

/// How many of the features 1, x, x²/2!, … a model of this chapter sees.
fn terms(model: &str) -> usize {
    match model {
        LINEAR => 2,
        DEGREE19 => 20,
        _ => COEFFICIENTS.len(),
    }
}

/// ŷ = Σ w_i xⁱ/i!, without a bias: the first feature is 1.
pub struct Polynomial {
    linear: Linear,
}

impl Polynomial {
    /// Weight `[1, terms]`, drawn by `initializer`.
    pub fn new(terms: usize, initializer: &Initializer, params: &ParamStore) -> Result<Self> {
        let layer = params.builder().pp("linear");
        let weight = layer.get_with_hints((1, terms), "weight", initializer.weight(terms, 1))?;
        Ok(Self {
            linear: Linear::new(weight, None)?,
        })
    }
}

impl Network for Polynomial {
    /// `[B, terms] -> [B, 1]`
    fn forward_t(&self, x: &Tensor, _: Mode) -> candle_core::Result<Tensor> {
        self.linear.forward(x)
    }

    fn layers(&self, x: &Tensor) -> candle_core::Result<Vec<(String, Tensor)>> {
        Ok(vec![("linear".into(), self.linear.forward(x)?)])
    }
}

/// Trains and reports.
pub fn train(run: &mut Run) -> Result<()> {
    let terms = terms(run.model());
    let data = synthetic_polynomial(run.seed(), &COEFFICIENTS, NOISE, terms, EXAMPLES, EXAMPLES)?;
    let data = run.first_examples(data);
    let model = Polynomial::new(terms, &run.recipe().initializer, run.params())?;
    if run.shows_summary(&model, &data.train.batch(&[0], &run.device())?[0])? {
        return Ok(());
    }
    let task = Regressor::new(model);
    let mut optimizer = run.optimizer()?;
    fit(&task, &data, &mut optimizer, run)?;
    report(run, &data, task.network.linear.weight())
}

/// Logs the learned weights, `weight.0` of 1, `weight.1` of x and so on, and draws data and polynomials.
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
    draw_fit(run, data, &weight)
}

/// Draws `figures/fit.svg`: the training data, the learned polynomial and the one that made the data.
fn draw_fit(run: &Run, data: &Splits<2>, weight: &[f64]) -> Result<()> {
    /// Points along each curve.
    const POINTS: usize = 200;
    let Some(path) = run.figure("fit") else {
        return Ok(());
    };
    let all: Vec<usize> = (0..data.train.len()).collect();
    let [x, y] = data.train.batch(&all, &Device::Cpu)?;
    let x: Vec<f32> = x.get_on_dim(1, 1)?.to_vec1()?; // the feature x¹/1!
    let y: Vec<f32> = y.flatten_all()?.to_vec1()?;
    let points: Vec<(f64, f64)> = x
        .iter()
        .zip(&y)
        .map(|(&x, &y)| (f64::from(x), f64::from(y)))
        .collect();
    let low = x.iter().copied().fold(f32::INFINITY, f32::min);
    let high = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let (low, width) = (f64::from(low), f64::from(high - low));
    let curve = |name: &str, weight: &[f64]| plot::Series {
        name: name.to_string(),
        points: (0..=POINTS)
            .map(|i| {
                let x = low + width * i as f64 / POINTS as f64;
                let features = polynomial_features(x, weight.len());
                (x, features.iter().zip(weight).map(|(x, w)| x * w).sum())
            })
            .collect(),
    };
    let curves = [curve("true", &COEFFICIENTS), curve("learned", weight)];
    let title = format!("{}: data and fit", run.model());
    plot::scatter_with_fit(&path, &title, "x", "target y", &points, &curves)
}
