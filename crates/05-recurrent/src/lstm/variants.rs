//! The way from the simple network to long short-term memory, and one step beyond, as networks that can be trained.
//!
//! "Written Memories" (R2RT 2016) starts from a state that is written to, read and forgotten. Each network mends what
//! fails in the one before:
//!
//! | model | what it adds | what fails |
//! |---|---|---|
//! | `rnn` | a state that every time step rewrites | gradients vanish or explode |
//! | `prototype-lstm` | gates: write, read and forget selectively | the state is not bounded |
//! | `pseudo-lstm` | what reads the state sees its tanh | the output shows all of the state |
//! | `lstm` | the read gate stands behind the write, in front of the output too | gates don't see the memory |
//! | `peephole-lstm` | they do | |

use candle_core::Result;
use d2l::nn::{Initializer, ParamStore};
use d2l::{Implementation, Model, Preset};

use super::peephole::PeepholeLstm;
use super::prototype::PrototypeLstm;
use super::pseudo::PseudoLstm;
use crate::by_hand::ByHand;
use crate::experiment::{by_hand_or_library, train};
use crate::hyperparameters::{Options, QUICK, QUICK_GATES, by_hand};
use crate::language_model::Recurrent;
use crate::rnn_model::Cell;
use crate::structure::Structure;

/// Where the networks are derived.
const SOURCE: &str = "Written Memories";
const SCRATCH: &[Preset<Options>] = &[Preset::quick(
    100,
    SOURCE,
    by_hand(QUICK_GATES),
    Options::ZH_HALF,
)];
const CONCISE: &[Preset<Options>] = &[Preset::quick(100, SOURCE, QUICK, Options::ZH)];

/// The networks in the chapter's list.
pub fn models() -> [Model; 3] {
    let prototype_about = "Gates on an unbounded state, on the way to the LSTM (Written Memories)";
    let pseudo_about =
        "Gates that see the tanh of the state, on the way to the LSTM (Written Memories)";
    let peephole_about =
        "Long short-term memory whose gates see the memory (Gers and Schmidhuber 2000)";
    let train_prototype = |run: &mut _, options: &_| train(run, options, prototype);
    let train_pseudo = |run: &mut _, options: &_| train(run, options, pseudo);
    let train_peephole = |run: &mut _, options: &_| train(run, options, peephole);
    [
        Model::new(
            "prototype-lstm",
            prototype_about,
            train_prototype,
            SCRATCH,
            &[],
        ),
        Model::new("pseudo-lstm", pseudo_about, train_pseudo, SCRATCH, &[]),
        Model::new(
            "peephole-lstm",
            peephole_about,
            train_peephole,
            SCRATCH,
            CONCISE,
        ),
    ]
}

/// The language model with the prototype; by hand only.
pub fn prototype(
    _: Implementation,
    sizes: (usize, Structure),
    init: &Initializer,
    params: &ParamStore,
) -> Result<Box<dyn Recurrent>> {
    let model = ByHand::new(sizes, init, &params.builder(), PrototypeLstm::new)?;
    Ok(Box::new(model))
}

/// The language model with the pseudo LSTM; by hand only.
pub fn pseudo(
    _: Implementation,
    sizes: (usize, Structure),
    init: &Initializer,
    params: &ParamStore,
) -> Result<Box<dyn Recurrent>> {
    let model = ByHand::new(sizes, init, &params.builder(), PseudoLstm::new)?;
    Ok(Box::new(model))
}

/// The language model with peepholes.
pub fn peephole(
    implementation: Implementation,
    sizes: (usize, Structure),
    init: &Initializer,
    params: &ParamStore,
) -> Result<Box<dyn Recurrent>> {
    by_hand_or_library(
        implementation,
        sizes,
        init,
        params,
        PeepholeLstm::new,
        Cell::PeepholeLstm,
    )
}
