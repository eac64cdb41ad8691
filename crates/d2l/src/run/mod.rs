//! One training run: its settings, its device and parameters, its place in the epochs, its folder and log.
//!
//! - this file: what a chapter asks of a run
//! - `epochs`: what the loop tells it, step by step
//! - `folds`: the same training several times, each on another part of the data
//! - `results`: what it reached, and the bands
//! - `folder`: its name and files
//! - `checkpoint`: saving and restoring it
//! - `report`: what the reader sees on the terminal
//! - `summary`: the table of `--summary`

mod checkpoint;
pub(crate) mod epochs;
mod folder;
mod folds;
pub(crate) mod report;
mod results;
mod summary;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Result;
use candle_core::{Device, Tensor};
use d2l_data::{Augmentation, Choice, ImageClasses, ImageSet, Loaded, Splits, image_classes};
use d2l_log::{BandResult, Epoch, Record, Status, Writer};
use d2l_nn::{Accumulator, Network, Optimizer, ParamStore};
use serde_json::{Map, Value};

use crate::recipe::Override;
use crate::{Args, DeviceChoice, Implementation, Preset, PresetName, Recipe};
use checkpoint::{Progress, Resumed};
use folds::Folds;
use report::Report;

/// One training run.
pub struct Run {
    chapter: &'static str,
    preset: Preset,
    recipe: Recipe,
    hyperparameters: Map<String, Value>,
    overrides: Vec<Override>,
    args: Args,
    seed: u64,
    /// Decides the draws of the running fold; the seed itself where there are no folds.
    draws: u64,
    device_choice: DeviceChoice,
    device: Device,
    params: ParamStore,
    report: Report,
    folder: Option<PathBuf>,
    log: Option<Writer>,
    progress: Progress,
    /// The gradients since the last step, where one is made after several batches.
    accumulator: Accumulator,
    /// What the next batch of the epoch starts from, where the chapter's loop carries something over.
    carried: Vec<Tensor>,
    /// The epochs of the running fold, or of the run where there are no folds.
    epochs: Vec<Epoch>,
    folds: Folds,
    /// With `--resume`: the checkpoint, until the loop comes to the fold that it was written in.
    resumed: Option<Resumed>,
    /// The data are the built-in twin of a real set, so the book's bands say nothing about the result.
    on_builtin_data: bool,
    clock: Clock,
}

/// Reads of the wall clock; never part of a result.
struct Clock {
    epoch: Instant,
    /// Seconds spent in training steps in this epoch, evaluation and checkpoints left out.
    training: f64,
    /// Seconds of the epochs that an earlier process finished.
    before: f64,
    run: Instant,
    /// When the last checkpoint was written.
    saved: Option<Instant>,
}

impl Run {
    /// A run of `preset` with the flags' changes; opens the device, writes nothing.
    pub(crate) fn new(
        chapter: &'static str,
        preset: &Preset,
        args: &Args,
        seed: u64,
    ) -> Result<Self> {
        let (recipe, mut overrides) = args.recipe.apply(&preset.recipe);
        recipe.validate()?;
        if let Some(examples) = args.examples {
            overrides.push(Override {
                flag: "examples",
                value: examples.to_string(),
            });
        }
        if args.no_shuffle {
            overrides.push(Override {
                flag: "no-shuffle",
                value: String::new(),
            });
        }
        if let Some(init) = &args.init {
            let stem = init.file_stem().unwrap_or_default().to_string_lossy();
            overrides.push(Override {
                flag: "init",
                value: stem.into_owned(),
            });
        }
        let device_choice = args.device.resolve();
        let device = device_choice.open()?;
        let now = Instant::now();
        Ok(Self {
            chapter,
            preset: preset.clone(),
            recipe,
            hyperparameters: Map::new(),
            overrides,
            args: args.clone(),
            seed,
            draws: seed,
            device_choice,
            params: ParamStore::new(seed, &device),
            device,
            report: Report::new(args.quiet),
            folder: None,
            log: None,
            progress: Progress::default(),
            accumulator: Accumulator::default(),
            carried: Vec::new(),
            epochs: Vec::new(),
            folds: Folds::default(),
            resumed: None,
            on_builtin_data: false,
            clock: Clock {
                epoch: now,
                training: 0.0,
                before: 0.0,
                run: now,
                saved: None,
            },
        })
    }

    /// By hand or with the library.
    pub fn implementation(&self) -> Implementation {
        self.preset.implementation
    }

