//! One training run: the methods that a chapter and its loop call, in the order of the calls.
//!
//! A run has three parts: its [`Settings`], the `Recorder` (log, terminal, clock) and the `Checkpoint` (its progress,
//! and how it continues after an interruption). [`fit`](crate::fit()) is the loop that most chapters use. A loop of
//! another kind makes the same calls: [`Run::start`], [`Run::next_epoch`], [`Run::record_step`] after every step,
//! [`Run::record_epoch`], [`Run::finish`].

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Result, bail};
use candle_core::Tensor;
use candle_core::backprop::GradStore;
use d2l_data::Draws;
use d2l_log::{BandResult, Epoch, Metrics, Record, Status, Writer};
use d2l_nn::{ParamStore, SquaredNorms, State, Step, has_kernels};
use d2l_random::{Purpose, Stream};

use crate::checkpoint::Checkpoint;
use crate::device::memory_bytes;
use crate::fit::Evaluation;
use crate::health::Health;
use crate::loss_scale::LossScale;
use crate::memory::Memory;
use crate::plan::{Length, Plan};
use crate::recorder::Recorder;
use crate::scores::READ_EVERY;
use crate::settings::Settings;
use crate::terminal::print;
use crate::{Interrupted, Scores, folder, identity, interrupt, summary, usage};

/// Ends a run under `--dry-run`, at the place where it would begin to write.
#[derive(Debug)]
pub(crate) struct DryRun;

impl std::fmt::Display for DryRun {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str("--dry-run: nothing is trained")
    }
}

impl std::error::Error for DryRun {}

/// One training run.
pub struct Run {
    /// What is trained and how.
    pub settings: Settings,
    /// The model's parameters and buffers.
    pub params: ParamStore,
    pub(crate) recorder: Recorder,
    pub(crate) checkpoint: Checkpoint,
    pub(crate) health: Health,
    /// Of the last steps' gradients, where they may still be on the device.
    unread_norms: Vec<SquaredNorms>,
    /// What training will need, once the model has been observed.
    memory: OnceCell<Memory>,
    /// Decides the draws of the current fold; the seed itself if there are no folds.
    pub(crate) draws: u64,
    /// The data are the built-in ones, so the book's bands say nothing about the result.
    on_builtin_data: bool,
}

/// Before training.
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

    /// Observes the layers that report in `forward`, whose inputs are `inputs`, batch first, to estimate the memory that
    /// training needs; [`Run::start`] refuses what the machine doesn't have.
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
}

/// While training.
impl Run {
    /// Starts the run: loads `--init`, and makes the folder and the log with its first line. With `--resume`, restores
    /// everything from the last checkpoint instead.
    ///
    /// `plan` says how long an epoch is: `&Splits`, or [`Plan::steps`] if there is no data set. `state` is everything
    /// beside the parameters that the next step depends on: the optimizer, a tuple of several, or the loop's own
    /// [`State`].
    pub fn start<S: State + ?Sized>(&mut self, plan: impl Into<Plan>, state: &mut S) -> Result<()> {
        let plan = plan.into();
        if plan.length.batches(1) == 0 {
            bail!("the training set is empty: wanted at least one example");
        }
        self.check_last_minibatch(plan.length)?;
        self.check_memory(plan.length)?;
        self.on_builtin_data = plan.on_builtin_data;
        if self.settings.args.verify {
            self.settings.check_verifiable(self.on_builtin_data)?;
        }
        self.checkpoint.length = plan.length;
        self.checkpoint.progress.train = match self.settings.logs("train_window") {
            true => Scores::with_window(self.batches_per_epoch() / 2),
            false => Scores::default(),
        };
        self.checkpoint.progress.loss_scale = LossScale::of(self.settings.recipe.precision);
        self.load_init()?;
        if self.recorder.folder.is_none() {
            self.open(plan)?;
        }
        if self
            .checkpoint
            .catch_up(&self.params, state, &mut self.recorder)?
        {
            self.checkpoint.progress.epochs_done = self.settings.recipe.epochs;
            let (file, device) = (self.file_of("model")?, &self.settings.device);
            self.checkpoint.load_model(&self.params, &file, device)?;
        }
        Ok(())
    }

