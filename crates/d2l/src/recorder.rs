//! The reports of a run: its log, its lines on the terminal, its times.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Result, bail};
use d2l_log::{BandResult, Best, End, Epoch, Metrics, Point, Record, Status, Writer};

use crate::Band;
use crate::folds::Folds;
use crate::lock::Lock;
use crate::terminal::Terminal;

/// The metric that decides which epoch is the best.
const DECISIVE: &str = "valid.loss";

/// Log, terminal and clock of one run.
pub(crate) struct Recorder {
    pub terminal: Terminal,
    /// The folder of log, parameters and figures, once the run has started.
    pub folder: Option<PathBuf>,
    pub log: Option<Writer>,
    /// The name of the data; empty without any.
    pub data: String,
    /// The units of metrics that have one.
    pub units: BTreeMap<&'static str, &'static str>,
    /// Keeps other processes from writing there.
    pub lock: Option<Lock>,
    /// The epochs of the current fold, or of the run if there are no folds.
    pub epochs: Epochs,
    /// The folds that are done.
    pub folds: Folds,
    /// Numbers that belong to no epoch.
    pub measured: Metrics,
    /// The first of them that is not finite, as `name is NaN`; a checkpoint can hold only finite numbers.
    not_finite: Option<String>,
    /// Early stopping's patience; it decides which epoch's parameters are kept.
    patience: Option<usize>,
    pub clock: Clock,
}

/// Epochs in their order, with the best value of each metric so far.
#[derive(Default)]
pub(crate) struct Epochs {
    all: Vec<Epoch>,
    bests: BTreeMap<String, Best>,
}

impl Epochs {
    pub fn push(&mut self, epoch: Epoch) {
        for (name, value) in epoch.metrics() {
            let candidate = Best { value, epoch: epoch.epoch };
            let better = |best: &&mut Best| candidate.is_better_than(best, &name);
            match self.bests.get_mut(&name) {
                Some(best) if better(&best) => *best = candidate,
                Some(_) => {}
                None => _ = self.bests.insert(name, candidate),
            }
        }
        self.all.push(epoch);
    }

    /// The epoch whose parameters are kept: with early stopping, the first with the lowest validation loss; without it,
    /// or if nothing is held out, the last.
    pub fn kept(&self, patience: Option<usize>) -> Option<&Epoch> {
        match patience.and(self.bests.get(DECISIVE)) {
            Some(best) => self.numbered(best.epoch),
            None => self.all.last(),
        }
    }

    /// The number of epochs that didn't lower the validation loss.
    pub fn stalled(&self) -> usize {
        let mut lowest = f64::INFINITY;
        let losses = self.all.iter().filter_map(|epoch| epoch.metric(DECISIVE));
        let stalls = losses.filter(|&loss| {
            let stalls = loss >= lowest;
            lowest = lowest.min(loss);
            stalls
        });
        stalls.count()
    }

    fn numbered(&self, number: usize) -> Option<&Epoch> {
        let place = self.all.binary_search_by_key(&number, |epoch| epoch.epoch);
        self.all.get(place.ok()?)
    }
}

impl std::ops::Deref for Epochs {
    type Target = [Epoch];

    fn deref(&self) -> &[Epoch] {
        &self.all
    }
}

impl FromIterator<Epoch> for Epochs {
    fn from_iter<I: IntoIterator<Item = Epoch>>(epochs: I) -> Self {
        let mut all = Self::default();
        epochs.into_iter().for_each(|epoch| all.push(epoch));
        all
    }
}

/// Readings of the wall clock; never part of a result.
pub(crate) struct Clock {
    /// When the current epoch began.
    pub epoch: Instant,
    /// Seconds spent in training steps in this epoch, without evaluation and checkpoints.
    pub training: f64,
    /// Seconds of the earlier processes that this one continues.
    pub before: f64,
    pub run: Instant,
}

impl Clock {
    /// Seconds since the run was started, by all processes together.
    pub fn seconds(&self) -> f64 {
        self.before + self.run.elapsed().as_secs_f64()
    }
}

impl Recorder {
    pub fn new(quiet: bool, patience: Option<usize>) -> Self {
        let now = Instant::now();
        Self {
            terminal: Terminal::new(quiet),
            folder: None,
            data: String::new(),
            units: BTreeMap::new(),
            log: None,
            lock: None,
            epochs: Epochs::default(),
            folds: Folds::default(),
            measured: Metrics::new(),
            not_finite: None,
            patience,
            clock: Clock { epoch: now, training: 0.0, before: 0.0, run: now },
        }
    }

    /// Writes a line of the log.
    pub fn write(&mut self, record: Record) -> Result<()> {
        match &mut self.log {
            Some(log) => log.write(&record),
            None => bail!("the run has not started: call Run::start first"),
        }
    }

    /// The run's folder.
    ///
    /// # Errors
    /// If the run has not started.
    pub fn folder(&self) -> Result<&Path> {
        match &self.folder {
            Some(folder) => Ok(folder),
            None => bail!("the run has not started: call Run::start first"),
        }
    }

    /// Adds a number that belongs to no epoch.
    pub fn measure(&mut self, metric: &str, value: f64) {
        match value.is_finite() {
            true => _ = self.measured.insert(metric.to_string(), value),
            false => {
                _ = self
                    .not_finite
                    .get_or_insert(format!("{metric} is {value}"))
            }
        }
    }

