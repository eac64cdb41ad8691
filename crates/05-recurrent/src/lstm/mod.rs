//! Long short-term memory: gates write and read a memory that each layer has beside its state. D2L zh 9.2, en 10.1;
//! Hochreiter and Schmidhuber 1997.
//!
//! Reading order: [`prototype`] and [`pseudo`] (how one comes to it), [`scratch`] (the layer by hand), [`peephole`]
//! (gates that see the memory), [`variants`] (these as networks), [`crate::rnn_model`] (the model with
//! [`d2l::nn::lstm()`]).

pub mod peephole;
pub mod prototype;
pub mod pseudo;
pub mod scratch;
pub mod variants;

use candle_core::Result;
use d2l::PresetName::{En, Zh};
use d2l::nn::{Initializer, ParamStore};
use d2l::{Implementation, Model, Preset};

use crate::experiment::{by_hand_or_library, train};
use crate::hyperparameters::{EN_GATED, Options, QUICK, QUICK_GATES, ZH, by_hand};
use crate::language_model::Recurrent;
use crate::rnn_model::Cell;
use crate::structure::Structure;

const SCRATCH: &[Preset<Options>] = &[
    Preset::quick(100, "zh 9.2", by_hand(QUICK_GATES), Options::ZH_HALF),
    Preset::new(Zh, "zh 9.2", by_hand(ZH), Options::ZH),
    Preset::new(En, "en 10.1", by_hand(EN_GATED), Options::EN),
];
const CONCISE: &[Preset<Options>] = &[
    Preset::quick(100, "zh 9.2", QUICK, Options::ZH),
    Preset::new(Zh, "zh 9.2", ZH, Options::ZH),
    Preset::new(En, "en 10.1", EN_GATED, Options::EN),
];

/// Long short-term memory in the chapter's list.
pub fn model() -> Model {
    let about = "Long short-term memory (D2L zh 9.2, en 10.1)";
    let train = |run: &mut _, options: &_| train(run, options, network);
    Model::new("lstm", about, train, SCRATCH, CONCISE)
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
        scratch::Lstm::new,
        Cell::Lstm,
    )
}