    /// Batch normalization needs two examples to have a variance, and an epoch's last minibatch has what the others leave.
    fn check_last_minibatch(&self, length: Length) -> Result<()> {
        let (examples, batch_size) = (length.examples(), self.settings.recipe.batch_size);
        if batch_size > 1 && examples % batch_size == 1 && !self.params.buffers().is_empty() {
            usage!(
                "--batch-size {batch_size}: the last of {examples} examples would be a minibatch of its own, in which batch \
                 normalization finds no variance; wanted another --batch-size, or one example less with --examples"
            );
        }
        Ok(())
    }

    /// Refuses a model and a minibatch that this machine's memory cannot hold. A GPU has its own memory.
    fn check_memory(&self, length: Length) -> Result<()> {
        let batch_size = self.settings.recipe.batch_size;
        let batch_size = match length.examples() {
            0 => batch_size,
            examples => batch_size.min(examples),
        };
        match (self.memory.get(), memory_bytes()) {
            (Some(memory), Some(available)) if self.settings.device.is_cpu() => {
                memory.check(batch_size, available)
            }
            _ => Ok(()),
        }
    }

    /// Takes the run's folder: a new one with a log that begins, or that of the run to resume, which is only read until
    /// all of it is known to fit. Shows what will be trained.
    fn open(&mut self, plan: Plan) -> Result<()> {
        let settings = &self.settings;
        let (args, device) = (&settings.args, &settings.device);
        let mut header = settings.header(plan.data, self.params.parameter_count());
        if device.is_cpu() && !has_kernels(device) {
            let off = "off: D2L_COMPOSED=1, as on a GPU".to_string();
            header.versions.insert("kernels".to_string(), off);
        }
        if args.dry_run {
            d2l_command::print(&format!(
                "{}\n",
                serde_json::to_string(&Record::Run(header))?
            ))?;
            return Err(DryRun.into());
        }
        let name = settings.default_name();
        let found = match args.resume {
            true => folder::find(args, &header, &name)?,
            false => None,
        };
        let folder = match found {
            Some(folder) => {
                header = self.checkpoint.read(&folder.path, &header, device)?;
                self.check_log_every(&folder.path)?;
                d2l_nn::remove_temporary_files(&folder.path)?;
                folder
            }
            None if args.resume && args.seeds == 1 => {
                folder::nothing_to_resume(args, &header, &name)?
            }
            None => {
                self.checkpoint.log_every = self.lines_for_steps()?;
                let folder = folder::create(args, settings.chapter, &name)?;
                let mut log = Writer::create(&folder.path.join(d2l_log::FILE_NAME))?;
                log.write(&Record::Run(header.clone()))?;
                self.checkpoint.identity = identity::metadata(&header);
                self.recorder.log = Some(log);
                folder
            }
        };
        let recorder = &mut self.recorder;
        (recorder.folder, recorder.lock) = (Some(folder.path), Some(folder.lock));
        recorder
            .terminal
            .started(&header, settings.section, recorder.folder.as_deref());
        if let Some(before) = header.lengthened.last() {
            self.say_lengthened(*before);
        }
        self.recorder.clock.run = Instant::now();
        Ok(())
    }

    /// Says that a resumed run is longer than it was, and what that changes.
    fn say_lengthened(&self, before: usize) {
        let recipe = &self.settings.recipe;
        let now = recipe.epochs;
        self.say(&format!("length  {now} epochs instead of {before}"));
        if recipe.schedule.depends_on_length() {
            self.say(&format!(
                "        the schedule {} runs over all epochs: from here on it is that of {now}, up to here it was that of \
                 {before}",
                recipe.schedule
            ));
        }
    }

