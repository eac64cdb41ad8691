//! Saving and restoring a run, so that one that was killed and resumed ends as one that was not, bit for bit.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use candle_core::{Device, Tensor};
use d2l_log::{Epoch, Header, Log, Metrics, Writer};
use d2l_nn::Optimizer;
use serde::{Deserialize, Serialize};

use super::{Run, folder};
use crate::{Scores, usage};

const FILE_NAME: &str = "checkpoint.safetensors";
/// The checkpoint's metadata key whose value is the [`Progress`] as JSON.
const PROGRESS: &str = "d2l.progress";
/// What a crash may cost beside the running epoch.
const BETWEEN_CHECKPOINTS: Duration = Duration::from_secs(1);
const PARAMETER: &str = "parameter/";
const OPTIMIZER: &str = "optimizer/";
const ACCUMULATED: &str = "accumulated/";
const CARRIED: &str = "carried/";

/// How far a run has come: everything besides tensors that the next step depends on.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Progress {
    /// The fold, counted from 1, where the run has folds.
    #[serde(default)]
    pub fold: Option<usize>,
    /// Examples in the training set.
    pub examples: usize,
    pub epochs_done: usize,
    /// Steps over the whole run.
    pub steps_done: usize,
    pub steps_in_epoch: usize,
    /// Examples whose gradients wait for the next step of the optimizer.
    #[serde(default)]
    pub accumulated: usize,
    /// Of the steps, the ones that this process did: what the speed is measured over.
    #[serde(skip)]
    pub steps_this_process: usize,
    /// Sums of the running epoch.
    pub train: Scores,
    /// What [`Run::record_final`] was given.
    #[serde(default)]
    pub measured: Metrics,
    /// Length of the log in bytes when the checkpoint was written; resuming cuts it to this.
    pub log_length: u64,
    pub seconds: f64,
}

impl Progress {
    /// Back to the first step, of the next fold; what belongs to the whole run stays.
    pub fn begin(&mut self, fold: Option<usize>) {
        *self = Self {
            fold,
            measured: std::mem::take(&mut self.measured),
            ..Self::default()
        };
    }
}

/// A checkpoint that has been read, with the epochs of the log up to it.
pub(super) struct Resumed {
    progress: Progress,
    parameters: Tensors,
    moments: Tensors,
    accumulated: Tensors,
    carried: Tensors,
    epochs: Vec<Epoch>,
}

impl Run {
    /// Writes parameters, buffers, optimizer state, gradients that wait for a step, what is carried from batch to batch,
    /// and progress to `checkpoint.safetensors`: to a temporary file, synced, renamed, so that a crash leaves the old or
    /// the new one whole.
    pub(super) fn save_checkpoint<O: Optimizer + ?Sized>(&mut self, optimizer: &O) -> Result<()> {
        let (Some(folder), Some(log)) = (&self.folder, &self.log) else {
            bail!("the run has not started")
        };
        log.sync()?; // a power cut must not leave the log shorter than the checkpoint says
        self.progress.log_length = log.length();
        self.progress.seconds = self.clock.before + self.clock.run.elapsed().as_secs_f64();
        let mut tensors: BTreeMap<String, Tensor> = BTreeMap::new();
        for (name, tensor) in self.params.state() {
            tensors.insert(format!("{PARAMETER}{name}"), tensor);
        }
        for (name, tensor) in optimizer.state() {
            tensors.insert(format!("{OPTIMIZER}{name}"), tensor);
        }
        for (name, tensor) in self.accumulator.state()? {
            tensors.insert(format!("{ACCUMULATED}{name}"), tensor);
        }
        for (number, tensor) in self.carried.iter().enumerate() {
            tensors.insert(format!("{CARRIED}{number:03}"), tensor.contiguous()?); // padded: they are read by name
        }
        let progress = serde_json::to_string(&self.progress)?;
        let metadata = HashMap::from([(PROGRESS.to_string(), progress)]);
        d2l_nn::save_tensors(&folder.join(FILE_NAME), &tensors, metadata)?;
        self.clock.saved = Some(Instant::now());
        Ok(())
    }

    /// Whether a checkpoint is due after an epoch: always after the first and the last, and in between where the last
    /// one is a second old. Each waits for the disk, which takes far longer than an epoch of the smallest models.
    pub(super) fn checkpoint_is_due(&self) -> bool {
        let is_old = |saved: Instant| saved.elapsed() >= BETWEEN_CHECKPOINTS;
        self.progress.epochs_done >= self.recipe.epochs
            || self.is_out_of_patience()
            || self.clock.saved.is_none_or(is_old)
    }

