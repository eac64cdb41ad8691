//! The training loop that every chapter shares, and what stands around it.
//!
//! Reading order:
//! 1. [`fit()`]: the loop, on one screen
//! 2. [`Task`], [`Regressor`], [`BinaryClassifier`], [`Classifier`], [`LanguageModel`]: what is learned from a batch
//! 3. [`Recipe`], [`Preset`], [`Band`]: an experiment and what it should reach
//! 4. [`Run`]: its place in the epochs, its folder, log and checkpoint
//! 5. [`Args`], [`chapter()`], [`main()`]: the command line
//!
//! Shapes in this workspace use the book's letters: B batch, T steps, D features, H hidden, V vocabulary,
//! C channels, K classes, N heads. The batch comes first.

mod args;
mod band;
mod chapter;
mod curves;
mod device;
mod features;
mod figures;
mod fit;
mod preset;
mod recipe;
mod run;
mod scores;
mod task;
pub mod testing;
mod threads;

pub use args::Args;
pub use band::Band;
pub use chapter::{Outcome, chapter};
pub use device::DeviceChoice;
pub use features::{check_figure_image, draw_features};
pub use figures::draw_classification;
pub use fit::{Evaluation, evaluate, fit};
pub use preset::{Implementation, Preset, PresetName};
pub use recipe::{OptimizerKind, Recipe, RecipeArgs};
pub use run::Run;
pub use scores::Scores;
pub use task::{
    BinaryClassifier, Classifier, LanguageModel, Loss, Regressor, Task, next_token_loss,
};
pub use threads::on_computing_thread;

pub use d2l_command::{Interrupted, Usage, main, usage};
pub use d2l_data as data;
pub use d2l_nn as nn;
pub use d2l_plot as plot;
pub use d2l_random as random;

/// Keeps freed pages for the next step: with the system's allocator large tensors go back to the kernel and fault in
/// again at every step, which doubles the time of the multilayer perceptron's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
