//! What a run reached, and whether that is what its preset promises.

use std::collections::BTreeMap;

use anyhow::Result;
use d2l_log::{BandResult, Best, End, Epoch, Metrics, Status};

use super::Run;
use crate::{Band, usage};

impl Run {
    /// With `--verify`: a usage error where there is nothing to verify.
    pub(super) fn check_verifiable(&self) -> Result<()> {
        let preset = &self.preset;
        let flags: Vec<String> = self
            .overrides
            .iter()
            .map(|change| format!("--{}", change.flag))
            .collect();
        let reason = if preset.bands.is_empty() {
            format!(
                "preset {} of {} {} has no band",
                preset.name, preset.model, preset.implementation
            )
        } else if !flags.is_empty() {
            format!("{} changed the preset", flags.join(", "))
        } else if self.on_builtin_data {
            "the data are the built-in ones, the bands are for the real ones".to_string()
        } else {
            return Ok(());
        };
        usage!("--verify: nothing to verify: {reason}")
    }

    /// The preset's bands, if this run is the preset's experiment: the same recipe on the same data.
    pub(super) fn judged_bands(&self) -> &'static [Band] {
        if self.overrides.is_empty() && !self.on_builtin_data {
            self.preset.bands
        } else {
            &[]
        }
    }

    /// A metric of the epochs so far: `valid.accuracy` of the epoch whose parameters are kept, `valid.accuracy.best`,
    /// `train.perplexity.best_of_every10` of the epochs 10, 20, …, `train_after.loss.epoch1`, or a recorded final.
    pub fn value(&self, metric: &str) -> Option<f64> {
        if let Some(&value) = self.progress.measured.get(metric) {
            return Some(value);
        }
        let (name, point) = match metric.rsplit_once('.') {
            Some((name, point)) if name.contains('.') => (name, point),
            _ => (metric, ""),
        };
        if point == "best" {
            return Best::of(&self.epochs, name).map(|best| best.value);
        }
        if let Some(Ok(every)) = point.strip_prefix("best_of_every").map(str::parse::<usize>) {
            let seen = self.epochs.iter();
            let seen: Vec<Epoch> = seen
                .filter(|epoch| epoch.epoch.is_multiple_of(every))
                .cloned()
                .collect();
            return Best::of(&seen, name).map(|best| best.value);
        }
        let epoch = match point.strip_prefix("epoch").map(str::parse::<usize>) {
            Some(Ok(wanted)) => self.epochs.iter().find(|epoch| epoch.epoch == wanted),
            _ => self.kept_epoch(),
        };
        epoch.and_then(|epoch| epoch.metric(name))
    }

    pub(super) fn end(
        &self,
        status: Status,
        reason: Option<String>,
        bands: Vec<BandResult>,
    ) -> End {
        let mut last: Metrics = self.progress.measured.clone();
        let mut bests = BTreeMap::new();
        for (name, value) in self.kept_epoch().map(Epoch::metrics).unwrap_or_default() {
            if let Some(best) = Best::of(&self.epochs, &name) {
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
            seconds: self.clock.before + self.clock.run.elapsed().as_secs_f64(),
            peak_memory_bytes: crate::device::peak_memory_bytes(),
            last,
            best: bests,
            bands,
        }
    }

    /// The epoch whose parameters the run ends with: the last, or under early stopping the one with the lowest
    /// validation loss.
    pub(super) fn kept_epoch(&self) -> Option<&Epoch> {
        kept(&self.epochs, self.recipe.patience)
    }

    /// Under early stopping: whether the running epochs' last one is the best so far. False where nothing is held out.
    pub(super) fn is_best_so_far(&self) -> bool {
        let best = Best::of(&self.epochs, "valid.loss").map(|best| best.epoch);
        let last = self.epochs.last().map(|last| last.epoch);
        self.recipe.patience.is_some() && best.is_some() && best == last
    }

    /// Under early stopping: whether the validation loss has not fallen for too long.
    pub(super) fn is_out_of_patience(&self) -> bool {
        match (self.recipe.patience, self.kept_epoch(), self.epochs.last()) {
            (Some(patience), Some(kept), Some(last)) => last.epoch - kept.epoch >= patience,
            _ => false,
        }
    }
}

/// The epoch whose parameters are kept: without early stopping the last; with it the first that has the lowest
/// validation loss; where nothing is held out, the last too.
pub(super) fn kept(epochs: &[Epoch], patience: Option<usize>) -> Option<&Epoch> {
    match patience.and(Best::of(epochs, "valid.loss")) {
        Some(best) => epochs.iter().find(|epoch| epoch.epoch == best.epoch),
        None => epochs.last(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn early_stopping_keeps_the_first_of_the_best_epochs() {
        let losses = [0.5, 0.3, 0.4, 0.3, 0.35];
        let epoch = |(index, &loss): (usize, &f64)| Epoch {
            epoch: index + 1,
            valid: Metrics::from([("loss".to_string(), loss)]),
            ..Epoch::default()
        };
        let epochs: Vec<Epoch> = losses.iter().enumerate().map(epoch).collect();
        assert_eq!(kept(&epochs, None).map(|epoch| epoch.epoch), Some(5));
        assert_eq!(kept(&epochs, Some(3)).map(|epoch| epoch.epoch), Some(2));
        assert_eq!(kept(&[], Some(3)), None);
        let nothing_held_out = [
            Epoch::default(),
            Epoch {
                epoch: 1,
                ..Epoch::default()
            },
        ];
        assert_eq!(
            kept(&nothing_held_out, Some(3)).map(|epoch| epoch.epoch),
            Some(1)
        );
    }
}
