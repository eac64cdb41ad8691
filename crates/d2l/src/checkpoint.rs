//! Saving and restoring a run. A run that was killed and resumed ends like an uninterrupted one, bit for bit.
//!
//! Everything that a resumed run reads is checked first: every file's checksum and the run that it belongs to, the
//! lines of the log, the shapes of all tensors. Only then is the log cut to the checkpoint.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use candle_core::{Device, Tensor};
use d2l_log::{Epoch, Header, Log, Mark, Metrics, Writer};
use d2l_nn::{Accumulator, ParamStore, State};
use serde::{Deserialize, Serialize};

use crate::args::Every;
use crate::loss_scale::LossScale;
use crate::plan::Length;
use crate::recorder::Recorder;
use crate::{Scores, identity, usage};

const FILE_NAME: &str = "checkpoint.safetensors";
/// The checkpoint's metadata key whose value is the [`Progress`] as JSON.
const PROGRESS: &str = "d2l.progress";
/// The time that a crash may lose in addition to the current epoch.
const BETWEEN_CHECKPOINTS: Duration = Duration::from_secs(1);
const PARAMETER: &str = "parameter/";
const STATE: &str = "state/";
const ACCUMULATED: &str = "accumulated/";
const CARRIED: &str = "carried/";

/// Everything that the next step depends on, apart from the model's parameters and the optimizer.
pub(crate) struct Checkpoint {
    pub progress: Progress,
    pub length: Length,
    /// The gradients since the last step, if one is made after several minibatches.
    pub accumulator: Accumulator,
    /// The tensors that the next minibatch of the epoch starts from, if the loop carries any over.
    pub carried: Vec<Tensor>,
    /// With `--resume`: the checkpoint, until the loop reaches the fold in which it was written.
    pub resumed: Option<Resumed>,
    /// One step in this many has a line in the log; `None` for a log of epochs alone.
    pub log_every: Option<usize>,
    /// Whether training is over: the checkpoint is at its last step, but the parameters may be those of an earlier
    /// epoch.
    pub is_complete: bool,
    /// Parameters and buffers of the epoch with the lowest validation loss, until they are on the disk.
    pub best: Option<Tensors>,
    /// The run's identity, which all its files carry.
    pub identity: HashMap<String, String>,
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
    /// Norm of the run's first gradient, which tells why a run diverges. Not saved, because JSON has no infinite
    /// number.
    #[serde(skip)]
    pub first_gradient_norm: Option<f64>,
    /// Examples whose gradients are accumulated for the optimizer's next step.
    pub accumulated: usize,
    /// Steps of this process alone, for measuring the speed.
    #[serde(skip)]
    pub steps_this_process: usize,
    /// Under `--precision f16`: the factor of the loss.
    #[serde(default)]
    pub loss_scale: Option<LossScale>,
    /// Sums of the current epoch.
    pub train: Scores,
    /// [`Checkpoint::log_every`], for the resumed run.
    #[serde(default)]
    log_every: Option<usize>,
    /// The numbers from [`crate::Run::record_final`].
    measured: Metrics,
    /// The log when the checkpoint was written; resuming cuts it to this.
    log: Mark,
    seconds: f64,
}

/// A checkpoint that has been read, with the epochs of the log up to it.
pub(crate) struct Resumed {
    /// The log's first line, for the resumed run.
    header: Header,
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
            log_every: None,
            is_complete: false,
            best: None,
            identity: HashMap::new(),
            saved: None,
        }
    }
}

impl Checkpoint {
    /// Returns to the first step, for the next fold.
    pub fn begin(&mut self, fold: Option<usize>) {
        self.progress = Progress { fold, ..Progress::default() };
        self.is_complete = false;
    }

    /// Writes parameters, buffers, the optimizer's and the loop's `state`, accumulated gradients, the tensors carried
    /// from minibatch to minibatch, and progress to `checkpoint.safetensors`. It writes a temporary file, syncs and
    /// renames it, so that a crash leaves the old or the new checkpoint whole. The best parameters go to the file `best`
    /// first: a crash between the two leaves those of a later epoch, which the resumed run reaches again.
    pub fn save<S: State + ?Sized>(
        &mut self,
        params: &ParamStore,
        state: &S,
        recorder: &Recorder,
        best: &Path,
    ) -> Result<()> {
        let (folder, Some(log)) = (recorder.folder()?, &recorder.log) else {
            bail!("the run has not started")
        };
        if let Some(parameters) = self.best.take() {
            d2l_nn::save_tensors(best, &parameters, self.identity.clone())?;
        }
        log.sync()?; // a power cut must not leave the log shorter than the checkpoint says
        self.progress.log = log.mark();
        self.progress.seconds = recorder.clock.seconds();
        self.progress.measured.clone_from(&recorder.measured);
        self.progress.log_every = self.log_every;
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
        let mut metadata = self.identity.clone();
        metadata.insert(PROGRESS.to_string(), progress);
        d2l_nn::save_tensors(&folder.join(FILE_NAME), &tensors, metadata)?;
        self.saved = Some(Instant::now());
        Ok(())
    }

