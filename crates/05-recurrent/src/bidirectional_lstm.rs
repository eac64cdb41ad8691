//! Two layers of long short-term memory in both directions, as a language model: a mistake that the book makes on purpose.
//! D2L zh 9.4.3, en 10.4.
//!
//! The backward direction reads the tokens that are to be predicted, so the perplexity is low. The text that the model
//! writes is worthless: there, no token follows the one that it reads.

use candle_core::Result;
use d2l::PresetName::Zh;
use d2l::nn::{Initializer, ParamStore};
use d2l::{Implementation, Model, Preset};

use crate::experiment::train;
use crate::hyperparameters::{Options, QUICK, ZH};
use crate::language_model::Recurrent;
use crate::rnn_model::{Cell, RnnModel};
use crate::structure::Structure;

const CONCISE: &[Preset<Options>] = &[
    Preset::quick(100, "zh 9.4", QUICK, both_directions(Options::ZH_HALF)),
    Preset::new(Zh, "zh 9.4", ZH, both_directions(Options::ZH)),
];

const fn both_directions(options: Options) -> Options {
    let mut options = options.with_layers(2);
    options.structure.bidirectional = true;
    options
}

/// The network in the chapter's list.
pub fn model() -> Model {
    let about = "Long short-term memory in both directions, misused as a language model (D2L zh 9.4, en 10.4)";
    let train = |run: &mut _, options: &_| train(run, options, network);
    Model::new("bidirectional-lstm", about, train, &[], CONCISE)
}

/// The language model; with the library only.
pub fn network(
    _: Implementation,
    sizes: (usize, Structure),
    init: &Initializer,
    params: &ParamStore,
) -> Result<Box<dyn Recurrent>> {
    let model = RnnModel::new(Cell::Lstm, sizes, init, params)?;
    Ok(Box::new(model))
}