    /// Begins the next epoch; false when all epochs are done or early stopping ends the training. A recipe of 0 epochs
    /// has one epoch without steps, which evaluates the initial parameters.
    pub fn next_epoch(&mut self) -> bool {
        let epochs = self.settings.recipe.epochs;
        let recorder = &self.recorder;
        let progress = &self.checkpoint.progress;
        let more = (progress.epochs_done < epochs && !recorder.is_out_of_patience())
            || (epochs == 0 && recorder.epochs.is_empty());
        if more {
            let (epoch, done) = (self.epoch(), progress.steps_in_epoch);
            let batches = self.batches_per_epoch();
            let recorder = &mut self.recorder;
            recorder.terminal.epoch_begins(epoch, epochs, batches, done);
            self.health.epoch_begins();
            recorder.clock.epoch = Instant::now();
            recorder.clock.training = 0.0;
        }
        more
    }

    /// The current epoch, counted from 1; 0 for a recipe of 0 epochs.
    pub fn epoch(&self) -> usize {
        match self.settings.recipe.epochs {
            0 => 0,
            _ => self.checkpoint.progress.epochs_done + 1,
        }
    }

    /// Learning rate of this epoch.
    pub fn learning_rate(&self) -> f64 {
        let recipe = &self.settings.recipe;
        let done = self.checkpoint.progress.epochs_done;
        let schedule = &recipe.schedule;
        schedule.learning_rate(recipe.learning_rate, done, recipe.epochs)
            * schedule.after_stalls(self.recorder.epochs.stalled())
    }

    /// The training examples in this epoch's order; after an interruption, the remaining ones.
    pub fn order(&self) -> Vec<usize> {
        if self.settings.recipe.epochs == 0 {
            return Vec::new();
        }
        let examples = self.checkpoint.length.examples();
        let mut order = match self.shuffle("train") {
            None => (0..examples).collect(),
            Some(stream) => stream.permutation(examples),
        };
        order.drain(..(self.batches_done() * self.settings.recipe.batch_size).min(examples));
        order
    }

