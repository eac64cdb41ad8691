//! LeNet with batch normalisation in front of every sigmoid, so that it learns from the first epoch on.
//! D2L zh 7.5, en 8.5; Ioffe and Szegedy 2015, <https://arxiv.org/abs/1502.03167>.
//!
//! Reading order: [`scratch`] (batch normalisation by its definition), [`concise`] (the library's layer).

pub mod concise;
pub mod scratch;

use anyhow::Result;
use d2l::PresetName::{En, Zh};
use d2l::nn::Initializer;
use d2l::{Implementation, Model, Preset, Recipe, Run};

use crate::pictures::{self, Pictures};

const ZH: Recipe = Recipe {
    epochs: 10,
    batch_size: 256,
    learning_rate: 1.0,
    initializer: Initializer::Xavier,
    ..Recipe::SGD
};
const EN: Recipe = Recipe { batch_size: 128, learning_rate: 0.1, ..ZH };
const BY_ZH: Preset<Pictures> = Preset::new(Zh, "zh 7.5", ZH, Pictures::BOOK);
const BY_EN: Preset<Pictures> = Preset::new(En, "en 8.5", EN, Pictures::BOOK);
const QUICK: Preset<Pictures> = Preset::quick(5, "zh 7.5", ZH, Pictures::BOOK);
/// The experiments with the library.
pub const PRESETS: &[Preset<Pictures>] = &[QUICK, BY_ZH, BY_EN];
/// The experiments by hand: sums entry by entry of a kernel are slow, so quick learns from a part of the pictures.
pub const SCRATCH_PRESETS: &[Preset<Pictures>] = &[QUICK.on_first(16_000), BY_ZH, BY_EN];

/// LeNet with batch normalisation in the chapter's list.
pub fn model() -> Model {
    let about = "LeNet with batch normalisation (D2L zh 7.5, en 8.5)";
    Model::new("batchnorm-lenet", about, train, SCRATCH_PRESETS, PRESETS)
}

/// The side behind the second pooling layer: 4 of 28. Both convolutions lose 4; unlike LeNet's, the first has no
/// padding.
fn last_side(side: usize) -> Result<usize> {
    let pooled = side.saturating_sub(4) / 2;
    crate::layers::large_enough(side, pooled.saturating_sub(4) / 2)
}

fn train(run: &mut Run, options: &Pictures) -> Result<()> {
    match run.settings.implementation {
        Implementation::Scratch => {
            pictures::train(run, options, None, scratch::BatchNormLeNet::new)
        }
        Implementation::Concise => {
            pictures::train(run, options, None, concise::BatchNormLeNet::new)
        }
    }
}
