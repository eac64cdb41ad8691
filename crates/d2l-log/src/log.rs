//! A log in memory, and what is asked of it most.

use crate::{Best, End, Epoch, Header};
use std::path::PathBuf;

/// A training log, as far as it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Log {
    /// `<chapter>/<run>`.
    pub name: String,
    /// The file that it was read from.
    pub path: PathBuf,
    /// What was trained, on what, how.
    pub header: Header,
    /// The completed epochs, in order.
    pub epochs: Vec<Epoch>,
    /// How the run ended; `None` while it trains and after it was killed.
    pub end: Option<End>,
}

impl Log {
    /// The value that a metric ended with: the one of the `end` line, else of the last epoch.
    pub fn last(&self, metric: &str) -> Option<f64> {
        let ended = self
            .end
            .as_ref()
            .and_then(|end| end.last.get(metric).copied());
        ended.or_else(|| self.epochs.last()?.metric(metric))
    }

    /// The best value of a metric: the one of the `end` line, else the best of the epochs.
    pub fn best(&self, metric: &str) -> Option<Best> {
        let ended = self
            .end
            .as_ref()
            .and_then(|end| end.best.get(metric).copied());
        ended.or_else(|| Best::of(&self.epochs, metric))
    }

    /// Seconds from start to end; without an `end` line, those that its epochs trained.
    pub fn seconds(&self) -> f64 {
        match &self.end {
            Some(end) => end.seconds,
            None => self
                .epochs
                .iter()
                .fold(0.0, |seconds, epoch| seconds + epoch.seconds),
        }
    }

    /// Training examples per second in the median epoch, which the slower first one hardly moves; `None` without
    /// epochs.
    pub fn speed(&self) -> Option<f64> {
        let mut speeds: Vec<f64> = self
            .epochs
            .iter()
            .map(|epoch| epoch.examples_per_second)
            .collect();
        speeds.sort_by(f64::total_cmp);
        let upper = speeds.get(speeds.len() / 2)?;
        let lower = speeds.get(speeds.len().saturating_sub(1) / 2)?;
        Some((lower + upper) / 2.0)
    }

    /// The run's name without its chapter.
    pub fn run(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or(&self.name)
    }
}
