//! The range in which a result must lie, and the verdict over one or more runs.

use d2l_log::BandResult;

/// The range of one metric over the book's and PyTorch's runs.
///
/// Metrics are named as in the log, `valid.accuracy`, and mean the last epoch; `.best` means the best epoch,
/// `.best_of_every10` the best of the epochs 10, 20, …, and `.epoch1` the first. In a cross-validation `folds.` means
/// the mean over the folds and `fold1.` the first fold.
#[derive(Clone, Debug, PartialEq)]
pub struct Band {
    /// The quantity, such as `valid.accuracy`.
    pub metric: String,
    /// Lowest accepted value.
    pub low: f64,
    /// The expected value: the median of the book's builds, or the mean of a pooled band.
    pub median: f64,
    /// Highest accepted value.
    pub high: f64,
    /// The number of decimals that the book prints; values are rounded to them before they are compared.
    pub decimals: Option<i32>,
    /// The number of runs that the range comes from.
    pub runs: usize,
    /// The source of these runs: `book`, or `book and PyTorch`.
    pub source: &'static str,
}

impl Band {
    /// Lowest, middle and highest value of `builds` builds of the book.
    pub fn book(
        metric: &str,
        [low, median, high]: [f64; 3],
        builds: usize,
        decimals: Option<i32>,
    ) -> Self {
        Self {
            metric: metric.to_string(),
            low,
            median,
            high,
            decimals,
            runs: builds,
            source: "book",
        }
    }

    /// Mean ± 3 sample standard deviations over the values of the book's builds and of the PyTorch reference's runs.
    ///
    /// The limits of a band of fewer than two values are NaN, so it contains nothing.
    pub fn pooled(metric: &str, builds: &[f64], runs: &[f64]) -> Self {
        let values = || builds.iter().chain(runs);
        let count = builds.len() + runs.len();
        let mean = values().sum::<f64>() / count as f64;
        let squares: f64 = values().map(|value| (value - mean).powi(2)).sum();
        let deviation = (squares / (count as f64 - 1.0)).sqrt();
        Self {
            metric: metric.to_string(),
            low: mean - 3.0 * deviation,
            median: mean,
            high: mean + 3.0 * deviation,
            decimals: None,
            runs: count,
            source: "book and PyTorch",
        }
    }

    /// The log's group that the metric belongs to: `valid` of `valid.accuracy`, of `fold1.valid.accuracy` and of
    /// `folds.valid.accuracy`, the mean over folds.
    pub fn group(&self) -> &str {
        let mut parts = self.metric.split('.');
        let first = parts.next().unwrap_or(&self.metric);
        match parts.next() {
            Some(group) if first.starts_with("fold") => group,
            _ => first,
        }
    }

    /// The verdict on one value; `None` means that the run produced none.
    pub fn judge(&self, value: Option<f64>) -> BandResult {
        self.unjudged().judge(value)
    }

    /// The verdict on the median of several runs, one per seed.
    pub fn judge_median(&self, values: &[Option<f64>]) -> BandResult {
        self.unjudged().judge_median(values)
    }

    /// The band as the log has it, without a value.
    fn unjudged(&self) -> BandResult {
        BandResult {
            metric: self.metric.clone(),
            low: self.low,
            median: Some(self.median),
            high: self.high,
            decimals: self.decimals,
            runs: self.runs,
            source: self.source.to_string(),
            value: None,
            within: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book(metric: &str, range: [f64; 3]) -> Band {
        Band::book(metric, range, 30, None)
    }

    #[test]
    fn a_folds_metric_belongs_to_the_same_group() {
        let group = |metric| book(metric, [0.0, 0.5, 1.0]).group().to_string();
        assert_eq!(group("valid.accuracy.best"), "valid");
        assert_eq!(group("folds.train_after.log_rmse"), "train_after");
        assert_eq!(group("error.bias"), "error");
    }

    #[test]
    fn the_log_has_all_that_a_later_verdict_needs() {
        let band = Band::book("train_after.loss", [4.5e-5, 5e-5, 5.5e-5], 55, Some(6));
        let result = band.judge(Some(5.549e-5));
        assert!(result.within, "rounded as the book does");
        assert_eq!(result.judge(Some(5.551e-5)), band.judge(Some(5.551e-5)));
        let values = [Some(1.0), Some(4.6e-5), Some(5e-5)];
        assert_eq!(result.judge_median(&values), band.judge(Some(5e-5)));
        assert_eq!(band.judge_median(&values), band.judge(Some(5e-5)));
    }

    /// By hand: mean 3, squares 4 + 1 + 0 + 1 + 4 = 10 over n − 1 = 4, so a standard deviation of √2.5.
    #[test]
    fn builds_and_runs_are_pooled_with_equal_weight() {
        let band = Band::pooled("valid.loss", &[1.0, 2.0], &[3.0, 4.0, 5.0]);
        let deviation = 2.5f64.sqrt();
        assert_eq!((band.median, band.runs), (3.0, 5));
        assert_eq!(band.low, 3.0 - 3.0 * deviation);
        assert_eq!(band.high, 3.0 + 3.0 * deviation);
        assert_eq!((band.decimals, band.source), (None, "book and PyTorch"));
    }

    #[test]
    fn one_value_is_no_band() {
        let band = Band::pooled("valid.loss", &[1.0], &[]);
        assert!(!band.judge(Some(1.0)).within);
    }
}
