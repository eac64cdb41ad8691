//! What the loop tells the run, in the order of the calls.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::{Result, bail};
use candle_core::Tensor;
use candle_core::backprop::GradStore;
use d2l_data::{Draws, Source, Splits};
use d2l_log::{Epoch, Metrics, Record, Writer};
use d2l_nn::{Optimizer, Step};
use d2l_random::{Purpose, Stream};

use super::{Run, folder};
use crate::fit::Evaluation;
use crate::{Interrupted, Scores, usage};

/// Set by Ctrl-C; read after every step.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// From here on the first Ctrl-C only asks the loop to stop; the second ends the process.
pub(crate) fn catch_interrupts() -> Result<()> {
    let handled = ctrlc::set_handler(|| {
        if INTERRUPTED.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
    });
    handled.map_err(|cause| anyhow::anyhow!("cannot listen for Ctrl-C: {cause}"))
}

impl Run {
    /// Starts the run on `data`: loads `--init`, makes the folder and the log with its first line, or, with
    /// `--resume`, takes everything back to where the last checkpoint left it.
    pub fn start<O: Optimizer + ?Sized, const N: usize>(
        &mut self,
        data: &Splits<N>,
        optimizer: &mut O,
    ) -> Result<()> {
        if data.train.is_empty() {
            bail!("the training set is empty: wanted at least one example");
        }
        self.on_builtin_data = data.provenance.source == Source::Builtin;
        if self.args.verify {
            self.check_verifiable()?;
        }
        let batches = data.train.len().div_ceil(self.recipe.batch_size);
        self.progress.train = if self.logs("train_window") {
            Scores::with_window(batches / 2)
        } else {
            Scores::default()
        };
        self.progress.examples = data.train.len();
        self.load_init()?;
        if self.log.is_none() {
            self.open(data)?;
        }
        match self.resumed.take() {
            Some(resumed) => self.catch_up(resumed, optimizer),
            None => Ok(()),
        }
    }

    /// Opens the log, a new one or the one to go on with, and shows what is about to be trained.
    fn open<const N: usize>(&mut self, data: &Splits<N>) -> Result<()> {
        let header = self.header(data);
        if self.args.resume {
            self.resume(&header)?;
        } else {
            let folder = folder::create(&self.args, self.chapter, &self.default_name())?;
            let mut log = Writer::create(&folder.join(d2l_log::FILE_NAME))?;
            log.write(&Record::Run(header.clone()))?;
            self.log = Some(log);
            self.folder = Some(folder);
        }
        self.report
            .started(&header, self.preset.section, self.folder.as_deref());
        self.clock.run = Instant::now();
        Ok(())
    }

    /// Goes on to the next epoch; false when all are done or early stopping ends them. A recipe of no epochs has one
    /// epoch without steps, which evaluates the initial parameters.
    pub fn next_epoch(&mut self) -> bool {
        let more = (self.progress.epochs_done < self.recipe.epochs && !self.is_out_of_patience())
            || (self.recipe.epochs == 0 && self.epochs.is_empty());
        if more {
            let batches = if self.recipe.epochs == 0 {
                0
            } else {
                self.batches_per_epoch()
            };
            self.report.epoch_begins(
                self.epoch(),
                self.recipe.epochs,
                batches,
                self.progress.steps_in_epoch,
            );
            self.clock.epoch = Instant::now();
            self.clock.training = 0.0;
        }
        more
    }

    /// The epoch that is running, counted from 1; 0 for a recipe of no epochs.
    pub fn epoch(&self) -> usize {
        if self.recipe.epochs == 0 {
            0
        } else {
            self.progress.epochs_done + 1
        }
    }

    /// Learning rate of this epoch.
    pub fn learning_rate(&self) -> f64 {
        let recipe = &self.recipe;
        recipe.schedule.learning_rate(
            recipe.learning_rate,
            self.progress.epochs_done,
            recipe.epochs,
        )
    }

    /// The training examples in this epoch's order; after an interruption, those that are still to come.
    pub fn order(&self) -> Vec<usize> {
        if self.recipe.epochs == 0 {
            return Vec::new();
        }
        let examples = self.progress.examples;
        let mut order = match self.shuffle("train") {
            None => (0..examples).collect(),
            Some(stream) => stream.permutation(examples),
        };
        order.drain(..(self.progress.steps_in_epoch * self.recipe.batch_size).min(examples));
        order
    }

