//! The simple recurrent network: its state depends on the token and on the state before. D2L zh 8.4-8.6, en 9.4-9.6.
//!
//! Reading order: [`scratch`] (the layer by hand), [`crate::rnn_model`] (the model with [`d2l::nn::rnn()`]).

pub mod scratch;

use candle_core::Result;
use d2l::PresetName::{En, Zh};
use d2l::nn::{Initializer, ParamStore, RecurrentOptions};
use d2l::{Implementation, Model, Preset};

use crate::by_hand::ByHand;
use crate::experiment::train;
use crate::hyperparameters::{EN, Options, QUICK, ZH, by_hand};
use crate::language_model::Recurrent;
use crate::minibatches::Sampling;
use crate::rnn_model::{Cell, RnnModel};

const ZH_SCRATCH: Options = Options { num_hiddens: 512, ..Options::ZH };
const SCRATCH: &[Preset<Options>] = &[
    Preset::quick(100, "zh 8.5", by_hand(QUICK), Options::ZH),
    Preset::new(Zh, "zh 8.5", by_hand(ZH), ZH_SCRATCH),
    Preset::new(En, "en 9.5", by_hand(EN), Options::EN),
];
const CONCISE: &[Preset<Options>] = &[
    Preset::quick(100, "zh 8.6", QUICK, Options::ZH),
    Preset::new(Zh, "zh 8.6", ZH, Options::ZH),
    Preset::new(En, "en 9.6", EN, Options::EN),
];
const RANDOM_SAMPLING: &[Preset<Options>] = &[
    Preset::quick(100, "zh 8.5", by_hand(QUICK), random(Options::ZH)),
    Preset::new(Zh, "zh 8.5", by_hand(ZH), random(ZH_SCRATCH)),
];

const fn random(mut options: Options) -> Options {
    options.sampling = Sampling::Random;
    options
}

/// The simple recurrent network with both samplings of the Chinese edition, in the chapter's list.
pub fn models() -> [Model; 2] {
    let about = "Simple recurrent network (D2L zh 8.5 and 8.6, en 9.5 and 9.6)";
    let random = "Simple recurrent network, minibatches in random order (D2L zh 8.5)";
    let train = |run: &mut _, options: &_| train(run, options, network);
    [
        Model::new("rnn", about, train, SCRATCH, CONCISE),
        Model::new("rnn-random-sampling", random, train, RANDOM_SAMPLING, &[]),
    ]
}

/// The language model.
pub fn network(
    implementation: Implementation,
    sizes: (usize, usize),
    init: &Initializer,
    params: &ParamStore,
) -> Result<Box<dyn Recurrent>> {
    Ok(match implementation {
        Implementation::Scratch => {
            let vb = params.builder();
            Box::new(ByHand::new(sizes, init, &vb, scratch::Rnn::new)?)
        }
        Implementation::Concise => {
            let options = RecurrentOptions::default();
            Box::new(RnnModel::new(Cell::Rnn, sizes, options, init, params)?)
        }
    })
}
