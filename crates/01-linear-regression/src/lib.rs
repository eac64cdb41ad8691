//! Chapter 01: linear regression (D2L zh 3.1-3.3 and 4.4-4.5, en 3.1-3.7).
//!
//! Reading order:
//! 1. [`data`]: points on a plane with noise, so that the true answer is known
//! 2. [`scratch`]: model, loss, optimizer and the training loop by hand
//! 3. [`concise`]: the same with the library
//! 4. [`closed_form`]: the best weights by a formula, to compare the learned ones with
//! 5. [`loss_conventions`]: sum, mean and ½, and what they do to a learning rate
//! 6. [`polynomial`]: models with too few and too many features: underfitting and overfitting
//! 7. [`weight_decay`]: 200 weights for 20 examples, and what a price on large weights does for them
//! 8. [`airfoil`]: measured data, and gradient descent as a path on the surface of the loss

pub mod airfoil;
pub mod closed_form;
pub mod concise;
pub mod data;
pub mod loss_conventions;
pub mod polynomial;
pub mod scratch;
pub mod weight_decay;

use anyhow::Result;
use d2l::{Implementation, Outcome, Preset, Run};

/// Flags of this chapter.
#[derive(Debug, clap::Parser)]
#[command(
    name = "linear-regression",
    version,
    about = "Chapter 01: linear regression"
)]
pub struct Args {
    /// The flags that every chapter has.
    #[command(flatten)]
    pub common: d2l::Args,
}

/// All experiments of this chapter.
pub fn presets() -> Vec<Preset> {
    [
        scratch::PRESETS,
        concise::PRESETS,
        polynomial::PRESETS,
        weight_decay::scratch::PRESETS,
        weight_decay::concise::PRESETS,
        airfoil::PRESETS,
        airfoil::descent::PRESETS,
    ]
    .concat()
}

/// Trains what the flags ask for.
pub fn run(args: &Args) -> Result<Outcome> {
    d2l::chapter("linear-regression", &presets(), &args.common, train)
}

fn train(run: &mut Run) -> Result<()> {
    match (run.model(), run.implementation()) {
        (weight_decay::LAMBDA0 | weight_decay::LAMBDA3, Implementation::Scratch) => {
            weight_decay::scratch::train(run)
        }
        (weight_decay::LAMBDA0 | weight_decay::LAMBDA3, Implementation::Concise) => {
            weight_decay::concise::train(run)
        }
        (polynomial::CUBIC | polynomial::LINEAR | polynomial::DEGREE19, _) => {
            polynomial::train(run)
        }
        (airfoil::AIRFOIL, Implementation::Scratch) => airfoil::train_by_hand(run),
        (airfoil::AIRFOIL, Implementation::Concise) => airfoil::train(run),
        (airfoil::descent::DESCENT, _) => airfoil::descent::train(run),
        (_, Implementation::Scratch) => scratch::train(run),
        (_, Implementation::Concise) => concise::train(run),
    }
}
