//! Saving and restoring a run. A run that was killed and resumed ends like an uninterrupted one, bit for bit.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use candle_core::{Device, Tensor};
use d2l_log::{Epoch, Header, Log, Metrics, Writer};
use d2l_nn::{Accumulator, ParamStore, State};
use serde::{Deserialize, Serialize};

use crate::plan::Length;
use crate::recorder::Recorder;
use crate::settings::Settings;
use crate::{Scores, folder, usage};

const FILE_NAME: &str = "checkpoint.safetensors";
/// The checkpoint's metadata key whose value is the [`Progress`] as JSON.
const PROGRESS: &str = "d2l.progress";
/// The time that a crash may lose beside the current epoch.
const BETWEEN_CHECKPOINTS: Duration = Duration::from_secs(1);
const PARAMETER: &str = "parameter/";
const STATE: &str = "state/";
const ACCUMULATED: &str = "accumulated/";
const CARRIED: &str = "carried/";

/// Everything that the next step depends on beside the model's parameters and the optimizer.
pub(crate) struct Checkpoint {
    pub progress: Progress,
    pub length: Length,
    /// The gradients since the last step, if one is made after several minibatches.
    pub accumulator: Accumulator,
    /// The tensors that the next minibatch of the epoch starts from, if the loop carries any over.
    pub carried: Vec<Tensor>,
    /// With `--resume`: the checkpoint, until the loop reaches the fold in which it was written.
    pub resumed: Option<Resumed>,
    /// When the last checkpoint was written.
    saved: Option<Instant>,
}

/// The progress of a run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// The fold, counted from 1, if the run has folds.
    pub fold: Option<usize>,
    pub epochs_done: usize,
    /// Steps over the whole run.
    pub steps_done: usize,
    pub steps_in_epoch: usize,
    /// Examples whose gradients are accumulated for the optimizer's next step.
    pub accumulated: usize,
    /// Steps of this process alone, over which the speed is measured.
    #[serde(skip)]
    pub steps_this_process: usize,
    /// Sums of the current epoch.
    pub train: Scores,
    /// The numbers from [`crate::Run::record_final`].
    measured: Metrics,
    /// Length of the log in bytes when the checkpoint was written; resuming cuts it to this.
    log_length: u64,
    seconds: f64,
}

/// A checkpoint that has been read, with the epochs of the log up to it.
pub(crate) struct Resumed {
    progress: Progress,
    parameters: Tensors,
    state: Tensors,
    accumulated: Tensors,
    carried: Tensors,
    epochs: Vec<Epoch>,
}

impl Default for Checkpoint {
    fn default() -> Self {
        Self {
            progress: Progress::default(),
            length: Length::Examples(0),
            accumulator: Accumulator::default(),
            carried: Vec::new(),
            resumed: None,
            saved: None,
        }
    }
}

impl Checkpoint {
    /// Returns to the first step, for the next fold.
    pub fn begin(&mut self, fold: Option<usize>) {
        self.progress = Progress { fold, ..Progress::default() };
    }

