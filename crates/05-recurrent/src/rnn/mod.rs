//! The simple recurrent network: its state depends on the token and on the state before. D2L zh 8.4-8.6, en 9.4-9.6.
//!
//! Reading order: [`scratch`] (the layer by hand), [`crate::rnn_model`] (the model with [`d2l::nn::rnn()`]).

pub mod relu;
pub mod scratch;

use candle_core::Result;
use d2l::PresetName::{En, Zh};
use d2l::nn::{Initializer, ParamStore};
use d2l::{Implementation, Model, Preset, Run};
use serde::Serialize;

use crate::experiment::{self, by_hand_or_library};
use crate::hyperparameters::{self, EN, QUICK, ZH, by_hand};
use crate::language_model::Recurrent;
use crate::minibatches::Sampling;
use crate::rnn_model::Cell;
use crate::structure::Structure;

const ZH_SCRATCH: Options = Options::ZH.with_hiddens(512);
const SCRATCH: &[Preset<Options>] = &[
    Preset::quick(100, "zh 8.5", by_hand(QUICK), Options::ZH),
    Preset::new(Zh, "zh 8.5", by_hand(ZH), ZH_SCRATCH),
    Preset::new(En, "en 9.5", by_hand(EN), Options::EN),
];
const CONCISE: &[Preset<Options>] = &[
    Preset::quick(100, "zh 8.6", QUICK, Options::ZH),
    Preset::new(Zh, "zh 8.6", ZH, Options::ZH),
    Preset::new(En, "en 9.6", EN, Options::EN),
];
const RANDOM_SAMPLING: &[Preset<Options>] = &[
    Preset::quick(100, "zh 8.5", by_hand(QUICK), random(Options::ZH)),
    Preset::new(Zh, "zh 8.5", by_hand(ZH), random(ZH_SCRATCH)),
];

/// Options of the simple network.
#[derive(Clone, Debug, clap::Args, Serialize)]
pub struct Options {
    /// Those of every model in this chapter.
    #[command(flatten)]
    #[serde(flatten)]
    pub common: hyperparameters::Options,
    /// The function that makes the new state
    #[arg(long, value_enum, help_heading = "Model")]
    pub activation: Activation,
}

/// The function that makes the new state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// Between -1 and 1
    Tanh,
    /// From 0 on, without a bound
    Relu,
}

impl Options {
    const ZH: Self = Self {
        common: hyperparameters::Options::ZH,
        activation: Activation::Tanh,
    };
    const EN: Self = Self { common: hyperparameters::Options::EN, ..Self::ZH };

    const fn with_hiddens(mut self, num_hiddens: usize) -> Self {
        self.common.structure.num_hiddens = num_hiddens;
        self
    }
}

const fn random(mut options: Options) -> Options {
    options.common.sampling = Sampling::Random;
    options
}

/// The simple recurrent network with both samplings of the Chinese edition, in the chapter's list.
pub fn models() -> [Model; 2] {
    let about = "Simple recurrent network (D2L zh 8.5 and 8.6, en 9.5 and 9.6)";
    let random = "Simple recurrent network, minibatches in random order (D2L zh 8.5)";
    [
        Model::new("rnn", about, train, SCRATCH, CONCISE),
        Model::new("rnn-random-sampling", random, train, RANDOM_SAMPLING, &[]),
    ]
}

fn train(run: &mut Run, options: &Options) -> anyhow::Result<()> {
    let build = match options.activation {
        Activation::Tanh => network,
        Activation::Relu => relu_network,
    };
    experiment::train(run, &options.common, build)
}

/// The language model.
pub fn network(
    implementation: Implementation,
    sizes: (usize, Structure),
    init: &Initializer,
    params: &ParamStore,
) -> Result<Box<dyn Recurrent>> {
    by_hand_or_library(
        implementation,
        sizes,
        init,
        params,
        scratch::Rnn::new,
        Cell::Rnn,
    )
}

/// The language model with ReLU in place of tanh.
pub fn relu_network(
    implementation: Implementation,
    sizes: (usize, Structure),
    init: &Initializer,
    params: &ParamStore,
) -> Result<Box<dyn Recurrent>> {
    by_hand_or_library(
        implementation,
        sizes,
        init,
        params,
        relu::ReluRnn::new,
        Cell::RnnRelu,
    )
}
