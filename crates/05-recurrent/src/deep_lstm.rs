//! Two layers of long short-term memory, the second fed with the outputs of the first. D2L zh 9.3.

use candle_core::Result;
use d2l::nn::{Initializer, ParamStore, RecurrentOptions};
use d2l::{Band, Implementation, Preset, PresetName, Recipe};

use crate::recipes::{QUICK, ZH};
use crate::rnn_model::{Cell, RnnModel};

/// `--model deep-lstm`
pub const NAME: &str = "deep-lstm";
const NUM_LAYERS: usize = 2;

/// The experiments.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: PresetName::Quick,
        recipe: QUICK,
        bands: &[],
        ..ZH_PRESET
    },
    ZH_PRESET,
];

const ZH_PRESET: Preset = Preset {
    model: NAME,
    implementation: Implementation::Concise,
    name: PresetName::Zh,
    section: "zh 9.3",
    recipe: Recipe {
        learning_rate: 2.0,
        ..ZH
    },
    bands: &[
        Band::book("train.perplexity", 1.0, 1.0, 1.0, 50).printed(1),
        Band::book("train.perplexity", 1.0197, 1.0257, 1.0461, 50),
        Band::book(
            "train.perplexity.best_of_every10",
            1.0164,
            1.0214,
            1.0265,
            50,
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
    let options = RecurrentOptions {
        num_layers: NUM_LAYERS,
        ..RecurrentOptions::default()
    };
    RnnModel::new(
        Cell::Lstm,
        (vocab_size, num_hiddens),
        options,
        initializer,
        params,
    )
}
