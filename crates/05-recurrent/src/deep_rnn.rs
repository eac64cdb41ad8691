//! Simple recurrent layers by hand, each fed with the outputs of the one before. D2L zh 9.3.1, en 10.3.1.
//!
//! H_t^l = tanh(H_t^{l-1} W_xh^l + H_{t-1}^l W_hh^l + b_h^l), where H_t^0 = X_t

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use d2l::PresetName::En;
use d2l::nn::{Initializer, Mode, ParamStore};
use d2l::{Implementation, Model, Preset};

use crate::by_hand::{ByHand, Layer};
use crate::experiment::train;
use crate::hyperparameters::{EN_DEEP, Options, QUICK, by_hand};
use crate::language_model::{Recurrent, State};
use crate::rnn::scratch::Rnn;

const NUM_LAYERS: usize = 2;
const SCRATCH: &[Preset<Options>] = &[
    Preset::quick(100, "en 10.3", by_hand(QUICK), Options::ZH_HALF),
    Preset::new(En, "en 10.3", by_hand(EN_DEEP), Options::EN),
];

/// The network in the chapter's list.
pub fn model() -> Model {
    let about = "Two simple recurrent layers (D2L zh 9.3, en 10.3)";
    let train = |run: &mut _, options: &_| train(run, options, network);
    Model::new("deep-rnn", about, train, SCRATCH, &[])
}

/// The language model; by hand only.
pub fn network(
    _: Implementation,
    sizes: (usize, usize),
    init: &Initializer,
    params: &ParamStore,
) -> Result<Box<dyn Recurrent>> {
    let model = ByHand::new(sizes, init, &params.builder(), StackedRnn::new)?;
    Ok(Box::new(model))
}

/// Layers, each fed with the outputs of the one before. Layer l's parameters are `l.w_xh`, …
pub struct StackedRnn {
    rnns: Vec<Rnn>,
}

impl StackedRnn {
    /// For these numbers of inputs and of hidden units in each layer.
    pub fn new(
        (num_inputs, num_hiddens): (usize, usize),
        initializer: &Initializer,
        vb: VarBuilder,
    ) -> Result<Self> {
        let layer = |number: usize| {
            let inputs = if number == 0 { num_inputs } else { num_hiddens };
            Rnn::new((inputs, num_hiddens), initializer, vb.pp(number))
        };
        Ok(Self { rnns: (0..NUM_LAYERS).map(layer).collect::<Result<_>>()? })
    }
}

impl Layer for StackedRnn {
    fn forward(
        &self,
        inputs: &[Tensor],
        state: Option<&[Tensor]>,
        mode: Mode,
    ) -> Result<(Vec<Tensor>, State)> {
        let (mut outputs, mut states) = (inputs.to_vec(), State::new());
        for (number, rnn) in self.rnns.iter().enumerate() {
            let before = state.and_then(|state| state.get(number..=number));
            let (h, after) = rnn.forward(&outputs, before, mode)?;
            outputs = h;
            states.extend(after);
        }
        Ok((outputs, states))
    }
}
