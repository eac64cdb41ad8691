//! Long short-term memory by hand. D2L zh 9.2, en 10.1.
//!
//! I_t = σ(X_t W_xi + H_{t-1} W_hi + b_i), F_t = σ(X_t W_xf + H_{t-1} W_hf + b_f),
//! O_t = σ(X_t W_xo + H_{t-1} W_ho + b_o), C̃_t = tanh(X_t W_xc + H_{t-1} W_hc + b_c)
//!
//! C_t = F_t ∘ C_{t-1} + I_t ∘ C̃_t, H_t = O_t ∘ tanh(C_t)

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
        section: "en 10.1",
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
    section: "zh 9.2",
    recipe: Recipe {
        initializer: BY_HAND,
        ..ZH
    },
    bands: &[
        Band::book("train.perplexity", 1.1, 1.1, 1.4, 51).printed(1),
        Band::book("train.perplexity", 1.0831, 1.134, 1.3634, 51),
        Band::book(
            "train.perplexity.best_of_every10",
            1.0831,
            1.1234,
            1.1992,
            51,
        ),
    ],
};

/// A layer: the input gate i, the forget gate f, the output gate o, and the candidate, whose letter in the book is c.
pub struct Lstm {
    i: Gate,
    f: Gate,
    o: Gate,
    c: Gate,
}

impl Lstm {
    /// Of the numbers of inputs and hidden units.
    pub fn new(sizes: (usize, usize), initializer: &Initializer, vb: VarBuilder) -> Result<Self> {
        let gate = |letter| Gate::new(letter, sizes, initializer, &vb);
        Ok(Self {
            i: gate('i')?,
            f: gate('f')?,
            o: gate('o')?,
            c: gate('c')?,
        })
    }
}

impl Step for Lstm {
    fn zeros(&self, batch: usize) -> Result<State> {
        Ok(vec![self.c.zeros(batch)?, self.c.zeros(batch)?])
    }

    fn step(&self, x: &Tensor, state: &[Tensor]) -> Result<State> {
        let [h, c] = parts_of(state)?;
        let i = sigmoid(&self.i.forward(x, h)?)?;
        let f = sigmoid(&self.f.forward(x, h)?)?;
        let o = sigmoid(&self.o.forward(x, h)?)?;
        let candidate = self.c.forward(x, h)?.tanh()?;
        let c = ((f * c)? + (i * candidate)?)?;
        let h = (o * c.tanh()?)?;
        Ok(vec![h, c])
    }
}

/// The language model.
pub fn model(
    vocab_size: usize,
    num_hiddens: usize,
    initializer: &Initializer,
    params: &ParamStore,
) -> Result<ByHand<Lstm>> {
    ByHand::new(vocab_size, num_hiddens, initializer, params, Lstm::new)
}
