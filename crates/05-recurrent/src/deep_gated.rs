//! Two layers with gates, the second fed with the outputs of the first, with the library: gated recurrent units (D2L en
//! 10.3.3) and long short-term memory (zh 9.3.2). The networks are those of `gru` and `lstm`, with two layers.

use d2l::PresetName::{En, Zh};
use d2l::{Model, Preset, Recipe};

use crate::experiment::train;
use crate::hyperparameters::{EN_DEEP, Options, QUICK, ZH};
use crate::{gru, lstm};

const GRU: &[Preset<Options>] = &[
    Preset::quick(100, "en 10.3", QUICK, Options::ZH.with_layers(2)),
    Preset::new(En, "en 10.3", EN_DEEP, Options::EN.with_layers(2)),
];
const ZH_LSTM: Recipe = Recipe { learning_rate: 2.0, ..ZH };
const LSTM: &[Preset<Options>] = &[
    Preset::quick(100, "zh 9.3", QUICK, Options::ZH.with_layers(2)),
    Preset::new(Zh, "zh 9.3", ZH_LSTM, Options::ZH.with_layers(2)),
];

/// Both networks in the chapter's list.
pub fn models() -> [Model; 2] {
    let gru_about = "Two layers of gated recurrent units (D2L en 10.3)";
    let lstm_about = "Two layers of long short-term memory (D2L zh 9.3)";
    let train_gru = |run: &mut _, options: &_| train(run, options, gru::network);
    let train_lstm = |run: &mut _, options: &_| train(run, options, lstm::network);
    [
        Model::new("deep-gru", gru_about, train_gru, &[], GRU),
        Model::new("deep-lstm", lstm_about, train_lstm, &[], LSTM),
    ]
}
