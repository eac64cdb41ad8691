//! Predicting house prices: a linear model, judged by K-fold cross-validation, and a file of predictions for Kaggle.
//!
//! D2L zh 4.10, en 5.7; De Cock 2011 (the data). With `--num-layers` the book's exercise: a multilayer perceptron.
//!
//! An error of 10,000 dollars is small for a palace and large for a hut, so what counts is the relative error:
//! log_rmse = √(1/n Σᵢ (ln ŷᵢ - ln yᵢ)²). The Chinese edition trains on the squared error in dollars and only reports
//! log_rmse; the English one predicts ln y and trains on its squared error.

use std::fmt::Write;

use anyhow::{Context, Result, bail};
use candle_core::Tensor;
use d2l::data::{HouseEdition, HousePrices, Splits, house_prices};
use d2l::nn::{Mode, Network, Step, mse_loss};
use d2l::{
    Band, Implementation, OptimizerKind, Preset, PresetName, Recipe, Run, Scores, Task, fit,
};

use crate::Args;
use crate::activation::Activation;
use crate::concise::Mlp;

/// `--model`.
pub const NAME: &str = "house-price";
/// Folds in both editions. zh 4.10.7, en 5.7.5.
const FOLDS: usize = 5;

/// The experiments.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: PresetName::Quick,
        bands: &[],
        ..ZH
    },
    ZH,
    EN,
];

const ZH: Preset = Preset {
    model: NAME,
    implementation: Implementation::Concise,
    name: PresetName::Zh,
    section: "zh 4.10",
    recipe: Recipe {
        epochs: 100,
        batch_size: 64,
        learning_rate: 5.0,
        optimizer: OptimizerKind::Adam,
        ..Recipe::SGD
    },
    bands: &[
        printed("folds.train_after.log_rmse", 0.165184, 0.165501, 0.165857),
        printed("folds.valid.log_rmse", 0.170107, 0.170516, 0.171014),
        printed("fold1.train_after.log_rmse", 0.169404, 0.1702265, 0.17119),
        printed("fold1.valid.log_rmse", 0.155989, 0.156719, 0.157659),
        printed("fold2.train_after.log_rmse", 0.161796, 0.1622855, 0.162746),
        printed("fold2.valid.log_rmse", 0.18781, 0.1899675, 0.192813),
        printed("fold3.train_after.log_rmse", 0.163379, 0.1638625, 0.16485),
        printed("fold3.valid.log_rmse", 0.167779, 0.168339, 0.168883),
        printed("fold4.train_after.log_rmse", 0.167161, 0.1679915, 0.168852),
        printed("fold4.valid.log_rmse", 0.154122, 0.1546505, 0.155117),
        printed("fold5.train_after.log_rmse", 0.162338, 0.1632015, 0.164317),
        printed("fold5.valid.log_rmse", 0.182325, 0.1829375, 0.183616),
        printed("train_after.log_rmse", 0.161976, 0.1625215, 0.162927),
    ],
};

const EN: Preset = Preset {
    name: PresetName::En,
    section: "en 5.7",
    recipe: Recipe {
        epochs: 10,
        learning_rate: 0.01,
        optimizer: OptimizerKind::Sgd,
        ..ZH.recipe
    },
    bands: &[
        Band::pooled(
            "folds.valid_batches.loss",
            0.1692999,
            0.17885,
            0.1884001,
            31,
        ),
        Band::pooled(
            "fold1.valid_batches.loss",
            0.1418613,
            0.161066,
            0.1802707,
            31,
        ),
        Band::pooled(
            "fold1.train_window.loss",
            0.1190115,
            0.1549906,
            0.1909697,
            31,
        ),
    ],
    ..ZH
};

/// A number that the book prints to six decimals, over its 48 builds.
const fn printed(metric: &'static str, low: f64, median: f64, high: f64) -> Band {
    Band::book(metric, low, median, high, 48).printed(6)
}

/// What the model predicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The price in dollars.
    Price,
    /// Its natural logarithm.
    LogPrice,
}

impl Target {
    /// Each edition's.
    pub const fn of(preset: PresetName) -> Self {
        match preset {
            PresetName::Quick | PresetName::Small | PresetName::Zh => Self::Price,
            PresetName::En => Self::LogPrice,
        }
    }
}

/// Regression of prices: features `[B, D]` and prices in dollars `[B, 1]`.
pub struct PriceRegressor {
    /// The model: `[B, D] -> [B, 1]`.
    pub network: Mlp,
    /// What it predicts.
    pub target: Target,
}

impl PriceRegressor {
    /// The mean squared error of the target.
    fn loss(&self, prediction: &Tensor, price: &Tensor) -> candle_core::Result<Tensor> {
        match self.target {
            Target::Price => mse_loss(prediction, price),
            Target::LogPrice => mse_loss(prediction, &price.log()?),
        }
    }