    /// Opens the run of this name again, its log cut to its last checkpoint.
    pub(super) fn resume(&mut self, header: &Header) -> Result<()> {
        let folder = folder::newest(&self.args, self.chapter, &self.default_name())?;
        let log_file = folder.join(d2l_log::FILE_NAME);
        let mut log = Log::read(&log_file)?;
        if let Some(difference) = difference(&log.header, header) {
            usage!(
                "--resume {}: {difference}; wanted the flags of the first start",
                folder.display()
            );
        }
        let file = folder.join(FILE_NAME);
        if !file.exists() {
            bail!(
                "{} has no checkpoint yet: nothing to resume; start again with --overwrite",
                folder.display()
            );
        }
        let (progress, [parameters, moments, accumulated, carried]) = read(&file, &self.device)?;
        let have = std::fs::metadata(&log_file)
            .with_context(|| log_file.display().to_string())?
            .len();
        if have < progress.log_length {
            bail!(
                "{}: {have} bytes, the checkpoint wants at least {}: the log was cut; start again with --overwrite",
                log_file.display(),
                progress.log_length
            );
        }
        let is_before = |epoch: &Epoch| {
            // Folds come in order, and what is trained without one comes after them.
            let place = |fold: Option<usize>, epoch: usize| (fold.unwrap_or(usize::MAX), epoch);
            place(epoch.fold, epoch.epoch) <= place(progress.fold, progress.epochs_done)
        };
        log.epochs.retain(is_before);
        self.log = Some(Writer::resume(&log_file, progress.log_length)?);
        self.clock.before = progress.seconds;
        self.folder = Some(folder);
        self.resumed = Some(Resumed {
            progress,
            parameters,
            moments,
            accumulated,
            carried,
            epochs: log.epochs,
        });
        Ok(())
    }

    /// Takes parameters, optimizer and progress back to the checkpoint; where that was written in a later fold, this
    /// one is done.
    pub(super) fn catch_up<O: Optimizer + ?Sized>(
        &mut self,
        resumed: Resumed,
        optimizer: &mut O,
    ) -> Result<()> {
        let fold = self.progress.fold;
        let epochs = resumed.epochs.iter().filter(|epoch| epoch.fold == fold);
        self.epochs = epochs.cloned().collect();
        if resumed.progress.fold != fold {
            self.progress.epochs_done = self.recipe.epochs;
            self.resumed = Some(resumed);
            return self.params.load(&self.model_file()?);
        }
        let folder = self.folder.as_deref().unwrap_or(Path::new(""));
        let file = || folder.join(FILE_NAME).display().to_string();
        self.params
            .load_state(&resumed.parameters)
            .with_context(file)?;
        optimizer.load_state(&resumed.moments).with_context(file)?;
        self.accumulator
            .load_state(&self.params.parameters(), &resumed.accumulated)
            .with_context(file)?;
        self.carried = resumed.carried.into_values().collect();
        self.progress = resumed.progress;
        Ok(())
    }

    /// What `model.safetensors` says about itself.
    pub(super) fn metadata(&self) -> HashMap<String, String> {
        HashMap::from([
            ("chapter".into(), self.chapter.into()),
            ("model".into(), self.preset.model.into()),
            (
                "implementation".into(),
                self.preset.implementation.to_string(),
            ),
            ("seed".into(), self.seed.to_string()),
        ])
    }
}

type Tensors = BTreeMap<String, Tensor>;

fn read(file: &Path, device: &Device) -> Result<(Progress, [Tensors; 4])> {
    let (tensors, metadata) = d2l_nn::load_tensors(file, device)?;
    let Some(progress) = metadata.get(PROGRESS) else {
        bail!(
            "{}: a safetensors file, but no checkpoint of a run (no {PROGRESS} in it)",
            file.display()
        );
    };
    let progress = serde_json::from_str(progress).with_context(|| file.display().to_string())?;
    let mut parameters = Tensors::new();
    let mut moments = Tensors::new();
    let mut accumulated = Tensors::new();
    let mut carried = Tensors::new();
    for (name, tensor) in tensors {
        if let Some(name) = name.strip_prefix(PARAMETER) {
            parameters.insert(name.to_string(), tensor);
        } else if let Some(name) = name.strip_prefix(OPTIMIZER) {
            moments.insert(name.to_string(), tensor);
        } else if let Some(name) = name.strip_prefix(ACCUMULATED) {
            accumulated.insert(name.to_string(), tensor);
        } else if let Some(name) = name.strip_prefix(CARRIED) {
            carried.insert(name.to_string(), tensor);
        }
    }
    Ok((progress, [parameters, moments, accumulated, carried]))
}

/// The first setting that decides the result and is not the same in both.
fn difference(logged: &Header, asked: &Header) -> Option<String> {
    for (key, value) in &asked.recipe {
        if logged.recipe.get(key) != Some(value) {
            let before = logged
                .recipe
                .get(key)
                .map_or("nothing".to_string(), ToString::to_string);
            return Some(format!("{key} was {before} and is now {value}"));
        }
    }
    let strings = [
        ("model", &logged.model, &asked.model),
        (
            "implementation",
            &logged.implementation,
            &asked.implementation,
        ),
        ("device", &logged.device, &asked.device),
        ("data", &logged.data.sha256, &asked.data.sha256),
    ];
    for (name, before, now) in strings {
        if before != now {
            return Some(format!("{name} was {before} and is now {now}"));
        }
    }
    if logged.seed != asked.seed {
        return Some(format!(
            "seed was {} and is now {}",
            logged.seed, asked.seed
        ));
    }
    (logged.data.train != asked.data.train).then(|| {
        format!(
            "the training set had {} examples and has now {}",
            logged.data.train, asked.data.train
        )
    })
}