    /// The chapter's model that was chosen.
    pub fn model(&self) -> &'static str {
        self.preset.model
    }

    /// Which of the model's experiments was chosen: some hyperparameters' defaults depend on it.
    pub fn preset(&self) -> PresetName {
        self.preset.name
    }

    /// The number that decides every random draw of this run.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Where this run computes.
    pub fn device(&self) -> Device {
        self.device.clone()
    }

    /// How this run trains: the preset with the flags' changes.
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// Examples in a batch.
    pub fn batch_size(&self) -> usize {
        self.recipe.batch_size
    }

    /// The model's parameters and buffers.
    pub fn params(&self) -> &ParamStore {
        &self.params
    }

    /// Takes the parameters from `--init`, where it is given. The loop does so when it starts.
    pub fn load_init(&self) -> Result<()> {
        match &self.args.init {
            Some(file) => self.params.load(file),
            None => Ok(()),
        }
    }

    /// The optimizer that the recipe names, over all parameters made so far.
    pub fn optimizer(&self) -> Result<Box<dyn Optimizer>> {
        self.recipe.optimizer(&self.params)
    }

    /// A choice about the model itself, such as its width: the flag's value, else `default`. It is logged with the
    /// recipe, and named in the run's name where it isn't the default.
    pub fn hyperparameter<T>(&mut self, flag: &'static str, value: Option<T>, default: T) -> T
    where
        T: Copy + PartialEq + ToString + Into<Value>,
    {
        let chosen = value.unwrap_or(default);
        if chosen != default {
            self.overrides.push(Override {
                flag,
                value: chosen.to_string(),
            });
        }
        self.hyperparameters
            .insert(flag.replace('-', "_"), chosen.into());
        chosen
    }

    /// A choice of yes or no about the model itself, such as `--no-shortcut`: logged, and named in the run's name where
    /// it is yes.
    pub fn switch(&mut self, flag: &'static str, on: bool) -> bool {
        if on {
            self.overrides.push(Override {
                flag,
                value: String::new(),
            });
        }
        self.hyperparameters
            .insert(flag.replace('-', "_"), on.into());
        on
    }

    /// The random changes of `--augment`, logged, and named in the run's name where there are any.
    pub fn augmentation(&mut self, chosen: Option<Augmentation>) -> Augmentation {
        let augmentation = chosen.unwrap_or_default();
        if !augmentation.is_nothing() {
            self.overrides.push(Override {
                flag: "augment",
                value: augmentation.to_string(),
            });
            self.hyperparameters
                .insert("augment".into(), augmentation.to_string().into());
        }
        augmentation
    }

    /// The pictures of `set`, else of `default`, real or built-in as `--data` says, cut to `--examples`.
    pub fn images(&mut self, set: Option<ImageSet>, default: ImageSet) -> Result<ImageClasses> {
        let set = set.unwrap_or(default);
        if set != default {
            self.overrides.push(Override {
                flag: "data-set",
                value: set.name().to_string(),
            });
        }
        let mut images = self.load(|choice, folder| image_classes(set, choice, folder))?;
        images.splits = self.first_examples(images.splits);
        Ok(images)
    }

    /// What `loader` reads from the data folder, or draws in its place, as `--data` says; its notice goes to the reader.
    pub fn load<T>(&self, loader: impl FnOnce(Choice, &Path) -> Result<Loaded<T>>) -> Result<T> {
        let loaded = loader(self.args.data, &self.args.data_dir)?;
        if let Some(notice) = &loaded.notice {
            self.report.line(notice);
        }
        Ok(loaded.data)
    }

    /// The first `--examples` examples of each split; all of them without that flag.
    pub fn first_examples<const N: usize>(&self, splits: Splits<N>) -> Splits<N> {
        let limit = self
            .args
            .examples
            .map_or(usize::MAX, |examples| examples as usize);
        Splits {
            train: splits.train.first(limit),
            valid: splits.valid.first(limit),
            ..splits
        }
    }

    /// With `--summary`: prints each layer's output shape and number of parameters for the input `x`, of convolutional
    /// networks also its multiply-adds and receptive field, and returns true, so that the chapter can stop there.
    pub fn shows_summary(&self, network: &impl Network, x: &Tensor) -> Result<bool> {
        if self.args.summary {
            summary::print_table(network, x, &self.params)?;
        }
        Ok(self.args.summary)
    }

    /// Where a figure of this run belongs: `figures/<name>.svg` in the run's folder. `None` before the run started.
    pub fn figure(&self, name: &str) -> Option<PathBuf> {
        Some(self.folder()?.join("figures").join(format!("{name}.svg")))
    }

    /// The run's folder, once it has started.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// Adds a number that belongs to no epoch to the log's `final`, such as `error.bias`.
    pub fn record_final(&mut self, metric: &str, value: f64) {
        self.progress.measured.insert(metric.to_string(), value);
    }

    /// A line for the reader, which `--quiet` silences.
    pub fn say(&self, line: &str) {
        self.report.line(line);
    }

    /// Closes the log with the run's results and returns its bands' verdicts.
    pub(crate) fn close(&mut self) -> Result<Vec<BandResult>> {
        if self.log.is_none() {
            return Ok(Vec::new()); // `--summary`: nothing was trained
        }
        let bands: Vec<BandResult> = self
            .judged_bands()
            .iter()
            .map(|band| band.judge(self.value(band.metric)))
            .collect();
        let end = self.end(Status::Finished, None, bands.clone());
        self.report
            .finished(&end, &self.epochs, self.folder.as_deref());
        self.write(Record::End(end))?;
        Ok(bands)
    }

    /// Closes the log of a run that did not reach its end.
    pub(crate) fn close_early(&mut self, status: Status, reason: &str) -> Result<()> {
        self.report.clear();
        if self.log.is_none() {
            return Ok(());
        }
        let end = self.end(status, Some(reason.to_string()), Vec::new());
        self.write(Record::End(end))
    }

    fn write(&mut self, record: Record) -> Result<()> {
        match &mut self.log {
            Some(log) => log.write(&record),
            None => anyhow::bail!("the run has not started: call Run::start first"),
        }
    }
}
