//! Sums of losses and correct predictions over the batches of an epoch, and the means that the log shows.

use std::collections::BTreeMap;

use candle_core::{DType, Result, Tensor};
use d2l_log::Metrics;
use d2l_nn::has_kernels;
use serde::{Deserialize, Serialize};

use crate::loss_curve::LossCurve;

/// On a GPU, the values of this many batches are read together, because each read waits until the device has finished
/// all its work.
pub(crate) const READ_EVERY: usize = 50;

/// Running sums of named quantities.
///
/// [`Scores::means`] weighs every example equally: the short last batch counts less. [`Scores::batch_means`] weighs
/// every batch equally, as the English edition does. The root of a mean square is taken after the mean over all
/// examples, and so is the exponential of a mean logarithm in [`Scores::means`]. [`Scores::batch_means`] takes the
/// exponential of each batch's mean before it averages, again as that edition does.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Scores {
    sums: BTreeMap<String, Sum>,
    window: Option<Window>,
    #[serde(default)]
    curve: Option<LossCurve>,
    first_non_finite: Option<usize>,
    #[serde(skip)]
    unread: Vec<Unread>,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Sum {
    total: f64,
    examples: usize,
    batch_means: f64,
    batches: usize,
    /// How the log shows the mean.
    #[serde(default)]
    shown: Shown,
}

/// How the log shows a mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Shown {
    #[default]
    Mean,
    Root,
    Exponential,
}

#[derive(Clone, Debug)]
struct Unread {
    name: &'static str,
    value: Tensor,
    kind: Kind,
    examples: usize,
}

/// The kind of a batch's scalar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Mean,
    Sum,
    MeanSquare,
    MeanLogarithm,
}

/// Mean training loss, and mean of its exponential, over the last complete window of `length` batches. A window may
/// continue in the next epoch.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Window {
    length: usize,
    sum: f64,
    #[serde(default)]
    sum_of_exponentials: f64,
    batches: usize,
    last: Option<f64>,
    #[serde(default)]
    last_exponential: Option<f64>,
}

impl Scores {
    /// Scores that also keep the mean loss of the last complete window of `length` batches.
    pub fn with_window(length: usize) -> Self {
        let window = Window {
            length: length.max(1),
            sum: 0.0,
            sum_of_exponentials: 0.0,
            batches: 0,
            last: None,
            last_exponential: None,
        };
        Self { window: Some(window), ..Self::default() }
    }

    /// The same scores, which also keep the loss by step.
    pub(crate) fn with_curve(self) -> Self {
        Self { curve: Some(LossCurve::default()), ..self }
    }

    /// Adds a scalar that is the mean over a batch of `examples` examples, such as a loss.
    pub fn add_mean(&mut self, name: &'static str, mean: &Tensor, examples: usize) -> Result<()> {
        self.add_scalar(name, mean, Kind::Mean, examples)
    }

    /// Adds a scalar that is the mean over a batch of `examples` squares. The log shows the root of the mean over all.
    pub fn add_mean_square(
        &mut self,
        name: &'static str,
        mean: &Tensor,
        examples: usize,
    ) -> Result<()> {
        self.add_scalar(name, mean, Kind::MeanSquare, examples)
    }

    /// Adds a scalar that is the mean over a batch of `examples` logarithms, such as the loss of a language model. The
    /// log shows the exponential of the mean over all: its perplexity.
    pub fn add_mean_logarithm(
        &mut self,
        name: &'static str,
        mean: &Tensor,
        examples: usize,
    ) -> Result<()> {
        self.add_scalar(name, mean, Kind::MeanLogarithm, examples)
    }

    /// Adds a scalar that is the sum over a batch of `examples` examples, such as the number of correct predictions.
    pub fn add_sum(&mut self, name: &'static str, sum: &Tensor, examples: usize) -> Result<()> {
        self.add(Unread { name, value: sum.detach(), kind: Kind::Sum, examples })
    }