    /// This epoch's random draws for the order of `what`; `None` under `--no-shuffle`. For loops that cut their
    /// minibatches themselves.
    pub fn shuffle<'a>(&self, what: &'a str) -> Option<Stream<'a>> {
        (!self.settings.args.no_shuffle).then(|| Stream {
            seed: self.draws,
            purpose: Purpose::Shuffle,
            name: what,
            epoch: self.epoch(),
            step: 0,
        })
    }

    /// The remaining minibatches of this epoch, counted from 0: all of them, or after an interruption the rest. For
    /// loops that make their minibatches themselves.
    pub fn batches_to_come(&self) -> std::ops::Range<usize> {
        self.batches_done()..self.batches_per_epoch()
    }

    /// The number of minibatches of this epoch that are done; above 0 if a resumed run starts within the epoch.
    pub fn batches_done(&self) -> usize {
        self.checkpoint.progress.steps_in_epoch
    }

    pub(crate) fn batches_per_epoch(&self) -> usize {
        match self.settings.recipe.epochs {
            0 => 0,
            _ => self
                .checkpoint
                .length
                .batches(self.settings.recipe.batch_size),
        }
    }

    /// Keeps tensors that the next minibatch starts from, such as a recurrent network's state: a checkpoint within the
    /// epoch holds them. Call it before [`Run::record_step`]. The end of the epoch discards them.
    pub fn carry(&mut self, state: &[Tensor]) {
        self.checkpoint.carried = state.to_vec();
    }

    /// The tensors that [`Run::carry`] kept; empty at an epoch's start.
    pub fn carried(&self) -> &[Tensor] {
        &self.checkpoint.carried
    }

    /// The place of the next step in the run, on which dropout's draws depend.
    pub fn step(&self) -> Step {
        Step {
            seed: self.draws,
            epoch: self.epoch(),
            step: self.checkpoint.progress.steps_done + 1,
        }
    }

    /// The place in the run on which the random changes to this epoch's training examples depend.
    pub fn draws(&self) -> Draws {
        Draws { seed: self.draws, epoch: self.epoch() }
    }

    /// Sums of this epoch's training. Add here every training metric of the log but the loss.
    pub fn scores(&mut self) -> &mut Scores {
        &mut self.checkpoint.progress.train
    }

    /// The gradients of a minibatch's loss. Under `--precision f16` the pass starts from a multiple of the loss, so that
    /// small gradients don't become 0.
    pub fn backward(&self, loss: &Tensor) -> Result<GradStore> {
        Ok(match &self.checkpoint.progress.loss_scale {
            Some(scale) => scale.gradients(loss, &self.params.parameters())?,
            None => d2l_nn::backward(loss)?,
        })
    }

    /// Adds a minibatch's gradients, those of its mean loss over `examples` examples, to those of the minibatches
    /// before it. After the recipe's number of minibatches, and at the end of the epoch, returns the mean over all
    /// their examples, for a step of the optimizer.
    pub fn accumulate(
        &mut self,
        mut gradients: GradStore,
        examples: usize,
    ) -> Result<Option<GradStore>> {
        let every = self.settings.recipe.accumulate;
        if every == 1 {
            return Ok(Some(gradients));
        }
        let parameters = self.params.parameters();
        let (done, all) = (self.batches_done() + 1, self.batches_per_epoch());
        let Checkpoint { progress, accumulator, .. } = &mut self.checkpoint;
        accumulator.add(&parameters, &gradients, examples)?;
        progress.accumulated += examples;
        if !done.is_multiple_of(every) && done < all {
            return Ok(None);
        }
        let examples = std::mem::take(&mut progress.accumulated);
        accumulator.take(&parameters, &mut gradients, examples)?;
        Ok(Some(gradients))
    }

    /// Records the norm of all gradients together and scales them down to the recipe's maximum norm, if it has one. False
    /// if they are too large for `--precision f16`: the optimizer is to skip this step.
    pub fn clip(&mut self, gradients: &mut GradStore) -> Result<bool> {
        let parameters = self.params.parameters();
        let mut squares = d2l_nn::squared_gradient_norms(&parameters, gradients)?;
        if let Some(scale) = &mut self.checkpoint.progress.loss_scale {
            // Whether the optimizer may step depends on them, so they can't wait on the device.
            let read = squares.read()?;
            let are_finite = read.iter().flatten().sum::<f64>().is_finite();
            if let Some(factor) = scale.adapt(are_finite)? {
                let step = self.step().step;
                self.say(&format!(
                    "step {step}: gradients too large for f16; the step is skipped, and the loss scaled by {factor} from here on"
                ));
                return Ok(false);
            }
            squares = SquaredNorms::Read(read);
        }
        if let Some(largest) = self.settings.recipe.clip_norm {
            d2l_nn::clip_gradients_with_norms(&parameters, gradients, largest, &squares)?;
        }
        self.unread_norms.push(squares);
        if has_kernels(&self.settings.device) || self.unread_norms.len() >= READ_EVERY {
            self.read_gradient_norms()?;
        }
        Ok(true)
    }

    /// Reads the norms of the last steps' gradients, which may still be on the device.
    fn read_gradient_norms(&mut self) -> Result<()> {
        for squares in std::mem::take(&mut self.unread_norms) {
            let squares = squares.read()?;
            let norm = squares.iter().flatten().sum::<f64>().sqrt();
            self.health.saw_gradients(&squares);
            self.scores().add_value("gradient_norm", norm, 1);
            self.checkpoint
                .progress
                .first_gradient_norm
                .get_or_insert(norm);
        }
        Ok(())
    }

    /// Reads what the last steps left on the device: losses, hits, norms of gradients.
    fn read_from_device(&mut self) -> Result<()> {
        self.scores().read()?;
        self.read_gradient_norms()
    }

    /// Records a step's loss, the mean over `examples` examples. `state` is that of [`Run::start`].
    ///
    /// # Errors
    /// If the loss is no longer finite; after Ctrl-C, once the run has been saved.
    pub fn record_step<S: State + ?Sized>(
        &mut self,
        loss: &Tensor,
        examples: usize,
        state: &S,
    ) -> Result<()> {
        let progress = &mut self.checkpoint.progress;
        progress.train.add_mean("loss", loss, examples)?;
        progress.steps_done += 1;
        progress.steps_in_epoch += 1;
        progress.steps_this_process += 1;
        self.log_step(loss)?;
        let progress = &mut self.checkpoint.progress;
        if let Some(step) = progress.train.first_non_finite() {
            self.read_gradient_norms()?; // they tell the cause
            return Err(self.diverged("loss", step));
        }
        if self.batches_done() == self.batches_per_epoch() {
            self.settings.device.synchronize()?; // or the epoch's time would lack what the GPU has yet to do
        }
        let recorder = &mut self.recorder;
        recorder.terminal.step(&self.checkpoint.progress.train);
        recorder.clock.training = recorder.clock.epoch.elapsed().as_secs_f64();
        self.stop_if_interrupted(state)?;
        if self
            .checkpoint
            .is_due_within_epoch(self.settings.args.checkpoint_every)
        {
            self.save_checkpoint(state)?;
        }
        Ok(())
    }

    /// Saves the run, if the program was asked to stop, and ends it. `state` is that of [`Run::start`]. For work between
    /// the last step of an epoch and its record, such as an evaluation.
    ///
    /// # Errors
    /// [`Interrupted`].
    pub fn stop_if_interrupted<S: State + ?Sized>(&mut self, state: &S) -> Result<()> {
        if interrupt::is_requested() {
            if !self.checkpoint.is_complete {
                self.save_checkpoint(state)?;
            }
            return Err(Interrupted::default().into());
        }
        Ok(())
    }

    /// Writes the epoch's line and, if one is due, a checkpoint. `state` is that of [`Run::start`].
    pub fn record_epoch<S: State + ?Sized>(
        &mut self,
        evaluation: &Evaluation,
        state: &S,
    ) -> Result<()> {
        self.read_from_device()?;
        // A loop of its own may have left them on the device.
        let (valid, train_after) = (&evaluation.valid, &evaluation.train_after);
        let evaluation = Evaluation {
            valid: valid.when_read()?,
            train_after: train_after.when_read()?,
        };
        let epoch = self.epoch_record(&evaluation);
        let bad = |(_, value): &(String, f64)| !value.is_finite();
        if let Some((name, _)) = epoch.metrics().into_iter().find(bad) {
            return Err(self.diverged(&name, self.batches_done()));
        }
        let epochs = self.settings.recipe.epochs;
        let recorder = &mut self.recorder;
        recorder.write(Record::Epoch(epoch.clone()))?;
        recorder.epochs.push(epoch.clone());
        let is_last = recorder.is_out_of_patience() || epoch.epoch >= epochs;
        recorder.terminal.epoch(&epoch, epochs, is_last);
        if recorder.is_best_so_far() {
            self.checkpoint.best = Some(self.params.state());
        }
        let Checkpoint { progress, carried, .. } = &mut self.checkpoint;
        progress.epochs_done += usize::from(epochs > 0);
        progress.steps_in_epoch = 0;
        progress.steps_this_process = 0;
        progress.train.clear();
        carried.clear();
        if is_last || self.checkpoint.is_due(self.settings.args.checkpoint_every) {
            self.save_checkpoint(state)?;
        }
        Ok(())
    }

    /// The log's line for the epoch that has just been trained and evaluated.
    fn epoch_record(&self, evaluation: &Evaluation) -> Epoch {
        let progress = &self.checkpoint.progress;
        let scores = &progress.train;
        let mut train = scores.means();
        train.remove("gradient_norm");
        let mut more = BTreeMap::new();
        let mut add = |group: &str, metrics: Metrics| {
            if self.settings.logs(group) && !metrics.is_empty() {
                more.insert(group.to_string(), metrics);
            }
        };
        add("train_after", evaluation.train_after.means());
        add("valid_batches", evaluation.valid.batch_means());
        let mut window = Metrics::from_iter(scores.window_loss().map(|loss| ("loss".into(), loss)));
        if train.contains_key("perplexity") {
            let perplexity = scores.window_perplexity();
            window.extend(perplexity.map(|mean| ("perplexity".to_string(), mean)));
        }
        add("train_window", window);
        let norm = scores.batch_means().get("gradient_norm").copied();
        let examples = progress.steps_this_process * self.settings.recipe.batch_size;
        let examples = match self.checkpoint.length.examples() {
            0 => examples,
            all => examples.min(all),
        };
        let training = self.recorder.clock.training;
        Epoch {
            epoch: self.epoch(),
            step: progress.steps_done,
            fold: progress.fold,
            learning_rate: self.learning_rate(),
            train,
            valid: evaluation.valid.means(),
            more,
            gradient_norm: norm.unwrap_or(0.0),
            seconds: training,
            examples_per_second: examples as f64 / training.max(1e-9),
        }
    }

    fn save_checkpoint<S: State + ?Sized>(&mut self, state: &S) -> Result<()> {
        if let Some(name) = self.params.first_non_finite()? {
            return Err(self.diverged(&format!("parameter {name}"), self.batches_done()));
        }
        self.read_from_device()?; // or a resumed run would lack the last steps' losses
        let best = self.file_of("best")?;
        self.checkpoint
            .save(&self.params, state, &self.recorder, &best)
    }

    /// Saves the trained parameters as `model.safetensors` (a fold's as `model-fold1.safetensors`, …) and draws the
    /// curves. After early stopping the parameters are those of the best epoch.
    pub fn finish(&mut self) -> Result<()> {
        self.recorder.terminal.clear();
        if let (Some(kept), Some(last)) = (self.recorder.kept_epoch(), self.recorder.epochs.last())
            && kept.epoch < last.epoch
        {
            self.say(&format!(
                "kept the parameters of epoch {}, which has the lowest validation loss",
                kept.epoch
            ));
            let (best, device) = (self.file_of("best")?, &self.settings.device);
            self.checkpoint.load_model(&self.params, &best, device)?;
        }
        self.checkpoint.is_complete = true;
        let identity = self.checkpoint.identity.clone();
        self.params.save(&self.file_of("model")?, identity)?;
        match self.checkpoint.progress.fold {
            None => self.recorder.draw_curves(self.settings.model),
            Some(_) => Ok(()),
        }
    }

    /// The file of parameters in the run's folder: `model.safetensors`, or `model-fold1.safetensors` for a fold.
    fn file_of(&self, name: &str) -> Result<PathBuf> {
        let folder = self.recorder.folder()?;
        Ok(folder.join(match self.checkpoint.progress.fold {
            None => format!("{name}.safetensors"),
            Some(fold) => format!("{name}-fold{fold}.safetensors"),
        }))
    }
}