    /// Whether a checkpoint is due after an epoch. Without `--checkpoint-every`, it is due if the last one is a second
    /// old or there is none: writing waits for the disk, which takes far longer than an epoch of the smallest models.
    pub fn is_due(&self, every: Option<Every>) -> bool {
        match every {
            None => self.is_older_than(BETWEEN_CHECKPOINTS),
            Some(_) => self.saved.is_none(),
        }
    }

    /// Whether `--checkpoint-every` wants a checkpoint after this step.
    pub fn is_due_within_epoch(&self, every: Option<Every>) -> bool {
        match every {
            None => false,
            Some(Every::Time(time)) => self.is_older_than(time),
            Some(Every::Steps(steps)) => self.progress.steps_done.is_multiple_of(steps),
        }
    }

    fn is_older_than(&self, time: Duration) -> bool {
        self.saved.is_none_or(|saved| saved.elapsed() >= time)
    }

    /// Reads the checkpoint of the run in `folder` and its log up to there. `asked` is the header that the flags make;
    /// it may ask for more epochs. Changes nothing on the disk.
    pub fn read(&mut self, folder: &Path, asked: &Header, device: &Device) -> Result<Header> {
        let shown = folder.display();
        let log_file = folder.join(d2l_log::FILE_NAME);
        let logged = d2l_log::Outline::read(&log_file)?.header;
        let differences = identity::differences(&logged, asked);
        if !differences.is_empty() {
            usage!(
                "--resume {shown}: {}; wanted the flags of the first start",
                differences.join(", ")
            );
        }
        let file = folder.join(FILE_NAME);
        if !file.exists() {
            let name = folder.file_name().unwrap_or_default().to_string_lossy();
            bail!(
                "{shown} has no checkpoint yet: nothing to resume; start it again with --name {name} --overwrite"
            );
        }
        self.identity = identity::metadata(&logged);
        let (metadata, progress, [parameters, state, accumulated, carried]) = read(&file, device)?;
        identity::check(&file, &metadata, &self.identity)?;
        let (before, now) = (identity::epochs(&logged), identity::epochs(asked));
        if now < before {
            usage!(
                "--resume {shown}: epochs was {before} and is now {now}; a run can only become longer"
            );
        }
        self.log_every = progress.log_every;
        let mut log = Log::read_to(&log_file, &progress.log)?;
        let is_before = |epoch: &Epoch| {
            // Folds are trained in order, and a model without a fold after them.
            let place = |fold: Option<usize>, epoch: usize| (fold.unwrap_or(usize::MAX), epoch);
            place(epoch.fold, epoch.epoch) <= place(progress.fold, progress.epochs_done)
        };
        log.epochs.retain(is_before);
        let mut header = logged;
        if now > before {
            header.lengthened.push(before);
            header.recipe.clone_from(&asked.recipe);
        }
        self.resumed = Some(Resumed {
            header: header.clone(),
            progress,
            parameters,
            state,
            accumulated,
            carried,
            epochs: log.epochs,
        });
        Ok(header)
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
        // Everything that was read fits. From here on this process owns the log.
        let log = folder.join(d2l_log::FILE_NAME);
        recorder.log = Some(Writer::resume(
            &log,
            &resumed.progress.log,
            &resumed.header,
        )?);
        recorder.clock.before = resumed.progress.seconds;
        self.carried = resumed.carried.into_values().collect();
        recorder.measured.clone_from(&resumed.progress.measured);
        self.progress = resumed.progress;
        Ok(false)
    }

    /// Takes parameters from a file that this run has written earlier.
    pub fn load_model(&self, params: &ParamStore, file: &Path, device: &Device) -> Result<()> {
        let (tensors, metadata) = d2l_nn::load_saved_tensors(file, device)?;
        identity::check(file, &metadata, &self.identity)?;
        params
            .load_state(&tensors)
            .with_context(|| file.display().to_string())
    }
}

/// Gives the run in `folder` a checkpoint with the text `progress`, and reads log and checkpoint as `--resume` does.
/// `header` is the log's. Returns the header that the resumed run would have.
///
/// # Errors
/// As `--resume`, if what is read doesn't fit.
pub fn read_checkpoint(folder: &Path, header: &Header, progress: &str) -> Result<Header> {
    let mut metadata = identity::metadata(header);
    metadata.insert(PROGRESS.to_string(), progress.to_string());
    d2l_nn::save_tensors(&folder.join(FILE_NAME), &BTreeMap::new(), metadata)?;
    Checkpoint::default().read(folder, header, &Device::Cpu)
}

type Tensors = BTreeMap<String, Tensor>;

type Metadata = HashMap<String, String>;

fn read(file: &Path, device: &Device) -> Result<(Metadata, Progress, [Tensors; 4])> {
    let (tensors, metadata) = d2l_nn::load_saved_tensors(file, device)?;
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
    Ok((metadata, progress, parts))
}
