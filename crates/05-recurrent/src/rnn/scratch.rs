//! The simple recurrent network by hand. D2L zh 8.5, en 9.5.
//!
//! H_t = tanh(X_t W_xh + H_{t-1} W_hh + b_h)

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use d2l::nn::{Initializer, ParamStore};
use d2l::{Band, Implementation, Preset, PresetName, Recipe};

use crate::by_hand::{ByHand, Gate, Step, parts_of};
use crate::language_model::State;
use crate::recipes::{BY_HAND, EN, QUICK, ZH};

/// The experiments.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: PresetName::Quick,
        recipe: Recipe {
            initializer: BY_HAND,
            ..QUICK
        },
        bands: &[],
        ..ZH_PRESET
    },
    ZH_PRESET,
    Preset {
        name: PresetName::En,
        section: "en 9.5",
        recipe: Recipe {
            initializer: BY_HAND,
            ..EN
        },
        bands: &[],
        ..ZH_PRESET
    },
    Preset {
        model: super::RANDOM_SAMPLING,
        name: PresetName::Quick,
        recipe: Recipe {
            initializer: BY_HAND,
            ..QUICK
        },
        bands: &[],
        ..ZH_PRESET
    },
    Preset {
        model: super::RANDOM_SAMPLING,
        bands: &[
            Band::book("train.perplexity", 1.3, 1.4, 1.6, 49).printed(1),
            Band::book("train.perplexity", 1.3397, 1.445, 1.6052, 49),
            Band::book(
                "train.perplexity.best_of_every10",
                1.2863,
                1.3525,
                1.4678,
                49,
            ),
        ],
        ..ZH_PRESET
    },
];

const ZH_PRESET: Preset = Preset {
    model: super::NAME,
    implementation: Implementation::Scratch,
    name: PresetName::Zh,
    section: "zh 8.5",
    recipe: Recipe {
        initializer: BY_HAND,
        ..ZH
    },
    bands: &[
        Band::book("train.perplexity", 1.0, 1.0, 1.2, 62).printed(1),
        Band::book("train.perplexity", 1.0225, 1.0361, 1.1932, 62),
        Band::book(
            "train.perplexity.best_of_every10",
            1.0152,
            1.0273,
            1.041,
            62,
        ),
    ],
};

/// A layer: `w_xh` `[D, H]`, `w_hh` `[H, H]`, `b_h` `[H]`.
pub struct Rnn {
    h: Gate,
}

impl Rnn {
    /// Of the numbers of inputs and hidden units.
    pub fn new(sizes: (usize, usize), initializer: &Initializer, vb: VarBuilder) -> Result<Self> {
        Ok(Self {
            h: Gate::new('h', sizes, initializer, &vb)?,
        })
    }
}

impl Step for Rnn {
    fn zeros(&self, batch: usize) -> Result<State> {
        Ok(vec![self.h.zeros(batch)?])
    }

    fn step(&self, x: &Tensor, state: &[Tensor]) -> Result<State> {
        let [h] = parts_of(state)?;
        Ok(vec![self.h.forward(x, h)?.tanh()?])
    }
}

/// The language model.
pub fn model(
    vocab_size: usize,
    num_hiddens: usize,
    initializer: &Initializer,
    params: &ParamStore,
) -> Result<ByHand<Rnn>> {
    ByHand::new(vocab_size, num_hiddens, initializer, params, Rnn::new)
}
