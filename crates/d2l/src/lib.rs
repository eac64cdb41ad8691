//! The training loop that every chapter shares, with its tasks, runs and command line.
//!
//! Reading order:
//! 1. [`fit()`]: the loop, on one screen
//! 2. [`Task`], [`Regressor`], [`BinaryClassifier`], [`Classifier`], [`LanguageModel`]: what is learned from a batch
//! 3. [`Recipe`], [`Preset`], [`Band`]: an experiment and the results that are expected
//! 4. [`Run`]: the calls of a loop; [`Settings`]: what is trained and how; [`Plan`]: how long an epoch is
//! 5. [`Model`], [`Chapter`], [`Args`]: a chapter's list of models, and the command line
//!
//! Shapes in this workspace use the book's letters: B batch, T time steps, D features, H hidden units, V vocabulary, C
//! channels, K classes, N heads. The batch comes first.

mod ahead;
mod args;
mod band;
mod bands;
mod changes;
mod chapter;
mod checkpoint;
mod command_line;
mod curves;
mod decoding;
mod device;
mod epoch_table;
mod explain;
mod features;
mod figures;
mod fit;
mod folder;
mod folds;
mod health;
mod identity;
mod interrupt;
mod lock;
mod loss_curve;
mod loss_scale;
mod memory;
mod model;
mod parse;
mod plan;
mod preset;
mod recipe;
mod recorder;
mod run;
mod scores;
mod settings;
mod steps;
mod summary;
mod task;
mod terminal;
pub mod testing;
mod threads;
mod widths;

pub use ahead::each_minibatch;
pub use args::{Args, Every};
pub use band::Band;
pub use bands::{Bands, Expected};
pub use changes::name_of;
pub use chapter::{Chapter, Outcome};
pub use decoding::Decoding;
pub use device::DeviceChoice;
pub use features::{check_figure_image, draw_features};
pub use figures::{draw_classification, true_and_predicted};
pub use fit::{Evaluation, evaluate, fit};
pub use interrupt::check_interrupt;
pub use model::{Experiment, Model, Options, with_default};
pub use parse::{as_text, at_least_one, at_least_zero, depth, depth_or_none, probability, side};
pub use plan::Plan;
pub use preset::{Implementation, Preset, PresetName};
pub use recipe::{OptimizerKind, Recipe};
pub use run::Run;
pub use scores::Scores;
pub use settings::Settings;
pub use task::{
    BinaryClassifier, Classifier, LanguageModel, Loss, Regressor, Task, next_token_loss,
};
pub use threads::on_computing_thread;
pub use widths::Widths;

pub use d2l_command::{Interrupted, Usage, main, usage};
pub use d2l_data as data;
pub use d2l_nn as nn;
pub use d2l_plot as plot;
pub use d2l_random as random;

/// mimalloc keeps freed pages for the next step. The system's allocator returns the pages of large tensors to the
/// operating system and faults them in again at every step, which doubles the time of a step of the multilayer
/// perceptron.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
