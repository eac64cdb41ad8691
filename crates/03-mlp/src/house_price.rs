//! Predicting house prices: a linear model, judged by K-fold cross-validation, and a file of predictions for Kaggle.
//!
//! D2L zh 4.10, en 5.7; De Cock 2011 (the data). With `--num-layers` the book's exercise: a multilayer perceptron.
//!
//! An error of 10,000 dollars is small for a palace and large for a hut, so the relative error counts:
//! log_rmse = √(1/n Σᵢ (ln ŷᵢ - ln yᵢ)²). The Chinese edition trains on the squared error in dollars and only reports
//! log_rmse; the English one predicts ln y and trains on its squared error.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result, bail};
use candle_core::Tensor;
use d2l::PresetName::{En, Quick, Zh};
use d2l::data::{HouseEdition, HousePrices, Splits, house_prices};
use d2l::nn::{Mode, Network, Step, mse_loss};
use d2l::{
    Model, OptimizerKind, Preset, Recipe, Run, Scores, Task, at_least_one, depth_or_none, fit,
    probability,
};
use serde::Serialize;

use crate::NUM_HIDDENS;
use crate::dropout::concise::DropoutMlp;

/// Folds in both editions. zh 4.10.7, en 5.7.5.
const FOLDS: usize = 5;

const ZH: Recipe = Recipe {
    epochs: 100,
    batch_size: 64,
    learning_rate: 5.0,
    optimizer: OptimizerKind::Adam,
    ..Recipe::SGD
};
const EN: Recipe = Recipe {
    epochs: 10,
    learning_rate: 0.01,
    optimizer: OptimizerKind::Sgd,
    ..ZH
};
/// The experiments.
pub const PRESETS: &[Preset<Options>] = &[
    Preset::new(Quick, "zh 4.10", ZH, Options::ZH),
    Preset::new(Zh, "zh 4.10", ZH, Options::ZH),
    Preset::new(En, "en 5.7", EN, Options::EN),
];

/// The entry in the chapter's list.
pub fn model() -> Model {
    let about = "House prices: a linear model and cross-validation (D2L zh 4.10, en 5.7)";
    Model::new("house-price", about, train, &[], PRESETS)
}

/// The options in which the editions differ, or which an exercise changes.
#[derive(Clone, Debug, clap::Args, Serialize)]
#[command(next_help_heading = "Model")]
pub struct Options {
    /// Hidden layers; 0 for the book's linear model
    #[arg(long, value_name = "N", value_parser = depth_or_none)]
    pub num_layers: usize,
    /// Units of each hidden layer
    #[arg(long, value_name = "N", value_parser = at_least_one, requires = "num_layers")]
    pub num_hiddens: usize,
    /// Probability that a hidden unit is dropped
    #[arg(long, value_name = "P", value_parser = probability, requires = "num_layers")]
    pub dropout: f64,
    /// What the model predicts.
    #[arg(skip = Target::Price)]
    #[serde(skip)]
    pub target: Target,
    /// The edition whose features and predictions are made.
    #[arg(skip = HouseEdition::Zh)]
    #[serde(skip)]
    pub edition: HouseEdition,
}

impl Options {
    /// zh 4.10: prices in dollars.
    pub const ZH: Self = Self {
        num_layers: 0,
        num_hiddens: NUM_HIDDENS,
        dropout: 0.0,
        target: Target::Price,
        edition: HouseEdition::Zh,
    };
    /// en 5.7: logarithms of prices.
    pub const EN: Self = Self {
        target: Target::LogPrice,
        edition: HouseEdition::En,
        ..Self::ZH
    };
}

/// What the model predicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The price in dollars.
    Price,
    /// Its natural logarithm.
    LogPrice,
}

/// Regression of prices: features `[B, D]` and prices in dollars `[B, 1]`.
pub struct PriceRegressor {
    /// The model: `[B, D] -> [B, 1]`.
    pub network: DropoutMlp,
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

    /// ln ŷ. Prices below 1 dollar count as 1 dollar: a linear model may predict negative ones, which have no logarithm.
    fn log_price(&self, prediction: &Tensor) -> candle_core::Result<Tensor> {
        match self.target {
            Target::Price => prediction.maximum(1.0)?.log(),
            Target::LogPrice => Ok(prediction.clone()),
        }
    }

    /// Prices in dollars: `[B, D] -> [B]`.
    fn prices(&self, x: &Tensor) -> Result<Vec<f32>> {
        let prediction = self.network.forward(x, Mode::Evaluate)?;
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
        self.loss(&self.network.forward(x, Mode::Train(step))?, y)
    }

    fn evaluate(&self, [x, y]: &[Tensor; 2], scores: &mut Scores) -> candle_core::Result<()> {
        let prediction = self.network.forward(x, Mode::Evaluate)?;
        let error = mse_loss(&self.log_price(&prediction)?, &y.log()?)?;
        scores.add_mean_square("log_rmse", &error, y.dim(0)?)?;
        scores.add_mean("loss", &self.loss(&prediction, y)?, y.dim(0)?)
    }
}

/// Cross-validates, trains on all rows if the edition does, and writes `submission.csv`.
fn train(run: &mut Run, options: &Options) -> Result<()> {
    let load = |choice, folder: &Path| house_prices(choice, folder, options.edition);
    let houses = run.settings.load(load)?;
    let rows = run.settings.first_examples(Splits {
        train: houses.train.clone(),
        valid: houses.train.rows(&[])?,
        provenance: houses.provenance.clone(),
    });
    let num_features = houses.feature_names.len();
    let widths = [num_features, options.num_hiddens, 1];
    let dropout = vec![options.dropout; options.num_layers];
    let all: Vec<usize> = (0..houses.test.len()).collect();
    let [x] = houses.test.batch(&all, &run.settings.device)?;
    let new = |run: &Run| {
        let initializer = &run.settings.recipe.initializer;
        DropoutMlp::new(widths, &dropout, initializer, &run.params)
    };
    let network = new(run)?;
    if run.shows_summary(&[&x], || network.forward(&x, Mode::Evaluate))? {
        return Ok(());
    }
    if options.target == Target::Price {
        run.measured_in("loss", "dollars²");
    }
    let train_one = |run: &mut Run, splits: &Splits<2>| -> Result<Vec<f32>> {
        let task = PriceRegressor { network: new(run)?, target: options.target };
        let mut optimizer = run.settings.optimizer(&run.params)?;
        fit(&task, splits, &mut optimizer, run)?;
        task.prices(&x)
    };
    let mut of_folds = Vec::new();
    run.cross_validate(&rows, FOLDS, |run, splits| {
        of_folds.push(train_one(run, splits)?);
        Ok(())
    })?;
    let prices = match options.edition {
        HouseEdition::Zh => train_one(run, &rows)?,
        HouseEdition::En => mean(&of_folds), // en 5.7.6: the mean of the folds' models
    };
    write_submission(run, &houses, &prices)
}

/// The mean over the models, house by house.
fn mean(of_models: &[Vec<f32>]) -> Vec<f32> {
    let houses = of_models.first().map_or(0, Vec::len);
    let of_house = |house: usize| of_models.iter().filter_map(move |prices| prices.get(house));
    (0..houses)
        .map(|house| of_house(house).sum::<f32>() / of_models.len() as f32)
        .collect()
}

/// Writes `submission.csv` in Kaggle's form: `Id,SalePrice`, then a line for each house of the test set.
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
