//! Two simple recurrent layers by hand, the second fed with the outputs of the first. D2L zh 9.3.1, en 10.3.1.
//!
//! The network is `rnn`'s, with two layers that [`stacked`](crate::stacked) joins.

use d2l::PresetName::En;
use d2l::{Model, Preset};

use crate::experiment::train;
use crate::hyperparameters::{EN_DEEP, Options, QUICK, by_hand};
use crate::rnn::network;

const SCRATCH: &[Preset<Options>] = &[
    Preset::quick(
        100,
        "en 10.3",
        by_hand(QUICK),
        Options::ZH_HALF.with_layers(2),
    ),
    Preset::new(En, "en 10.3", by_hand(EN_DEEP), Options::EN.with_layers(2)),
];

/// The network in the chapter's list.
pub fn model() -> Model {
    let about = "Two simple recurrent layers (D2L zh 9.3, en 10.3)";
    let train = |run: &mut _, options: &_| train(run, options, network);
    Model::new("deep-rnn", about, train, SCRATCH, &[])
}
