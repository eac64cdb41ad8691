//! Two layers of long short-term memory in both directions, as a language model: a mistake that the book makes on purpose.
//! D2L zh 9.4.3.
//!
//! The backward direction reads the tokens that are to be predicted. The perplexity is low, and the text that the model
//! writes, where nothing follows yet, is worth nothing.

use candle_core::Result;
use d2l::nn::{Initializer, ParamStore, RecurrentOptions};
use d2l::{Band, Implementation, Preset, PresetName};

use crate::recipes::{QUICK, ZH};
use crate::rnn_model::{Cell, RnnModel};

/// `--model bidirectional-lstm`
pub const NAME: &str = "bidirectional-lstm";
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
    section: "zh 9.4",
    recipe: ZH,
    bands: &[
        Band::book("train.perplexity", 1.1, 1.1, 1.2, 51).printed(1),
        Band::book("train.perplexity", 1.0921, 1.1055, 1.1753, 51),
        Band::book(
            "train.perplexity.best_of_every10",
            1.0883,
            1.0999,
            1.1143,
            51,
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
        bidirectional: true,
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
