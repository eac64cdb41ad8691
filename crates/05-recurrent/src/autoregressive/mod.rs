//! A series predicted from its last values: how errors grow if a model has to go on from its own predictions.
//!
//! D2L zh 8.1, en 9.1. The series is x_t = sin(0.01 t) + ε, ε ~ N(0, 0.2²), t = 1 … 1000, and the model predicts x_t from
//! x_{t-τ} … x_{t-1}, τ = 4: the Chinese edition's is a multilayer perceptron, the English edition's linear. A recurrent
//! layer reads the same values one after the other (zh 8.6, exercise 3). For predictions k steps ahead the model reads its
//! own predictions where the series isn't known yet.
//!
//! Reading order: [`mod@series`], this file, [`predictions`].

pub mod predictions;
pub mod series;

use anyhow::Result;
use candle_core::{Device, Module, Tensor};
use clap::builder::RangedU64ValueParser;
use d2l::PresetName::{En, Zh};
use d2l::data::Splits;
use d2l::nn::{Initializer, Linear, Mode, Network, ParamStore, RecurrentOptions, linear};
use d2l::{Model, OptimizerKind, Preset, Recipe, Regressor, Run, at_least_zero, fit, usage};
use serde::Serialize;

use crate::inspect;
use crate::rnn_model::{Cell, Layer};
use predictions::report;
use series::{NOISE, POINTS, TAU, series, windows};

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
    /// What stands before the output layer
    #[arg(long, value_enum, help_heading = "Model")]
    pub cell: Kind,
    /// Its hidden units; 0 with --cell mlp for a linear model
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(0..=100_000),
          help_heading = "Model")]
    pub num_hiddens: usize,
    /// Values that the model sees: it predicts the next one from the last N
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=300),
          help_heading = "Data")]
    pub tau: usize,
    /// Standard deviation of the noise on the sine
    #[arg(long, value_name = "S", value_parser = at_least_zero, help_heading = "Data")]
    pub noise: f64,
    /// Show a minibatch beside the values that it consists of, and exit
    #[arg(long, help_heading = "Data")]
    #[serde(skip)]
    pub inspect: bool,
}

/// What stands before the output layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A dense layer with ReLU that sees all values at once
    Mlp,
    /// A simple recurrent layer that reads one value after the other
    Rnn,
    /// Gated recurrent units
    Gru,
    /// Long short-term memory
    Lstm,
}

impl Options {
    const ZH: Self = Self {
        cell: Kind::Mlp,
        num_hiddens: 10,
        tau: TAU,
        noise: NOISE,
        inspect: false,
    };
}

/// The model in the chapter's list.
pub fn model() -> Model {
    let about = "Predicts a noisy sine from its last values (D2L zh 8.1, en 9.1)";
    Model::new("autoregressive", about, train, &[], CONCISE)
}

/// A linear model of the last values, a perceptron with one hidden layer, or a recurrent network.
pub struct Autoregressive {
    tau: usize,
    hidden: Hidden,
    output: Linear,
}

enum Hidden {
    None,
    Dense(Linear),
    Recurrent(Layer),
}

impl Autoregressive {
    /// For so many values and hidden units. A perceptron without hidden units is linear.
    pub fn new(
        kind: Kind,
        (tau, num_hiddens): (usize, usize),
        init: &Initializer,
        params: &ParamStore,
    ) -> candle_core::Result<Self> {
        let vb = params.builder();
        let recurrent = |cell| {
            let (sizes, options) = ((1, num_hiddens), RecurrentOptions::default());
            Layer::new(cell, sizes, options, init, vb.pp("rnn")).map(Hidden::Recurrent)
        };
        let hidden = match kind {
            Kind::Mlp if num_hiddens == 0 => Hidden::None,
            Kind::Mlp => Hidden::Dense(linear(tau, num_hiddens, init, vb.pp("hidden"))?),
            Kind::Rnn => recurrent(Cell::Rnn)?,
            Kind::Gru => recurrent(Cell::Gru)?,
            Kind::Lstm => recurrent(Cell::Lstm)?,
        };
        let inputs = if num_hiddens == 0 { tau } else { num_hiddens };
        let output = linear(inputs, 1, init, vb.pp("output"))?;
        Ok(Self { tau, hidden, output })
    }
}

impl Network for Autoregressive {
    /// `[B, τ] -> [B, 1]`
    fn forward(&self, x: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
        match &self.hidden {
            Hidden::None => self.output.forward(x),
            Hidden::Dense(hidden) => self.output.forward(&hidden.forward(x)?.relu()?),
            Hidden::Recurrent(rnn) => {
                let x = x.t()?.unsqueeze(2)?.contiguous()?; // [τ, B, 1]
                let (h, _) = rnn.forward(&x, None, mode)?; // [τ, B, H]
                self.output.forward(&h.get(self.tau - 1)?)
            }
        }
    }
}

fn train(run: &mut Run, options: &Options) -> Result<()> {
    let &Options { cell, num_hiddens, tau, noise, .. } = options;
    if cell != Kind::Mlp && num_hiddens == 0 {
        usage!(
            "--num-hiddens 0: a recurrent layer has one unit at least; only --cell mlp can be linear"
        );
    }
    let settings = &run.settings;
    let series = series(settings.seed, noise);
    let splits = settings.first_examples(windows(&series, tau)?);
    let initializer = &settings.recipe.initializer;
    let model = Autoregressive::new(cell, (tau, num_hiddens), initializer, &run.params)?;
    if options.inspect {
        return show_minibatch(run, &splits, tau);
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
fn show_minibatch(run: &Run, splits: &Splits<2>, tau: usize) -> Result<()> {
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
        "  input    {:<12} batch, values of the series: {tau} in a row",
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
            row + tau,
            numbers(x),
            numbers(y)
        ));
    }
    Ok(())
}
