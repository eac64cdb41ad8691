//! Gated recurrent units with the library. D2L zh 9.1.3, en 10.2.5.

use candle_core::Result;
use d2l::nn::{Initializer, ParamStore, RecurrentOptions};
use d2l::{Band, Implementation, Preset, PresetName};

use crate::recipes::{EN_GATED, QUICK, ZH};
use crate::rnn_model::{Cell, RnnModel};

/// The experiments.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: PresetName::Quick,
        recipe: QUICK,
        bands: &[],
        ..ZH_PRESET
    },
    ZH_PRESET,
    Preset {
        name: PresetName::En,
        section: "en 10.2",
        recipe: EN_GATED,
        bands: &[],
        ..ZH_PRESET
    },
];

const ZH_PRESET: Preset = Preset {
    model: super::NAME,
    implementation: Implementation::Concise,
    name: PresetName::Zh,
    section: "zh 9.1",
    recipe: ZH,
    bands: &[
        Band::book("train.perplexity", 1.0, 1.0, 1.1, 55).printed(1),
        Band::book("train.perplexity", 1.0322, 1.0406, 1.0774, 55),
        Band::book(
            "train.perplexity.best_of_every10",
            1.0303,
            1.0356,
            1.0413,
            55,
        ),
    ],
};

/// The language model.
pub fn model(
    vocab_size: usize,
    num_hiddens: usize,
    initializer: &Initializer,
    params: &ParamStore,
) -> Result<RnnModel> {
    let (sizes, options) = ((vocab_size, num_hiddens), RecurrentOptions::default());
    RnnModel::new(Cell::Gru, sizes, options, initializer, params)
}
