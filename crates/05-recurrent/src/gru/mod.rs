//! Gated recurrent units: gates decide how much of the state is kept. D2L zh 9.1, en 10.2; Cho et al. 2014,
//! arXiv:1406.1078.
//!
//! Reading order: [`scratch`] (the layer by hand), [`crate::rnn_model`] (the model with [`d2l::nn::gru()`]).

pub mod scratch;

use candle_core::Result;
use d2l::PresetName::{En, Zh};
use d2l::nn::{Initializer, ParamStore, RecurrentOptions};
use d2l::{Implementation, Model, Preset};

use crate::by_hand::ByHand;
use crate::experiment::train;
use crate::hyperparameters::{EN_GATED, Options, QUICK, QUICK_GATES, ZH, by_hand};
use crate::language_model::Recurrent;
use crate::rnn_model::{Cell, RnnModel};

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

/// Gated recurrent units in the chapter's list.
pub fn model() -> Model {
    let about = "Gated recurrent units (D2L zh 9.1, en 10.2)";
    let train = |run: &mut _, options: &_| train(run, options, network);
    Model::new("gru", about, train, SCRATCH, CONCISE)
}

/// The language model.
pub fn network(
    implementation: Implementation,
    sizes: (usize, usize),
    init: &Initializer,
    params: &ParamStore,
) -> Result<Box<dyn Recurrent>> {
    Ok(match implementation {
        Implementation::Scratch => {
            let vb = params.builder();
            Box::new(ByHand::new(sizes, init, &vb, scratch::Gru::new)?)
        }
        Implementation::Concise => {
            let options = RecurrentOptions::default();
            Box::new(RnnModel::new(Cell::Gru, sizes, options, init, params)?)
        }
    })
}