    /// Adds a mean over a batch that is already a number.
    pub fn add_value(&mut self, name: &'static str, mean: f64, examples: usize) {
        let sum = self.sums.entry(name.to_string()).or_default();
        sum.total += mean * examples as f64;
        sum.examples += examples;
        sum.batch_means += mean;
        sum.batches += 1;
        if name == "loss" {
            if !mean.is_finite() && self.first_non_finite.is_none() {
                self.first_non_finite = Some(sum.batches);
            }
            if let Some(window) = &mut self.window {
                window.add(mean);
            }
            if let Some(curve) = &mut self.curve {
                curve.add(mean);
            }
        }
    }

    fn add_scalar(
        &mut self,
        name: &'static str,
        mean: &Tensor,
        kind: Kind,
        examples: usize,
    ) -> Result<()> {
        self.add(Unread { name, value: mean.detach(), kind, examples })
    }

    fn add(&mut self, unread: Unread) -> Result<()> {
        let read_now = has_kernels(unread.value.device());
        self.unread.push(unread);
        if read_now || self.unread.len() >= READ_EVERY * 3 {
            self.read()
        } else {
            Ok(())
        }
    }

    /// Reads what is still on the device.
    pub fn read(&mut self) -> Result<()> {
        for Unread { name, value, kind, examples } in std::mem::take(&mut self.unread) {
            let value = value.to_dtype(DType::F64)?.to_scalar::<f64>()?;
            let mean = match kind {
                Kind::Mean | Kind::MeanSquare | Kind::MeanLogarithm => value,
                Kind::Sum => value / examples as f64,
            };
            self.add_value(name, mean, examples);
            if let Some(sum) = self.sums.get_mut(name) {
                match kind {
                    Kind::Mean | Kind::Sum => {}
                    Kind::MeanSquare => sum.shown = Shown::Root,
                    Kind::MeanLogarithm => {
                        sum.shown = Shown::Exponential;
                        sum.batch_means += mean.exp() - mean; // the batch's own exponential is averaged
                    }
                }
            }
        }
        Ok(())
    }

    /// A copy for which everything that is still on the device has been read.
    pub(crate) fn when_read(&self) -> Result<Self> {
        let mut scores = self.clone();
        scores.read()?;
        Ok(scores)
    }

    /// Clears the sums for the next epoch, but not the window and the curve.
    pub fn clear(&mut self) {
        self.sums.clear();
        self.first_non_finite = None;
    }

    /// The first batch whose loss is not finite, counted from 1 since the last [`Scores::clear`].
    pub fn first_non_finite(&self) -> Option<usize> {
        self.first_non_finite
    }

    /// Means over all examples that have been read.
    pub fn means(&self) -> Metrics {
        self.each(|sum| {
            let mean = sum.total / sum.examples.max(1) as f64;
            match sum.shown {
                Shown::Mean => mean,
                Shown::Root => mean.sqrt(),
                Shown::Exponential => mean.exp(),
            }
        })
    }

    /// Unweighted means over all batches that have been read.
    pub fn batch_means(&self) -> Metrics {
        self.each(|sum| {
            let mean = sum.batch_means / sum.batches.max(1) as f64;
            match sum.shown {
                Shown::Mean | Shown::Exponential => mean,
                Shown::Root => mean.sqrt(),
            }
        })
    }

    /// The loss by step, if the scores keep it.
    pub(crate) fn curve(&self) -> Option<&LossCurve> {
        self.curve.as_ref()
    }

    /// Mean loss of the last complete window, if the scores keep one and it is complete.
    pub fn window_loss(&self) -> Option<f64> {
        self.window.and_then(|window| window.last)
    }

    /// Mean exponential of the loss over the last complete window: a language model's perplexity as the English edition
    /// computes it.
    pub fn window_perplexity(&self) -> Option<f64> {
        self.window.and_then(|window| window.last_exponential)
    }

    fn each(&self, value: impl Fn(&Sum) -> f64) -> Metrics {
        let sums = self.sums.iter();
        sums.map(|(name, sum)| (name.clone(), value(sum))).collect()
    }
}

