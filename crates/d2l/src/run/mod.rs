//! One training run: the methods that a chapter and its loop call.
//!
//! A run has three parts: its [`Settings`], the `Recorder` (log, terminal, clock) and the `Checkpoint` (its progress,
//! and how it continues after an interruption). [`fit`](crate::fit()) is the loop that most chapters use. A loop of
//! another kind makes the same calls, in this order:
//!
//! 1. `start`: [`Run::start`] makes or finds the folder and the log
//! 2. `place`: [`Run::next_epoch`] and the place in the run, on which all draws depend
//! 3. `gradients`: [`Run::backward`], [`Run::accumulate`], [`Run::clip`], from the loss to the optimizer's step
//! 4. `record`: [`Run::record_step`] after every step, [`Run::record_epoch`], [`Run::finish`]
//!
//! `drawing` has what the figures of a run share.

mod drawing;
mod gradients;
mod place;
mod record;
mod start;

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use anyhow::Result;
use candle_core::Tensor;
use d2l_log::{BandResult, Status};
use d2l_nn::{ParamStore, SquaredNorms};

use crate::checkpoint::Checkpoint;
use crate::health::Health;
use crate::memory::Memory;
use crate::recorder::Recorder;
use crate::settings::Settings;
use crate::summary;
use crate::terminal::print;

pub(crate) use start::DryRun;

/// One training run.
pub struct Run {
    /// What is trained and how.
    pub settings: Settings,
    /// The model's parameters and buffers.
    pub params: ParamStore,
    pub(crate) recorder: Recorder,
    pub(crate) checkpoint: Checkpoint,
    pub(crate) health: Health,
    /// Norms of the last steps' gradients that may still be on the device.
    unread_norms: Vec<SquaredNorms>,
    /// The memory that training will need, once the model has been observed.
    memory: OnceCell<Memory>,
    /// Decides the draws of the current fold; the seed itself if there are no folds.
    pub(crate) draws: u64,
    /// Whether the data are the built-in ones: the book's bands then say nothing about the result.
    on_builtin_data: bool,
}

impl Run {
    /// A run with these settings; it writes nothing yet.
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            params: settings.parameters(settings.seed),
            recorder: Recorder::new(settings.args.quiet, settings.recipe.patience),
            checkpoint: Checkpoint::default(),
            health: Health::default(),
            unread_norms: Vec::new(),
            memory: OnceCell::new(),
            draws: settings.seed,
            on_builtin_data: false,
            settings,
        }
    }

    /// Observes the layers that report in `forward` on `inputs`, batch first, to estimate the memory that training
    /// needs; [`Run::start`] refuses to train if the machine has less.
    ///
    /// With `--summary`, prints the layers, each with its output's shape and its number of parameters, and for
    /// convolutional networks also with multiply-adds and receptive field. Returns true, so that the chapter can stop
    /// there.
    pub fn shows_summary(
        &self,
        inputs: &[&Tensor],
        forward: impl FnOnce() -> candle_core::Result<Tensor>,
    ) -> Result<bool> {
        let (_, observations) = d2l_nn::no_grad(|| d2l_nn::observed(forward))?;
        let recipe = &self.settings.recipe;
        let examples = inputs.first().map_or(Ok(1), |input| input.dim(0))?;
        let memory = Memory::of(recipe, &self.params, &observations, examples)?;
        if self.settings.args.summary {
            summary::print_table(inputs, &observations, &self.params)?;
            print(&memory.text(recipe.batch_size));
        }
        self.memory.get_or_init(|| memory);
        Ok(self.settings.args.summary)
    }

    /// Takes the parameters from `--init`, if it is given. [`Run::start`] does so too.
    pub fn load_init(&self) -> Result<()> {
        match &self.settings.args.init {
            Some(file) => self.params.load(file),
            None => Ok(()),
        }
    }

    /// The run's folder, once it has started.
    pub fn folder(&self) -> Option<&Path> {
        self.recorder.folder.as_deref()
    }

    /// Adds a number that belongs to no epoch to the log's `final`, such as `error.bias`. A number that is not finite
    /// makes the run fail when it is closed.
    pub fn record_final(&mut self, metric: &str, value: f64) {
        self.recorder.measure(metric, value);
    }

    /// Prints a line that was asked for, even under `--quiet`.
    pub fn show(&self, line: &str) {
        print(line);
    }

    /// Prints a line for the reader, unless `--quiet` is given.
    pub fn say(&self, line: &str) {
        self.recorder.terminal.line(line);
    }

    /// Prints a text that is no message of ours, such as one that the model has written, behind a label of up to seven
    /// letters, unless `--quiet` is given. Only the label depends on the reader's language.
    pub fn say_text(&self, label: &str, text: &str) {
        self.recorder.terminal.labelled(label, text);
    }

    /// A metric of the epochs so far or a recorded final; see [`Band`](crate::Band) for the names.
    pub fn value(&self, metric: &str) -> Option<f64> {
        self.recorder.value(metric)
    }

    /// The file of parameters in the run's folder: `model.safetensors`, or `model-fold1.safetensors` for a fold.
    fn file_of(&self, name: &str) -> Result<PathBuf> {
        let folder = self.recorder.folder()?;
        Ok(folder.join(match self.checkpoint.progress.fold {
            None => format!("{name}.safetensors"),
            Some(fold) => format!("{name}-fold{fold}.safetensors"),
        }))
    }

    /// Closes the log with the run's results and returns its bands' verdicts.
    ///
    /// # Errors
    /// If a number from [`Run::record_final`] is not finite; the log then ends as a failed run's.
    pub(crate) fn close(&mut self) -> Result<Vec<BandResult>> {
        self.recorder
            .close(self.settings.judged_bands(self.on_builtin_data))
    }

    /// Closes the log of a run that did not reach its end.
    pub(crate) fn close_early(&mut self, status: Status, reason: &str) -> Result<()> {
        self.recorder.close_early(status, reason)
    }
}
