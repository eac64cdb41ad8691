//! Gated recurrent units: gates decide how much of the state is kept. D2L zh 9.1, en 10.2; Cho et al. 2014,
//! arXiv:1406.1078.
//!
//! Reading order: [`scratch`] (the layer by hand), [`crate::rnn_model`] (the model with [`d2l::nn::gru()`]).

pub mod one_gate;
pub mod scratch;

use candle_core::Result;
use d2l::PresetName::{En, Zh};
use d2l::nn::{Initializer, ParamStore};
use d2l::{Implementation, Model, Preset, Run};
use serde::Serialize;

use crate::by_hand::ByHand;
use crate::experiment::{self, Build, by_hand_or_library};
use crate::hyperparameters::{self, EN_GATED, QUICK, QUICK_GATES, ZH, by_hand};
use crate::language_model::Recurrent;
use crate::rnn;
use crate::rnn_model::Cell;
use crate::structure::Structure;

const SCRATCH: &[Preset<Options>] = &[
    Preset::quick(100, "zh 9.1", by_hand(QUICK_GATES), Options::ZH_HALF),
    Preset::new(Zh, "zh 9.1", by_hand(ZH), Options::ZH),
    Preset::new(En, "en 10.2", by_hand(EN_GATED), Options::EN),
];
const CONCISE: &[Preset<Options>] = &[
    Preset::quick(100, "zh 9.1", QUICK, Options::ZH),
    Preset::new(Zh, "zh 9.1", ZH, Options::ZH),
    Preset::new(En, "en 10.2", EN_GATED, Options::EN),
];

/// Options of the network.
#[derive(Clone, Debug, clap::Args, Serialize)]
pub struct Options {
    /// Those of every model in this chapter.
    #[command(flatten)]
    #[serde(flatten)]
    pub common: hyperparameters::Options,
    /// Which gates a layer by hand has
    #[arg(long, value_enum, help_heading = "Model")]
    pub gates: Gates,
}

/// The gates of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gates {
    /// The reset gate and the update gate
    Both,
    /// The reset gate: the state is always the candidate
    Reset,
    /// The update gate: the candidate sees all of the state
    Update,
    /// No gate: the simple recurrent network
    None,
}

impl Options {
    const ZH: Self = Self { common: hyperparameters::Options::ZH, gates: Gates::Both };
    const ZH_HALF: Self = Self { common: hyperparameters::Options::ZH_HALF, ..Self::ZH };
    const EN: Self = Self { common: hyperparameters::Options::EN, ..Self::ZH };
}

/// Gated recurrent units in the chapter's list.
pub fn model() -> Model {
    let about = "Gated recurrent units (D2L zh 9.1, en 10.2)";
    Model::new("gru", about, train, SCRATCH, CONCISE)
}

fn train(run: &mut Run, options: &Options) -> anyhow::Result<()> {
    if run.settings.implementation == Implementation::Concise {
        let why = "the library's layer has both gates; add --implementation scratch";
        run.settings.refuse(&["gates"], why)?;
    }
    let build: Build = match options.gates {
        Gates::Both => network,
        Gates::Reset => reset_network,
        Gates::Update => update_network,
        Gates::None => rnn::network,
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
        scratch::Gru::new,
        Cell::Gru,
    )
}

/// The language model without the update gate; by hand only.
pub fn reset_network(
    _: Implementation,
    sizes: (usize, Structure),
    init: &Initializer,
    params: &ParamStore,
) -> Result<Box<dyn Recurrent>> {
    let model = ByHand::new(sizes, init, &params.builder(), one_gate::ResetGru::new)?;
    Ok(Box::new(model))
}

/// The language model without the reset gate; by hand only.
pub fn update_network(
    _: Implementation,
    sizes: (usize, Structure),
    init: &Initializer,
    params: &ParamStore,
) -> Result<Box<dyn Recurrent>> {
    let model = ByHand::new(sizes, init, &params.builder(), one_gate::UpdateGru::new)?;
    Ok(Box::new(model))
}
