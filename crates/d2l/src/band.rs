//! The range in which a result must lie, and the verdict over one or more runs.

use d2l_log::BandResult;

/// The range of one metric over the runs of somebody else.
///
/// Metrics are named as in the log, `valid.accuracy`, at the last epoch; `.best` takes the best epoch,
/// `.best_of_every10` the best of the epochs 10, 20, …, and `.epoch1` the first. Of a cross-validation `folds.` takes the
/// mean over the folds and `fold1.` the first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Band {
    /// The quantity, such as `valid.accuracy`.
    pub metric: &'static str,
    /// Lowest accepted value.
    pub low: f64,
    /// The middle of the distribution: what to expect.
    pub median: f64,
    /// Highest accepted value.
    pub high: f64,
    /// The book prints this many decimals, so that values are rounded before they are compared.
    pub decimals: Option<i32>,
    /// How many runs the range comes from.
    pub runs: usize,
    /// Whose runs they are.
    pub source: &'static str,
}

impl Band {
    /// The extremes over `builds` official builds of the book.
    pub const fn book(
        metric: &'static str,
        low: f64,
        median: f64,
        high: f64,
        builds: usize,
    ) -> Self {
        Self {
            metric,
            low,
            median,
            high,
            decimals: None,
            runs: builds,
            source: "book",
        }
    }

    /// Mean ± 3 standard deviations over our PyTorch twin's runs, pooled with the book's few builds
    /// (`tests/reference/`).
    pub const fn pooled(metric: &'static str, low: f64, mean: f64, high: f64, runs: usize) -> Self {
        Self {
            metric,
            low,
            median: mean,
            high,
            decimals: None,
            runs,
            source: "book and PyTorch twin",
        }
    }

    /// The same band for a number that the book prints to `decimals` decimals.
    pub const fn printed(self, decimals: i32) -> Self {
        Self {
            decimals: Some(decimals),
            ..self
        }
    }

    /// The log's group that the metric belongs to: `valid` of `valid.accuracy`, of `fold1.valid.accuracy` and of
    /// `folds.valid.accuracy`, the mean over folds.
    pub fn group(&self) -> &'static str {
        let mut parts = self.metric.split('.');
        let first = parts.next().unwrap_or(self.metric);
        match parts.next() {
            Some(group) if first.starts_with("fold") => group,
            _ => first,
        }
    }

    /// The verdict on one value; `None` means that the run did not produce it.
    pub fn judge(&self, value: Option<f64>) -> BandResult {
        let within = value.is_some_and(|value| {
            let scale = self.decimals.map_or(0.0, |decimals| 10f64.powi(decimals));
            let shown = if scale > 0.0 {
                (value * scale).round() / scale
            } else {
                value
            };
            (self.low..=self.high).contains(&shown)
        });
        BandResult {
            metric: self.metric.to_string(),
            low: self.low,
            median: Some(self.median),
            high: self.high,
            runs: self.runs,
            source: self.source.to_string(),
            value,
            within,
        }
    }

    /// The verdict on the median of several runs, one per seed.
    pub fn judge_median(&self, values: &[Option<f64>]) -> BandResult {
        let all: Option<Vec<f64>> = values.iter().copied().collect();
        self.judge(all.and_then(median))
    }
}

/// The middle value; the mean of the two middle ones for an even count. `None` for no values.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = values.get(values.len() / 2)?;
    let lower = values.get((values.len() - 1) / 2)?;
    Some((lower + upper) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folds_metric_belongs_to_the_same_group() {
        let group = |metric| Band::book(metric, 0.0, 0.5, 1.0, 30).group();
        assert_eq!(group("valid.accuracy.best"), "valid");
        assert_eq!(group("folds.train_after.log_rmse"), "train_after");
        assert_eq!(group("error.bias"), "error");
    }

    #[test]
    fn the_median_of_three_decides() {
        let band = Band::book("valid.accuracy", 0.8, 0.82, 0.84, 30);
        assert!(
            band.judge_median(&[Some(0.5), Some(0.81), Some(0.84)])
                .within
        );
        assert!(
            !band
                .judge_median(&[Some(0.5), Some(0.79), Some(0.84)])
                .within
        );
        assert_eq!(band.judge_median(&[Some(0.5), Some(0.7)]).value, Some(0.6));
        assert!(
            !band.judge_median(&[Some(0.81), None, Some(0.81)]).within,
            "a missing value is no pass"
        );
        assert!(!band.judge_median(&[]).within);
    }

    #[test]
    fn a_printed_band_rounds_as_the_book_does() {
        let band = Band::book("train_after.loss", 4.5e-5, 5e-5, 5.5e-5, 55).printed(6);
        assert!(band.judge(Some(5.549e-5)).within);
        assert!(!band.judge(Some(5.551e-5)).within);
        assert!(band.judge(Some(4.451e-5)).within);
    }

    #[test]
    fn not_a_number_is_outside() {
        assert!(
            !Band::book("valid.loss", 0.0, 1.0, 2.0, 30)
                .judge(Some(f64::NAN))
                .within
        );
    }
}
