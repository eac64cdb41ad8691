//! Gated recurrent units by hand. D2L zh 9.1, en 10.2.
//!
//! Z_t = σ(X_t W_xz + H_{t-1} W_hz + b_z), R_t = σ(X_t W_xr + H_{t-1} W_hr + b_r)
//!
//! H̃_t = tanh(X_t W_xh + (R_t ∘ H_{t-1}) W_hh + b_h), H_t = Z_t ∘ H_{t-1} + (1 - Z_t) ∘ H̃_t
//!
//! PyTorch's layer, and the library's, multiply by R_t behind the product with W_hh.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use d2l::nn::{Initializer, ParamStore};
use d2l::{Band, Implementation, Preset, PresetName, Recipe};

use crate::by_hand::{ByHand, Gate, Step, parts_of, sigmoid};
use crate::language_model::State;
use crate::recipes::{BY_HAND, EN_GATED, QUICK_BY_HAND, ZH};

/// The experiments.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: PresetName::Quick,
        recipe: QUICK_BY_HAND,
        bands: &[],
        ..ZH_PRESET
    },
    ZH_PRESET,
    Preset {
        name: PresetName::En,
        section: "en 10.2",
        recipe: Recipe {
            initializer: BY_HAND,
            ..EN_GATED
        },
        bands: &[],
        ..ZH_PRESET
    },
];

const ZH_PRESET: Preset = Preset {
    model: super::NAME,
    implementation: Implementation::Scratch,
    name: PresetName::Zh,
    section: "zh 9.1",
    recipe: Recipe {
        initializer: BY_HAND,
        ..ZH
    },
    bands: &[
        Band::book("train.perplexity", 1.0, 1.1, 1.3, 55).printed(1),
        Band::book("train.perplexity", 1.0475, 1.0627, 1.2974, 55),
        Band::book(
            "train.perplexity.best_of_every10",
            1.0468,
            1.0563,
            1.0693,
            55,
        ),
    ],
};

/// A layer: the update gate z, the reset gate r, and the candidate, whose letter in the book is h.
pub struct Gru {
    z: Gate,
    r: Gate,
    h: Gate,
}

impl Gru {
    /// Of the numbers of inputs and hidden units.
    pub fn new(sizes: (usize, usize), initializer: &Initializer, vb: VarBuilder) -> Result<Self> {
        let gate = |letter| Gate::new(letter, sizes, initializer, &vb);
        Ok(Self {
            z: gate('z')?,
            r: gate('r')?,
            h: gate('h')?,
        })
    }
}

impl Step for Gru {
    fn zeros(&self, batch: usize) -> Result<State> {
        Ok(vec![self.h.zeros(batch)?])
    }

    fn step(&self, x: &Tensor, state: &[Tensor]) -> Result<State> {
        let [h] = parts_of(state)?;
        let z = sigmoid(&self.z.forward(x, h)?)?;
        let r = sigmoid(&self.r.forward(x, h)?)?;
        let candidate = self.h.forward(x, &(r * h)?)?.tanh()?;
        let h = ((&z * h)? + ((1.0 - &z)? * candidate)?)?;
        Ok(vec![h])
    }
}

/// The language model.
pub fn model(
    vocab_size: usize,
    num_hiddens: usize,
    initializer: &Initializer,
    params: &ParamStore,
) -> Result<ByHand<Gru>> {
    ByHand::new(vocab_size, num_hiddens, initializer, params, Gru::new)
}
