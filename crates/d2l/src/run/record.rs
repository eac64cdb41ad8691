//! The records of steps and epochs, and the checkpoints between them.

use std::collections::BTreeMap;

use anyhow::Result;
use candle_core::Tensor;
use d2l_log::{Epoch, Metrics, Record};
use d2l_nn::State;

use super::Run;
use crate::checkpoint::Checkpoint;
use crate::fit::Evaluation;
use crate::{Interrupted, Scores, interrupt};

impl Run {
    /// Sums over this epoch's training. Add every training metric of the log here, except the loss.
    pub fn scores(&mut self) -> &mut Scores {
        &mut self.checkpoint.progress.train
    }

    /// Records a step's loss, the mean over `examples` examples. `state` is the one given to [`Run::start`].
    ///
    /// # Errors
    /// If the loss is not finite; after Ctrl-C, once the run has been saved.
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
            self.read_gradient_norms()?; // they show the cause
            return Err(self.diverged("loss", step));
        }
        if self.batches_done() == self.batches_per_epoch() {
            self.settings.device.synchronize()?; // the epoch's time includes what the GPU still has to do
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

    /// Saves the run and ends it, if the program was asked to stop. `state` is the one given to [`Run::start`]. For
    /// work between the last step of an epoch and its record, such as an evaluation.
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

    /// Writes the epoch's line and, if one is due, a checkpoint. `state` is the one given to [`Run::start`].
    pub fn record_epoch<S: State + ?Sized>(
        &mut self,
        evaluation: &Evaluation,
        state: &S,
    ) -> Result<()> {
        self.read_from_device()?;
        // A chapter's own loop may have left them on the device.
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

    /// Reads what the last steps left on the device: losses, numbers of correct predictions, norms of gradients.
    fn read_from_device(&mut self) -> Result<()> {
        self.scores().read()?;
        self.read_gradient_norms()
    }

    fn save_checkpoint<S: State + ?Sized>(&mut self, state: &S) -> Result<()> {
        if let Some(name) = self.params.first_non_finite()? {
            return Err(self.diverged(&format!("parameter {name}"), self.batches_done()));
        }
        self.read_from_device()?; // otherwise a resumed run would lack the last steps' losses
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
            None => self.draw_curves(),
            Some(_) => Ok(()),
        }
    }
}
