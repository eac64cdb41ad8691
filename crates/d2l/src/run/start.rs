//! The start of a run: what is checked before it, its folder and its log.

use std::time::Instant;

use anyhow::{Result, bail};
use d2l_log::{Record, Writer};
use d2l_nn::{State, has_kernels};

use super::Run;
use crate::device::memory_bytes;
use crate::loss_scale::LossScale;
use crate::plan::{Length, Plan};
use crate::{Scores, folder, identity, usage};

/// The error that ends a run under `--dry-run`, at the place where it would begin to write.
#[derive(Debug)]
pub(crate) struct DryRun;

impl std::fmt::Display for DryRun {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str("--dry-run: nothing is trained")
    }
}

impl std::error::Error for DryRun {}

impl Run {
    /// Starts the run: loads `--init`, and makes the folder and the log with its first line. With `--resume`, restores
    /// everything from the last checkpoint instead.
    ///
    /// `plan` says how long an epoch is: `&Splits`, or [`Plan::steps`] if there is no data set. `state` is everything
    /// that the next step depends on besides the parameters: the optimizer, a tuple of several, or the loop's own
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
        if self.settings.recipe.epochs == 1 {
            let scores = std::mem::take(&mut self.checkpoint.progress.train);
            self.checkpoint.progress.train = scores.with_curve(); // its one epoch would be a single point
        }
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

    /// Refuses a last minibatch of one example under batch normalization, which needs two examples for a variance.
    fn check_last_minibatch(&self, length: Length) -> Result<()> {
        let (examples, batch_size) = (length.examples(), self.settings.recipe.batch_size);
        if batch_size > 1 && examples % batch_size == 1 && !self.params.buffers().is_empty() {
            usage!(
                "--batch-size {batch_size}: the last of {examples} examples would be a minibatch of its own, in which batch \
                 normalization finds no variance; wanted another --batch-size, or one example fewer with --examples"
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

    /// Takes the run's folder: a new one with a new log, or that of the run to resume, which is only read until all of
    /// it is known to fit. Shows what will be trained.
    fn open(&mut self, plan: Plan) -> Result<()> {
        let settings = &self.settings;
        let (args, device) = (&settings.args, &settings.device);
        let mut header = settings.header(plan.data, self.params.parameter_count());
        if device.is_cpu() && !has_kernels(device) {
            let off = "off: D2L_COMPOSED=1, as on a GPU".to_string();
            header.versions.insert("kernels".to_string(), off);
        }
        if args.dry_run {
            let header = serde_json::to_string(&Record::Run(header))?;
            d2l_command::print(&format!("{header}\n"))?;
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
        recorder.data = header
            .data
            .as_ref()
            .map_or(String::new(), |data| data.name.clone());
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

    /// Says that a resumed run is longer than before, and what that changes.
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
}