/// After training.
impl Run {
    /// The run's folder, once it has started.
    pub fn folder(&self) -> Option<&Path> {
        self.recorder.folder.as_deref()
    }

    /// The path for a figure of this run: `figures/<name>.svg` in the run's folder. `None` before the run has started.
    ///
    /// # Errors
    /// [`Interrupted`] after Ctrl-C: no further figure is begun.
    pub fn figure(&self, name: &str) -> Result<Option<PathBuf>> {
        interrupt::check_interrupt()?;
        let path = |folder: &Path| folder.join("figures").join(format!("{name}.svg"));
        Ok(self.folder().map(path))
    }

    /// Adds a number that belongs to no epoch to the log's `final`, such as `error.bias`. A number that is not finite
    /// makes the run a failed one when it is closed.
    pub fn record_final(&mut self, metric: &str, value: f64) {
        self.recorder.measure(metric, value);
    }

    /// The path for a figure that belongs to no run: `figures/<name>.svg` in the folder of the chapter's runs. `None`
    /// under `--dry-run`, which writes nothing.
    pub fn figure_without_run(&self, name: &str) -> Option<PathBuf> {
        let args = &self.settings.args;
        let figures = folder::of_chapter(args, self.settings.chapter).join("figures");
        (!args.dry_run).then(|| figures.join(format!("{name}.svg")))
    }

    /// Prints a line that was asked for, with `--quiet` too.
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