    /// This epoch's random draws for the order of `what`; `None` under `--no-shuffle`. For loops that cut their batches
    /// themselves.
    pub fn shuffle<'a>(&self, what: &'a str) -> Option<Stream<'a>> {
        (!self.args.no_shuffle).then(|| Stream {
            seed: self.draws,
            purpose: Purpose::Shuffle,
            name: what,
            epoch: self.epoch(),
            step: 0,
        })
    }

    /// Batches of this epoch that are done; not 0 where a run goes on after an interruption.
    pub fn batches_done(&self) -> usize {
        self.progress.steps_in_epoch
    }

    /// Keeps what the next batch starts from beside the parameters, such as a recurrent network's state: a checkpoint
    /// within the epoch holds it. Call it before [`Run::record_step`]; the end of an epoch forgets it.
    pub fn carry(&mut self, state: &[Tensor]) {
        self.carried = state.to_vec();
    }

    /// What [`Run::carry`] kept; empty at an epoch's start.
    pub fn carried(&self) -> &[Tensor] {
        &self.carried
    }

    /// The place of the coming step in the run: what dropout's draws depend on.
    pub fn step(&self) -> Step {
        Step {
            seed: self.draws,
            epoch: self.epoch(),
            step: self.progress.steps_done + 1,
        }
    }

    /// What the random changes to this epoch's training examples depend on.
    pub fn draws(&self) -> Draws {
        Draws {
            seed: self.draws,
            epoch: self.epoch(),
        }
    }

    /// Sums of this epoch's training.
    pub fn scores(&mut self) -> &mut Scores {
        &mut self.progress.train
    }

    /// Adds a batch's gradients, those of its mean loss over `examples` examples, to those of the batches before it.
    /// Where the recipe's number of batches is complete, or the epoch, returns their mean over all examples, for a step
    /// of the optimizer.
    pub fn accumulate(
        &mut self,
        mut gradients: GradStore,
        examples: usize,
    ) -> Result<Option<GradStore>> {
        if self.recipe.accumulate == 1 {
            return Ok(Some(gradients));
        }
        let parameters = self.params.parameters();
        self.accumulator.add(&parameters, &gradients, examples)?;
        self.progress.accumulated += examples;
        let batches = self.progress.steps_in_epoch + 1;
        if !batches.is_multiple_of(self.recipe.accumulate) && batches < self.batches_per_epoch() {
            return Ok(None);
        }
        let examples = std::mem::take(&mut self.progress.accumulated);
        self.accumulator
            .take(&parameters, &mut gradients, examples)?;
        Ok(Some(gradients))
    }

    /// Refuses `--accumulate`: for loops that make a step after every batch.
    pub fn steps_after_every_batch(&self) -> Result<()> {
        match self.recipe.accumulate {
            1 => Ok(()),
            batches => usage!(
                "--accumulate {batches}: the loop of `{} {}` makes a step after every batch",
                self.preset.model,
                self.preset.implementation
            ),
        }
    }

    /// Records the norm of all gradients together and scales them down to the recipe's largest norm, if it has one.
    pub fn clip(&mut self, gradients: &mut GradStore) -> Result<()> {
        let parameters = self.params.parameters();
        let norm = match self.recipe.clip_norm {
            Some(largest) => d2l_nn::clip_gradient_norm(&parameters, gradients, largest)?,
            None => d2l_nn::gradient_norm(&parameters, gradients)?,
        };
        self.progress.train.add_value("gradient_norm", norm, 1);
        Ok(())
    }

    /// Records a step's loss, the mean over `examples` examples.
    ///
    /// # Errors
    /// Where the loss is not finite any more; and after Ctrl-C, when the run has been saved.
    pub fn record_step<O: Optimizer + ?Sized>(
        &mut self,
        loss: &Tensor,
        examples: usize,
        optimizer: &O,
    ) -> Result<()> {
        let progress = &mut self.progress;
        progress.train.add_mean("loss", loss, examples)?;
        progress.steps_done += 1;
        progress.steps_in_epoch += 1;
        progress.steps_this_process += 1;
        if let Some(step) = progress.train.first_non_finite() {
            return Err(self.diverged("loss", step));
        }
        self.report.step(&self.progress.train);
        self.clock.training = self.clock.epoch.elapsed().as_secs_f64();
        if INTERRUPTED.load(Ordering::SeqCst) {
            self.save_checkpoint(optimizer)?;
            return Err(Interrupted.into());
        }
        Ok(())
    }

    /// Whether the log has the further group `group`: the preset's bands ask for it.
    pub fn logs(&self, group: &str) -> bool {
        self.preset.bands.iter().any(|band| band.group() == group)
    }

    /// Writes the epoch's line and, where one is due, a checkpoint.
    pub fn record_epoch<O: Optimizer + ?Sized>(
        &mut self,
        evaluation: &Evaluation,
        optimizer: &O,
    ) -> Result<()> {
        self.device.synchronize()?; // or the clock would be read before the work is done
        self.progress.train.read()?;
        let mut train = self.progress.train.means();
        train.remove("gradient_norm");
        let mut more = std::collections::BTreeMap::new();
        let mut add = |group: &str, metrics: Metrics| {
            if self.logs(group) && !metrics.is_empty() {
                more.insert(group.to_string(), metrics);
            }
        };
        add("train_after", evaluation.train_after.means());
        add("valid_batches", evaluation.valid.batch_means());
        let scores = &self.progress.train;
        let mut window = Metrics::from_iter(scores.window_loss().map(|loss| ("loss".into(), loss)));
        if train.contains_key("perplexity") {
            let perplexity = scores.window_perplexity();
            window.extend(perplexity.map(|mean| ("perplexity".to_string(), mean)));
        }
        add("train_window", window);
        let trained = self.progress.train.batch_means();
        let examples = self.progress.steps_this_process * self.recipe.batch_size;
        let epoch = Epoch {
            epoch: self.epoch(),
            step: self.progress.steps_done,
            fold: self.progress.fold,
            learning_rate: self.learning_rate(),
            train,
            valid: evaluation.valid.means(),
            more,
            gradient_norm: trained.get("gradient_norm").copied().unwrap_or(0.0),
            seconds: self.clock.epoch.elapsed().as_secs_f64(),
            examples_per_second: examples.min(self.progress.examples) as f64
                / self.clock.training.max(1e-9),
        };
        if let Some((name, _)) = epoch
            .metrics()
            .into_iter()
            .find(|(_, value)| !value.is_finite())
        {
            return Err(self.diverged(&name, self.progress.steps_in_epoch));
        }
        self.write(Record::Epoch(epoch.clone()))?;
        self.epochs.push(epoch.clone());
        if self.recipe.epochs > 0 {
            self.progress.epochs_done += 1;
        }
        let is_last = self.is_out_of_patience() || epoch.epoch >= self.recipe.epochs;
        self.report.epoch(&epoch, self.recipe.epochs, is_last);
        if self.is_best_so_far() {
            self.params.save(&self.model_file()?, self.metadata())?;
        }
        self.progress.steps_in_epoch = 0;
        self.progress.steps_this_process = 0;
        self.progress.train.clear();
        self.carried.clear();
        if self.checkpoint_is_due() {
            self.save_checkpoint(optimizer)?;
        }
        Ok(())
    }

    /// Saves the trained parameters as `model.safetensors` (a fold's as `model-fold1.safetensors`, …) and draws the
    /// curves. After early stopping the parameters are those of the best epoch.
    pub fn finish(&mut self) -> Result<()> {
        self.report.clear();
        let file = self.model_file()?;
        match (self.kept_epoch(), self.epochs.last()) {
            (Some(kept), Some(last)) if kept.epoch < last.epoch => {
                self.params.load(&file)?; // written at the end of that epoch
                self.report.line(&format!(
                    "kept the parameters of epoch {}, which has the lowest validation loss",
                    kept.epoch
                ));
            }
            _ => self.params.save(&file, self.metadata())?,
        }
        match self.progress.fold {
            None => self.draw_curves(),
            Some(_) => Ok(()),
        }
    }

    /// What to say when `what` is not a finite number after `step` steps of the running epoch.
    fn diverged(&self, what: &str, step: usize) -> anyhow::Error {
        let cause = if self.progress.steps_done <= 1 {
            "nothing has been learned yet, so the initial values (--initializer) or the data are the cause".to_string()
        } else {
            format!(
                "the learning rate {} is the likely cause; try a smaller one",
                self.learning_rate()
            )
        };
        anyhow::anyhow!(
            "the {what} is not a finite number any more at epoch {}, step {step}: {cause}",
            self.epoch()
        )
    }

    fn batches_per_epoch(&self) -> usize {
        self.progress.examples.div_ceil(self.recipe.batch_size)
    }
}
