//! A log in memory, and the values that programs need most.

use crate::{Best, End, Epoch, Header, Step, median};
use std::path::PathBuf;

/// A training log, as far as it has been written.
#[derive(Clone, Debug, PartialEq)]
pub struct Log {
    /// `<chapter>/<run>`.
    pub name: String,
    /// The file that it was read from.
    pub path: PathBuf,
    /// What was trained, on which data, and how.
    pub header: Header,
    /// The steps of which the log has a line, in order.
    pub steps: Vec<Step>,
    /// The completed epochs, in order.
    pub epochs: Vec<Epoch>,
    /// How the run ended; `None` while it trains and after it was killed.
    pub end: Option<End>,
    /// What was passed over while the log was read, as one sentence.
    pub remarks: Option<String>,
}

impl Log {
    /// The final value of a metric: the one in the `end` line, otherwise the last epoch's.
    pub fn last(&self, metric: &str) -> Option<f64> {
        let ended = self
            .end
            .as_ref()
            .and_then(|end| end.last.get(metric).copied());
        ended.or_else(|| self.epochs.last()?.metric(metric))
    }

    /// The best value of a metric: the one in the `end` line, otherwise the best of the epochs.
    pub fn best(&self, metric: &str) -> Option<Best> {
        let ended = self
            .end
            .as_ref()
            .and_then(|end| end.best.get(metric).copied());
        ended.or_else(|| Best::of(&self.epochs, metric))
    }

    /// Seconds from start to end; without an `end` line, the training seconds of its epochs.
    pub fn seconds(&self) -> f64 {
        match &self.end {
            Some(end) => end.seconds,
            None => self
                .epochs
                .iter()
                .fold(0.0, |seconds, epoch| seconds + epoch.seconds),
        }
    }

    /// Training examples per second in the median epoch, which the slow first epoch hardly affects; `None` without
    /// epochs.
    pub fn speed(&self) -> Option<f64> {
        let speeds = self.epochs.iter().map(|epoch| epoch.examples_per_second);
        median(&speeds.collect::<Vec<_>>())
    }

    /// The run's name without its chapter.
    pub fn run(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or(&self.name)
    }
}
