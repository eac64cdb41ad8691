//! The training loop that every chapter shares, with its tasks, runs and command line.
//!
//! Reading order:
//!
//! 1. [`fit()`]: the loop, on one screen
//! 2. [`Task`], [`Regressor`], [`BinaryClassifier`], [`Classifier`], [`LanguageModel`]: what is learned from a
//!    minibatch
//! 3. [`Recipe`], [`Preset`], [`Band`]: an experiment and the results that are expected
//! 4. [`Run`]: the calls of a loop; [`Settings`]: what is trained and how; [`Plan`]: how long an epoch is
//! 5. [`Model`], [`Chapter`], [`Args`]: a chapter's list of models, and the command line
//!
//! [`nn`] has the layers, losses and optimizers, [`data`] the data sets, [`plot`] the figures, [`random`] every draw.
//! [`d2l_log`] writes and reads the logs, [`d2l_command`] has what all programs share.
//!
//! A program with one model, and a run of it:
//!
//! ```
//! use candle_core::{Module, Tensor};
//! use d2l::data::synthetic_regression;
//! use d2l::nn::{Linear, Mode, Network, linear};
//! use d2l::{Chapter, Model, Preset, PresetName, Recipe, Regressor, Run, fit};
//!
//! struct Plane(Linear);
//!
//! impl Network for Plane {
//!     fn forward(&self, x: &Tensor, _: Mode) -> candle_core::Result<Tensor> {
//!         self.0.forward(x)
//!     }
//! }
//!
//! fn train(run: &mut Run, _: &()) -> anyhow::Result<()> {
//!     let seed = run.settings.seed;
//!     let data = synthetic_regression(seed, &[2.0, -3.4], 4.2, 0.01, 1000, 200)?;
//!     let (initializer, vb) = (&run.settings.recipe.initializer, run.params.builder());
//!     let plane = Plane(linear(2, 1, initializer, vb.pp("linear"))?);
//!     let mut optimizer = run.settings.optimizer(&run.params)?;
//!     fit(&Regressor::new(plane), &data, &mut optimizer, run)
//! }
//!
//! let recipe = Recipe { epochs: 3, batch_size: 10, ..Recipe::SGD };
//! let presets = [Preset::plain(PresetName::Quick, "zh 3.3", recipe)];
//! let models = vec![Model::new("plane", "A plane through points", train, &[], &presets)];
//! let chapter = Chapter { name: "planes", about: "One model", models, bands: "" };
//! // The program's `main` is `chapter.main()`; here it is called with arguments.
//! # let folder = tempfile::tempdir()?;
//! # let runs = folder.path().to_string_lossy();
//! chapter.run_with(["planes", "--learning-rate", "0.03", "--runs-dir", &runs])?;
//! # let run = folder.path().join("planes/plane-concise-quick-cpu-s0-learning-rate0.03");
//! let log = d2l_log::Log::read(&run)?;
//! let end = log.end.expect("the run is complete");
//! assert!(end.last["valid.loss"] < 1e-3);
//! # Ok::<(), anyhow::Error>(())
//! ```
//!
//! Loops of other kinds, which [`fit()`] doesn't suit, make the calls of [`Run`] themselves:
//! `cargo run -p d2l --example loops -- --list`.
//!
//! The chapters, in the order of the book: [01](../linear_regression/index.html) linear regression,
//! [02](../softmax_regression/index.html) softmax regression, [03](../mlp/index.html) the multilayer perceptron,
//! [04](../convolutional/index.html) convolutional networks, [05](../recurrent/index.html) recurrent networks,
//! [06](../attention/index.html) attention, [07](../transformer/index.html) the Transformer.
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
pub use d2l_language as language;
pub use d2l_nn as nn;
pub use d2l_plot as plot;
pub use d2l_random as random;

/// mimalloc keeps freed pages for the next step. The system's allocator returns the pages of large tensors to the
/// operating system and faults them in again at every step, which doubles the time of a step of the multilayer
/// perceptron.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