    /// Writes parameters, buffers, the optimizer's and the loop's `state`, accumulated gradients, the tensors carried
    /// from minibatch to minibatch, and progress to `checkpoint.safetensors`. It writes a temporary file, syncs and
    /// renames it, so that a crash leaves the old or the new checkpoint whole.
    pub fn save<S: State + ?Sized>(
        &mut self,
        params: &ParamStore,
        state: &S,
        recorder: &Recorder,
    ) -> Result<()> {
        let (folder, Some(log)) = (recorder.folder()?, &recorder.log) else {
            bail!("the run has not started")
        };
        log.sync()?; // a power cut must not leave the log shorter than the checkpoint says
        self.progress.log_length = log.length();
        self.progress.seconds = recorder.clock.seconds();
        self.progress.measured.clone_from(&recorder.measured);
        let mut tensors: BTreeMap<String, Tensor> = BTreeMap::new();
        for (name, tensor) in params.state() {
            tensors.insert(format!("{PARAMETER}{name}"), tensor);
        }
        for (name, tensor) in state.state() {
            tensors.insert(format!("{STATE}{name}"), tensor);
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
        self.saved = Some(Instant::now());
        Ok(())
    }

    /// Whether the last checkpoint is a second old or there is none. Writing waits for the disk, which takes far longer
    /// than an epoch of the smallest models.
    pub fn is_due(&self) -> bool {
        let is_old = |saved: Instant| saved.elapsed() >= BETWEEN_CHECKPOINTS;
        self.saved.is_none_or(is_old)
    }

    /// Opens the run of this name again, with its log cut to the last checkpoint.
    pub fn open(
        &mut self,
        settings: &Settings,
        header: &Header,
        recorder: &mut Recorder,
    ) -> Result<()> {
        let folder = folder::newest(&settings.args, settings.chapter, &settings.default_name())?;
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
        let (progress, [parameters, state, accumulated, carried]) = read(&file, &settings.device)?;
        let have = std::fs::metadata(&log_file)
            .with_context(|| log_file.display().to_string())?
            .len();
        if have < progress.log_length {
            bail!(
                "{}: {have} bytes, the checkpoint needs at least {}: the log was cut; start again with --overwrite",
                log_file.display(),
                progress.log_length
            );
        }
        let is_before = |epoch: &Epoch| {
            // Folds are trained in order, and a model without a fold after them.
            let place = |fold: Option<usize>, epoch: usize| (fold.unwrap_or(usize::MAX), epoch);
            place(epoch.fold, epoch.epoch) <= place(progress.fold, progress.epochs_done)
        };
        log.epochs.retain(is_before);
        recorder.log = Some(Writer::resume(&log_file, progress.log_length)?);
        recorder.clock.before = progress.seconds;
        recorder.folder = Some(folder);
        self.resumed = Some(Resumed {
            progress,
            parameters,
            state,
            accumulated,
            carried,
            epochs: log.epochs,
        });
        Ok(())
    }

    /// Restores parameters, state and progress from the checkpoint, if the run is resumed. True if the checkpoint is of
    /// a later fold, so this one is done.
    pub fn catch_up<S: State + ?Sized>(
        &mut self,
        params: &ParamStore,
        state: &mut S,
        recorder: &mut Recorder,
    ) -> Result<bool> {
        let Some(resumed) = self.resumed.take() else {
            return Ok(false);
        };
        let fold = self.progress.fold;
        let epochs = resumed.epochs.iter().filter(|epoch| epoch.fold == fold);
        recorder.epochs = epochs.cloned().collect();
        if resumed.progress.fold != fold {
            self.resumed = Some(resumed);
            return Ok(true);
        }
        let folder = recorder.folder()?;
        let file = || folder.join(FILE_NAME).display().to_string();
        params.load_state(&resumed.parameters).with_context(file)?;
        state.load_state(&resumed.state).with_context(file)?;
        self.accumulator
            .load_state(&params.parameters(), &resumed.accumulated)
            .with_context(file)?;
        self.carried = resumed.carried.into_values().collect();
        recorder.measured.clone_from(&resumed.progress.measured);
        self.progress = resumed.progress;
        Ok(false)
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
    let under = |prefix: &str| -> Tensors {
        let own = tensors.iter();
        own.filter_map(|(name, tensor)| {
            Some((name.strip_prefix(prefix)?.to_string(), tensor.clone()))
        })
        .collect()
    };
    let parts = [PARAMETER, STATE, ACCUMULATED, CARRIED].map(under);
    Ok((progress, parts))
}

/// The first setting that affects the result and differs between the two.
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
    let sha256 = |header: &Header| match &header.data {
        Some(data) => data.sha256.clone(),
        None => "none".to_string(),
    };
    let examples = |header: &Header| {
        header
            .data
            .as_ref()
            .map_or(0, |data| data.train)
            .to_string()
    };
    type Setting<'a> = (&'a str, &'a dyn Fn(&Header) -> String);
    let settings: [Setting; 6] = [
        ("model", &|header| header.model.clone()),
        ("implementation", &|header| header.implementation.clone()),
        ("device", &|header| header.device.clone()),
        ("data", &sha256),
        ("seed", &|header| header.seed.to_string()),
        ("number of training examples", &examples),
    ];
    let both = settings.map(|(name, setting)| (name, setting(logged), setting(asked)));
    let changed = both.into_iter().find(|(_, before, now)| before != now);
    changed.map(|(name, before, now)| format!("{name} was {before} and is now {now}"))
}
