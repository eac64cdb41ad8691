//! Two layers with gates, the second fed with the outputs of the first, with the library: gated recurrent units (D2L en
//! 10.3.3) and long short-term memory (zh 9.3.2).

use candle_core::Result;
use d2l::PresetName::{En, Zh};
use d2l::nn::{Initializer, ParamStore, RecurrentOptions};
use d2l::{Implementation, Model, Preset, Recipe};

use crate::experiment::train;
use crate::hyperparameters::{EN_DEEP, Options, QUICK, ZH};
use crate::language_model::Recurrent;
use crate::rnn_model::{Cell, RnnModel};

const GRU: &[Preset<Options>] = &[
    Preset::quick(100, "en 10.3", QUICK, Options::ZH),
    Preset::new(En, "en 10.3", EN_DEEP, Options::EN),
];
const ZH_LSTM: Recipe = Recipe { learning_rate: 2.0, ..ZH };
const LSTM: &[Preset<Options>] = &[
    Preset::quick(100, "zh 9.3", QUICK, Options::ZH),
    Preset::new(Zh, "zh 9.3", ZH_LSTM, Options::ZH),
];

/// Both networks in the chapter's list.
pub fn models() -> [Model; 2] {
    let gru_about = "Two layers of gated recurrent units (D2L en 10.3)";
    let lstm_about = "Two layers of long short-term memory (D2L zh 9.3)";
    let train_gru = |run: &mut _, options: &_| train(run, options, gru);
    let train_lstm = |run: &mut _, options: &_| train(run, options, lstm);
    [
        Model::new("deep-gru", gru_about, train_gru, &[], GRU),
        Model::new("deep-lstm", lstm_about, train_lstm, &[], LSTM),
    ]
}

/// The language model with gated recurrent units; with the library only.
pub fn gru(
    _: Implementation,
    sizes: (usize, usize),
    init: &Initializer,
    params: &ParamStore,
) -> Result<Box<dyn Recurrent>> {
    Ok(Box::new(two_layers(Cell::Gru, sizes, init, params)?))
}

/// The language model with long short-term memory; with the library only.
pub fn lstm(
    _: Implementation,
    sizes: (usize, usize),
    init: &Initializer,
    params: &ParamStore,
) -> Result<Box<dyn Recurrent>> {
    Ok(Box::new(two_layers(Cell::Lstm, sizes, init, params)?))
}

fn two_layers(
    cell: Cell,
    sizes: (usize, usize),
    init: &Initializer,
    params: &ParamStore,
) -> Result<RnnModel> {
    let options = RecurrentOptions { num_layers: 2, ..RecurrentOptions::default() };
    RnnModel::new(cell, sizes, options, init, params)
}
