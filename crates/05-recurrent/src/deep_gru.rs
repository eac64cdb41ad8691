//! Two layers of gated recurrent units with the library. D2L en 10.3.3.

use candle_core::Result;
use d2l::nn::{Initializer, ParamStore, RecurrentOptions};
use d2l::{Implementation, Preset, PresetName};

use crate::recipes::{EN_DEEP, QUICK};
use crate::rnn_model::{Cell, RnnModel};

/// `--model deep-gru`
pub const NAME: &str = "deep-gru";
const NUM_LAYERS: usize = 2;

/// The experiments. The English edition has 11 builds, too few for a band.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: PresetName::Quick,
        recipe: QUICK,
        ..EN_PRESET
    },
    EN_PRESET,
];

const EN_PRESET: Preset = Preset {
    model: NAME,
    implementation: Implementation::Concise,
    name: PresetName::En,
    section: "en 10.3",
    recipe: EN_DEEP,
    bands: &[],
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
        Cell::Gru,
        (vocab_size, num_hiddens),
        options,
        initializer,
        params,
    )
}