    /// ln ŷ. Prices below 1 dollar count as 1: the logarithm of less is of no use.
    fn log_price(&self, prediction: &Tensor) -> candle_core::Result<Tensor> {
        match self.target {
            Target::Price => prediction.maximum(1.0)?.log(),
            Target::LogPrice => Ok(prediction.clone()),
        }
    }

    /// Prices in dollars: `[B, D] -> [B]`.
    fn prices(&self, x: &Tensor) -> Result<Vec<f32>> {
        let prediction = self.network.forward_t(x, Mode::Evaluate)?;
        let prices = match self.target {
            Target::Price => prediction,
            Target::LogPrice => prediction.exp()?,
        };
        Ok(prices.flatten_all()?.to_vec1()?)
    }
}

impl Task<2> for PriceRegressor {
    fn training_loss(
        &self,
        [x, y]: &[Tensor; 2],
        step: Step,
        _: &mut Scores,
    ) -> candle_core::Result<Tensor> {
        self.loss(&self.network.forward_t(x, Mode::Train(step))?, y)
    }

    fn evaluate(&self, [x, y]: &[Tensor; 2], scores: &mut Scores) -> candle_core::Result<()> {
        let prediction = self.network.forward_t(x, Mode::Evaluate)?;
        let error = mse_loss(&self.log_price(&prediction)?, &y.log()?)?;
        scores.add_mean_square("log_rmse", &error, y.dim(0)?)?;
        scores.add_mean("loss", &self.loss(&prediction, y)?, y.dim(0)?)
    }
}

/// Cross-validates, trains on all rows where the edition does, and writes `submission.csv`.
pub fn train(args: &Args, run: &mut Run) -> Result<()> {
    let target = Target::of(run.preset());
    let edition = match target {
        Target::Price => HouseEdition::Zh,
        Target::LogPrice => HouseEdition::En,
    };
    let houses = run.load(|choice, folder| house_prices(choice, folder, edition))?;
    let rows = run.first_examples(Splits {
        train: houses.train.clone(),
        valid: houses.train.rows(&[])?,
        provenance: houses.provenance.clone(),
    });
    let num_layers = run.hyperparameter("num-layers", args.num_layers.map(usize::from), 0);
    let mut widths = vec![houses.feature_names.len()];
    if num_layers > 0 {
        let num_hiddens = args.num_hiddens.map(usize::from);
        let num_hiddens = run.hyperparameter("num-hiddens", num_hiddens, crate::NUM_HIDDENS);
        widths.extend(vec![num_hiddens; num_layers]);
    }
    widths.push(1);
    let x = houses
        .test
        .batch(&(0..houses.test.len()).collect::<Vec<_>>(), &run.device())?;
    if run.shows_summary(&network(&widths, run)?, &x[0])? {
        return Ok(());
    }

    let mut of_folds: Vec<Vec<f32>> = Vec::new();
    run.cross_validate(&rows, FOLDS, |run, splits| {
        of_folds.push(train_one(&widths, run, splits, &x[0])?);
        Ok(())
    })?;
    let prices = match target {
        Target::Price => train_one(&widths, run, &rows, &x[0])?,
        Target::LogPrice => mean(&of_folds), // en 5.7.6: the mean of the folds' models
    };
    write_submission(run, &houses, &prices)
}

fn network(widths: &[usize], run: &Run) -> Result<Mlp> {
    Mlp::new(
        widths,
        Activation::Relu,
        &run.recipe().initializer,
        run.params(),
    )
}

/// Trains one model and predicts the prices of `x`.
fn train_one(widths: &[usize], run: &mut Run, splits: &Splits<2>, x: &Tensor) -> Result<Vec<f32>> {
    let task = PriceRegressor {
        network: network(widths, run)?,
        target: Target::of(run.preset()),
    };
    let mut optimizer = run.optimizer()?;
    fit(&task, splits, &mut optimizer, run)?;
    task.prices(x)
}

/// The mean over the models, house by house.
fn mean(of_models: &[Vec<f32>]) -> Vec<f32> {
    let houses = of_models.first().map_or(0, Vec::len);
    let of_house = |house: usize| of_models.iter().filter_map(move |prices| prices.get(house));
    (0..houses)
        .map(|house| of_house(house).sum::<f32>() / of_models.len() as f32)
        .collect()
}

/// Writes `submission.csv` as Kaggle takes it: `Id,SalePrice` and a line for each house of the test set.
fn write_submission(run: &Run, houses: &HousePrices, prices: &[f32]) -> Result<()> {
    let Some(folder) = run.folder() else {
        bail!("the run has not started")
    };
    let mut text = "Id,SalePrice\n".to_string();
    for (id, price) in houses.test_ids.iter().zip(prices) {
        writeln!(text, "{id},{price}")?;
    }
    let file = folder.join("submission.csv");
    std::fs::write(&file, text).with_context(|| file.display().to_string())?;
    run.say(&format!(
        "predicted {} houses: {}",
        prices.len(),
        file.display()
    ));
    Ok(())
}
