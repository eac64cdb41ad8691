//! K-fold cross-validation: one model per fold, trained on the other folds and validated on its own, all in one log.
//!
//! D2L zh 4.10.7, en 5.7.5.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use d2l_data::{Splits, k_fold};
use d2l_log::{Epoch, Metrics};
use d2l_random::{Purpose, Rng, Stream};

use crate::Run;
use crate::recorder::Epochs;

/// The epochs of the folds that are done, in order.
#[derive(Default)]
pub(crate) struct Folds(Vec<Epochs>);

impl Folds {
    /// Epochs of the longest fold.
    pub fn epochs(&self) -> usize {
        self.0.iter().map(|fold| fold.len()).max().unwrap_or(0)
    }

    /// The mean over the folds, epoch by epoch, which the figures show. A fold that stopped early is left out of later
    /// epochs.
    pub fn mean(&self) -> Vec<Epoch> {
        let at = |index: usize| self.0.iter().filter_map(move |fold| fold.get(index));
        (0..self.epochs())
            .map(|index| {
                let mut more: BTreeMap<String, Metrics> = BTreeMap::new();
                for (name, value) in mean(at(index)) {
                    if let Some((group, name)) = name.split_once('.') {
                        more.entry(format!("folds {group}"))
                            .or_default()
                            .insert(name.to_string(), value);
                    }
                }
                Epoch { epoch: index + 1, more, ..Epoch::default() }
            })
            .collect()
    }
}

/// Each metric's mean over `epochs`.
fn mean<'a>(epochs: impl Iterator<Item = &'a Epoch>) -> Metrics {
    let mut sums: BTreeMap<String, (f64, usize)> = BTreeMap::new();
    for (name, value) in epochs.flat_map(Epoch::metrics) {
        let (sum, count) = sums.entry(name).or_default();
        *sum += value;
        *count += 1;
    }
    sums.into_iter()
        .map(|(name, (sum, count))| (name, sum / count as f64))
        .collect()
}

impl Run {
    /// Calls `train` once for each of `folds` folds of `data`, with fresh parameters each time, then records the folds'
    /// results: `fold1.valid.loss`, … and their mean, `folds.valid.loss`. Training after this call trains another
    /// model, for instance on all data.
    ///
    /// `data.valid` is not used.
    pub fn cross_validate<const N: usize>(
        &mut self,
        data: &Splits<N>,
        folds: usize,
        mut train: impl FnMut(&mut Self, &Splits<N>) -> Result<()>,
    ) -> Result<()> {
        ensure!(folds > 1, "found {folds} folds, wanted 2 or more");
        for fold in 1..=folds {
            self.begin(Some(fold));
            let (others, held_out) = k_fold(&data.train, folds, fold - 1)?;
            let splits = Splits {
                train: others,
                valid: held_out,
                provenance: data.provenance.clone(),
            };
            train(self, &splits)?;
            let recorder = &mut self.recorder;
            recorder.folds.0.push(std::mem::take(&mut recorder.epochs));
        }
        self.begin(None);
        self.record_folds();
        self.draw_curves()
    }

    /// Returns to the first epoch with a new model: parameters and order of the examples are drawn anew for each fold.
    fn begin(&mut self, fold: Option<usize>) {
        let seed = self.settings.seed;
        self.draws = match fold {
            None => seed,
            Some(fold) => Stream::once(seed, Purpose::Fold, &fold.to_string())
                .rng()
                .random(),
        };
        self.params = self.settings.parameters(self.draws);
        self.checkpoint.begin(fold);
    }

    fn record_folds(&mut self) {
        let patience = self.settings.recipe.patience;
        let kept = |fold: &Epochs| fold.kept(patience).cloned();
        let kept: Vec<Epoch> = self.recorder.folds.0.iter().filter_map(kept).collect();
        for (name, value) in mean(kept.iter()) {
            self.record_final(&format!("folds.{name}"), value);
        }
        for (index, epoch) in kept.iter().enumerate() {
            for (name, value) in epoch.metrics() {
                self.record_final(&format!("fold{}.{name}", index + 1), value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fold(losses: &[f64]) -> Epochs {
        let epoch = |(index, &loss): (usize, &f64)| Epoch {
            epoch: index + 1,
            valid: Metrics::from([("loss".to_string(), loss)]),
            ..Epoch::default()
        };
        losses.iter().enumerate().map(epoch).collect()
    }

    #[test]
    fn the_figures_show_the_mean_over_the_folds_that_are_still_training() {
        let folds = Folds(vec![fold(&[1.0, 0.5]), fold(&[3.0])]);
        let mean: Vec<Option<f64>> = folds
            .mean()
            .iter()
            .map(|epoch| epoch.metric("folds valid.loss"))
            .collect();
        assert_eq!(mean, [Some(2.0), Some(0.5)]);
    }
}
