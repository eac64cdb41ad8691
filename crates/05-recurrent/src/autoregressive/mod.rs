//! A series predicted from its last four values: how errors grow if a model has to go on from its own predictions.
//!
//! D2L zh 8.1, en 9.1. The series is x_t = sin(0.01 t) + ε, ε ~ N(0, 0.2²), t = 1 … 1000, and the model predicts x_t from
//! x_{t-4} … x_{t-1}: the Chinese edition's is a multilayer perceptron, the English edition's linear. For predictions k
//! steps ahead the model reads its own predictions where the series isn't known yet.
//!
//! Reading order: [`mod@series`], this file, [`predictions`].

pub mod predictions;
pub mod series;

use anyhow::Result;
use candle_core::{Device, Module, Tensor};
use clap::builder::RangedU64ValueParser;
use d2l::PresetName::{En, Zh};
use d2l::data::Splits;
use d2l::nn::{Initializer, Linear, Mode, Network, ParamStore, linear};
use d2l::{Model, OptimizerKind, Preset, Recipe, Regressor, Run, fit};
use serde::Serialize;

use crate::inspect;
use predictions::report;
use series::{POINTS, TAU, series, windows};

const EN: Recipe = Recipe {
    epochs: 5,
    batch_size: 16,
    learning_rate: 0.01,
    ..Recipe::SGD
};
const ZH: Recipe = Recipe {
    optimizer: OptimizerKind::Adam,
    initializer: Initializer::Xavier,
    ..EN
};
const CONCISE: &[Preset<Options>] = &[
    Preset::quick(5, "zh 8.1", ZH, Options::ZH),
    Preset::new(Zh, "zh 8.1", ZH, Options::ZH),
    Preset::new(En, "en 9.1", EN, Options { num_hiddens: 0, ..Options::ZH }),
];

/// What the model leaves open.
#[derive(Clone, Debug, clap::Args, Serialize)]
pub struct Options {
    /// Hidden units with ReLU; 0 for a linear model
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(0..=100_000),
          help_heading = "Model")]
    pub num_hiddens: usize,
    /// Show a minibatch beside the values that it consists of, and exit
    #[arg(long, help_heading = "Data")]
    #[serde(skip)]
    pub inspect: bool,
}

impl Options {
    const ZH: Self = Self { num_hiddens: 10, inspect: false };
}

/// The model in the chapter's list.
pub fn model() -> Model {
    let about = "Predicts a noisy sine from its last four values (D2L zh 8.1, en 9.1)";
    Model::new("autoregressive", about, train, &[], CONCISE)
}

/// A linear model of the last values, or a perceptron with one hidden layer.
pub struct Autoregressive {
    hidden: Option<Linear>,
    output: Linear,
}

impl Autoregressive {
    /// Without hidden units it is linear.
    pub fn new(
        num_hiddens: usize,
        init: &Initializer,
        params: &ParamStore,
    ) -> candle_core::Result<Self> {
        let vb = params.builder();
        let hidden = match num_hiddens {
            0 => None,
            width => Some(linear(TAU, width, init, vb.pp("hidden"))?),
        };
        let inputs = if num_hiddens == 0 { TAU } else { num_hiddens };
        Ok(Self { hidden, output: linear(inputs, 1, init, vb.pp("output"))? })
    }
}

impl Network for Autoregressive {
    /// `[B, 4] -> [B, 1]`
    fn forward(&self, x: &Tensor, _: Mode) -> candle_core::Result<Tensor> {
        match &self.hidden {
            Some(hidden) => self.output.forward(&hidden.forward(x)?.relu()?),
            None => self.output.forward(x),
        }
    }
}

fn train(run: &mut Run, options: &Options) -> Result<()> {
    let settings = &run.settings;
    let series = series(settings.seed);
    let splits = settings.first_examples(windows(&series)?);
    let model = Autoregressive::new(
        options.num_hiddens,
        &settings.recipe.initializer,
        &run.params,
    )?;
    if options.inspect {
        return show_minibatch(run, &splits);
    }
    let [x, _] = splits.train.batch(&[0], &settings.device)?;
    if run.shows_summary(&[&x], || model.forward(&x, Mode::Evaluate))? {
        return Ok(());
    }
    let task = Regressor::new(model);
    let mut optimizer = run.settings.optimizer(&run.params)?;
    fit(&task, &splits, &mut optimizer, run)?;
    report(run, &task.network, &series)
}

/// Shows the first minibatch that training takes.
fn show_minibatch(run: &Run, splits: &Splits<2>) -> Result<()> {
    /// Rows that are shown.
    const SHOWN: usize = 5;
    let batches = inspect::first_epoch_of(run, splits.train.len());
    let rows = batches.first().map_or(&[][..], Vec::as_slice);
    let [x, y] = splits.train.batch(rows, &Device::Cpu)?;
    run.show(&format!(
        "series  {} values; {} minibatches in an epoch, of windows in random order",
        POINTS,
        batches.len()
    ));
    let shape = |tensor: &Tensor| format!("{:?}", tensor.dims());
    run.show(&format!(
        "  input    {:<12} batch, values of the series: {TAU} in a row",
        shape(&x)
    ));
    run.show(&format!(
        "  target   {:<12} batch, 1: the value that follows them",
        shape(&y)
    ));
    let (x, y): (Vec<Vec<f32>>, Vec<Vec<f32>>) = (x.to_vec2()?, y.to_vec2()?);
    for ((row, x), y) in rows.iter().zip(x).zip(y).take(SHOWN) {
        let numbers = |values: Vec<f32>| -> String {
            values.iter().map(|value| format!("{value:>7.3}")).collect()
        };
        run.show(&format!(
            "  t = {:>3} … {:>3}  {}  ->{}",
            row + 1,
            row + TAU,
            numbers(x),
            numbers(y)
        ));
    }
    Ok(())
}
