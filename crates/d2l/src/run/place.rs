//! The place in the run: the epoch, its order, the minibatches that remain. All random draws depend on it.

use std::time::Instant;

use candle_core::Tensor;
use d2l_data::Draws;
use d2l_nn::Step;
use d2l_random::{Purpose, Stream};

use super::Run;

impl Run {
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

    /// The numbers of this epoch's remaining minibatches, counted from 0: all of them, or after an interruption the
    /// rest. For loops that make their minibatches themselves.
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

    /// The epoch's place in the run, on which the random changes to its training examples depend.
    pub fn draws(&self) -> Draws {
        Draws { seed: self.draws, epoch: self.epoch() }
    }
}