    /// Closes the log of a finished run and returns the bands' verdicts.
    ///
    /// # Errors
    /// If a measured number is not finite; the log then ends as a failed run's.
    pub fn close(&mut self, bands: &[Band]) -> Result<Vec<BandResult>> {
        if self.log.is_none() {
            return Ok(Vec::new()); // `--summary`: nothing was trained
        }
        if let Some(what) = self.not_finite.take() {
            let reason = format!("{what}, after all epochs; wanted a finite number");
            self.close_early(Status::Failed, &reason)?;
            bail!(reason);
        }
        let verdicts = bands
            .iter()
            .map(|band| band.judge(self.value(&band.metric)));
        let verdicts: Vec<BandResult> = verdicts.collect();
        let end = self.end(Status::Finished, None, verdicts.clone());
        self.terminal
            .finished(&end, &self.epochs, self.folder.as_deref());
        self.write(Record::End(end))?;
        Ok(verdicts)
    }

    /// Closes the log of a run that did not reach its end.
    pub fn close_early(&mut self, status: Status, reason: &str) -> Result<()> {
        self.terminal.clear();
        if self.log.is_none() {
            return Ok(());
        }
        let end = self.end(status, Some(reason.to_string()), Vec::new());
        self.write(Record::End(end))
    }

    /// All epochs so far; in a cross-validation, the mean over the folds, then those of a model without a fold.
    pub fn all_epochs(&self) -> Vec<Epoch> {
        [&self.folds.mean()[..], &self.epochs].concat()
    }

    /// A metric of the epochs so far: `valid.accuracy` of the epoch whose parameters are kept, `valid.accuracy.best`,
    /// `train.perplexity.best_of_every10` of the epochs 10, 20, …, `train_after.loss.epoch1`, or a recorded final.
    pub fn value(&self, metric: &str) -> Option<f64> {
        if let Some(&value) = self.measured.get(metric) {
            return Some(value);
        }
        let (name, point) = Point::of(metric);
        let epoch = match point {
            Point::Best => return self.epochs.bests.get(name).map(|best| best.value),
            Point::BestOfEvery(every) => {
                return Best::of_every(&self.epochs, name, every).map(|best| best.value);
            }
            Point::Epoch(wanted) => self.epochs.numbered(wanted),
            Point::End => self.kept_epoch(),
        };
        epoch.and_then(|epoch| epoch.metric(name))
    }

    pub fn end(&self, status: Status, reason: Option<String>, bands: Vec<BandResult>) -> End {
        let mut last: Metrics = self.measured.clone();
        let mut bests = BTreeMap::new();
        for (name, value) in self.kept_epoch().map(Epoch::metrics).unwrap_or_default() {
            if let Some(&best) = self.epochs.bests.get(&name) {
                bests.insert(name.clone(), best);
            }
            last.insert(name, value);
        }
        End {
            status,
            reason,
            epochs: self
                .epochs
                .last()
                .map_or(self.folds.epochs(), |last| last.epoch),
            seconds: self.clock.seconds(),
            peak_memory_bytes: crate::device::peak_memory_bytes(),
            last,
            best: bests,
            bands,
        }
    }

    /// The epoch whose parameters the run keeps: the last, or with early stopping the one with the lowest validation
    /// loss.
    pub fn kept_epoch(&self) -> Option<&Epoch> {
        self.epochs.kept(self.patience)
    }

    /// Whether the last epoch has the lowest validation loss so far. False if nothing is held out.
    pub fn is_best_so_far(&self) -> bool {
        let best = self.epochs.bests.get(DECISIVE).map(|best| best.epoch);
        best.is_some() && best == self.epochs.last().map(|last| last.epoch)
    }

    /// With early stopping: whether the patience has run out.
    pub fn is_out_of_patience(&self) -> bool {
        match (self.patience, self.kept_epoch(), self.epochs.last()) {
            (Some(patience), Some(kept), Some(last)) => last.epoch - kept.epoch >= patience,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn early_stopping_keeps_the_first_of_the_best_epochs_and_the_others_stall() {
        let losses = [0.5, 0.3, 0.4, 0.3, 0.35];
        let epoch = |(index, &loss): (usize, &f64)| Epoch {
            epoch: index + 1,
            valid: Metrics::from([("loss".to_string(), loss)]),
            ..Epoch::default()
        };
        let epochs: Epochs = losses.iter().enumerate().map(epoch).collect();
        assert_eq!(epochs.stalled(), 3);
        assert_eq!(Epochs::default().stalled(), 0);
        let kept = |epochs: &Epochs, patience| epochs.kept(patience).map(|epoch| epoch.epoch);
        assert_eq!(kept(&epochs, None), Some(5));
        assert_eq!(kept(&epochs, Some(3)), Some(2));
        assert_eq!(kept(&Epochs::default(), Some(3)), None);
        let nothing_held_out = [Epoch::default(), Epoch { epoch: 1, ..Epoch::default() }];
        assert_eq!(
            kept(&nothing_held_out.into_iter().collect(), Some(3)),
            Some(1)
        );
    }
}
