//! Simple recurrent layers by hand, one on top of the other. D2L en 10.3.1; zh 9.3.1.
//!
//! H_t^l = tanh(H_t^{l-1} W_xh^l + H_{t-1}^l W_hh^l + b_h^l), where H_t^0 = X_t

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use d2l::nn::{Initializer, ParamStore};
use d2l::{Implementation, Preset, PresetName, Recipe};

use crate::by_hand::{ByHand, Layer};
use crate::language_model::State;
use crate::recipes::{BY_HAND, EN_DEEP, QUICK};
use crate::rnn::scratch::Rnn;

/// `--model deep-rnn`
pub const NAME: &str = "deep-rnn";
const NUM_LAYERS: usize = 2;

/// The experiments. The English edition has 11 builds, too few for a band.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: PresetName::Quick,
        recipe: Recipe {
            initializer: BY_HAND,
            ..QUICK
        },
        ..EN_PRESET
    },
    EN_PRESET,
];

const EN_PRESET: Preset = Preset {
    model: NAME,
    implementation: Implementation::Scratch,
    name: PresetName::En,
    section: "en 10.3",
    recipe: Recipe {
        initializer: BY_HAND,
        ..EN_DEEP
    },
    bands: &[],
};

/// Layers, each fed with the outputs of the one before. Layer l's parameters are `l.w_xh`, …
pub struct StackedRnn {
    rnns: Vec<Rnn>,
}

impl StackedRnn {
    /// Of the numbers of inputs and of hidden units in each layer.
    pub fn new(
        (num_inputs, num_hiddens): (usize, usize),
        initializer: &Initializer,
        vb: VarBuilder,
    ) -> Result<Self> {
        let layer = |number: usize| {
            let inputs = if number == 0 { num_inputs } else { num_hiddens };
            Rnn::new((inputs, num_hiddens), initializer, vb.pp(number))
        };
        Ok(Self {
            rnns: (0..NUM_LAYERS).map(layer).collect::<Result<_>>()?,
        })
    }
}

impl Layer for StackedRnn {
    fn forward(&self, inputs: &[Tensor], state: Option<&[Tensor]>) -> Result<(Vec<Tensor>, State)> {
        let (mut outputs, mut states) = (inputs.to_vec(), State::new());
        for (number, rnn) in self.rnns.iter().enumerate() {
            let before = state.and_then(|state| state.get(number..=number));
            let (h, after) = rnn.forward(&outputs, before)?;
            outputs = h;
            states.extend(after);
        }
        Ok((outputs, states))
    }
}

/// The language model.
pub fn model(
    vocab_size: usize,
    num_hiddens: usize,
    initializer: &Initializer,
    params: &ParamStore,
) -> Result<ByHand<StackedRnn>> {
    ByHand::new(
        vocab_size,
        num_hiddens,
        initializer,
        params,
        StackedRnn::new,
    )
}
