//! Chapter 01: linear regression (D2L zh 3.1-3.3, en 3.1-3.5).
//!
//! Reading order:
//! 1. [`data`]: points on a plane with noise, so that the true answer is known
//! 2. [`scratch`]: model, loss, optimizer and the training loop by hand
//! 3. [`concise`]: the same with the library

pub mod concise;
pub mod data;
pub mod scratch;

use anyhow::Result;
use d2l::{Implementation, Outcome, Preset};

/// Flags of this chapter.
#[derive(Debug, clap::Parser)]
#[command(
    name = "linear-regression",
    version,
    about = "Chapter 01: linear regression on synthetic data"
)]
pub struct Args {
    /// The flags that every chapter has.
    #[command(flatten)]
    pub common: d2l::Args,
}

/// All experiments of this chapter.
pub fn presets() -> Vec<Preset> {
    [scratch::PRESETS, concise::PRESETS].concat()
}

/// Trains what the flags ask for.
pub fn run(args: &Args) -> Result<Outcome> {
    d2l::chapter(
        "linear-regression",
        &presets(),
        &args.common,
        |run| match run.implementation() {
            Implementation::Scratch => scratch::train(run),
            Implementation::Concise => concise::train(run),
        },
    )
}
