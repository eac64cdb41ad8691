//! The simple recurrent network with the library. D2L zh 8.6, en 9.6.

use candle_core::Result;
use d2l::nn::{Initializer, ParamStore, RecurrentOptions};
use d2l::{Band, Implementation, Preset, PresetName};

use crate::recipes::{EN, QUICK, ZH};
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
        section: "en 9.6",
        recipe: EN,
        bands: &[],
        ..ZH_PRESET
    },
];

const ZH_PRESET: Preset = Preset {
    model: super::NAME,
    implementation: Implementation::Concise,
    name: PresetName::Zh,
    section: "zh 8.6",
    recipe: ZH,
    bands: &[
        Band::book("train.perplexity", 1.2, 1.3, 1.4, 61).printed(1),
        Band::book("train.perplexity", 1.239, 1.2993, 1.3829, 61),
        Band::book(
            "train.perplexity.best_of_every10",
            1.239,
            1.2776,
            1.3022,
            61,
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
    RnnModel::new(Cell::Rnn, sizes, options, initializer, params)
}