impl Window {
    fn add(&mut self, loss: f64) {
        self.sum += loss;
        self.sum_of_exponentials += loss.exp();
        self.batches += 1;
        if self.batches == self.length {
            self.last = Some(self.sum / self.length as f64);
            self.last_exponential = Some(self.sum_of_exponentials / self.length as f64);
            self.sum = 0.0;
            self.sum_of_exponentials = 0.0;
            self.batches = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn the_short_last_batch_counts_by_its_examples() -> Result<()> {
        let mut scores = Scores::default();
        scores.add_mean("loss", &Tensor::new(1f32, &Device::Cpu)?, 30)?;
        scores.add_mean("loss", &Tensor::new(5f32, &Device::Cpu)?, 10)?;
        scores.add_sum("accuracy", &Tensor::new(15u32, &Device::Cpu)?, 30)?;
        scores.add_sum("accuracy", &Tensor::new(0u32, &Device::Cpu)?, 10)?;
        assert_eq!(
            scores.means(),
            Metrics::from([("accuracy".into(), 0.375), ("loss".into(), 2.0)])
        );
        assert_eq!(
            scores.batch_means(),
            Metrics::from([("accuracy".into(), 0.25), ("loss".into(), 3.0)])
        );
        Ok(())
    }

    #[test]
    fn the_root_is_taken_after_the_mean() -> Result<()> {
        let mut scores = Scores::default();
        scores.add_mean_square("log_rmse", &Tensor::new(1f32, &Device::Cpu)?, 30)?;
        scores.add_mean_square("log_rmse", &Tensor::new(33f32, &Device::Cpu)?, 10)?;
        assert_eq!(scores.means()["log_rmse"], 3.0); // √((30·1 + 10·33) / 40)
        Ok(())
    }

    #[test]
    fn the_exponential_is_taken_after_the_mean_but_of_each_batch() -> Result<()> {
        let mut scores = Scores::default();
        let (low, high) = (2f64.ln(), 8f64.ln());
        scores.add_mean_logarithm("perplexity", &Tensor::new(low, &Device::Cpu)?, 10)?;
        scores.add_mean_logarithm("perplexity", &Tensor::new(high, &Device::Cpu)?, 10)?;
        let close = |a: f64, b: f64| (a - b).abs() < 1e-12;
        assert!(close(scores.means()["perplexity"], 4.0)); // √(2 · 8)
        assert!(close(scores.batch_means()["perplexity"], 5.0)); // (2 + 8) / 2
        let mut scores = Scores::with_window(2);
        for loss in [low, high, low] {
            scores.add_value("loss", loss, 1);
        }
        assert!(
            scores
                .window_perplexity()
                .is_some_and(|mean| close(mean, 5.0))
        );
        Ok(())
    }

    #[test]
    fn windows_run_on_across_epochs() {
        let mut scores = Scores::with_window(2);
        for loss in [1.0, 2.0, 3.0] {
            scores.add_value("loss", loss, 1);
        }
        assert_eq!(scores.window_loss(), Some(1.5));
        scores.clear();
        scores.add_value("loss", 5.0, 1);
        assert_eq!(scores.window_loss(), Some(4.0));
        assert_eq!(scores.means()["loss"], 5.0);
    }

    #[test]
    fn the_first_bad_batch_is_named() {
        let mut scores = Scores::default();
        for loss in [1.0, f64::NAN, f64::INFINITY] {
            scores.add_value("loss", loss, 4);
        }
        assert_eq!(scores.first_non_finite(), Some(2));
    }

    /// A run of one epoch that is resumed draws the curve that it would have drawn.
    #[test]
    fn the_curve_outlives_the_epoch_and_a_checkpoint() -> anyhow::Result<()> {
        let losses: Vec<f64> = (1..=500).map(|step| 1.0 / f64::from(step)).collect();
        let mut whole = Scores::default().with_curve();
        let mut first = Scores::default().with_curve();
        losses
            .iter()
            .for_each(|&loss| whole.add_value("loss", loss, 10));
        let (before, after) = losses.split_at(137);
        before
            .iter()
            .for_each(|&loss| first.add_value("loss", loss, 10));
        first.add_value("accuracy", 0.5, 10); // no loss
        let mut resumed: Scores = serde_json::from_str(&serde_json::to_string(&first)?)?;
        after
            .iter()
            .for_each(|&loss| resumed.add_value("loss", loss, 10));
        resumed.clear();
        assert_eq!(resumed.curve(), whole.curve());
        assert_eq!(whole.curve().map(|curve| curve.points().len()), Some(125));
        assert_eq!(Scores::default().curve(), None);
        Ok(())
    }
}
