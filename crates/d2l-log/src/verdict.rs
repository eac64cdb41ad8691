//! Whether a result lies in its band.

use crate::{BandResult, Log, median};

/// A band with the results of an experiment's runs, one per seed.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// The verdict on the median.
    pub result: BandResult,
    /// In the order of the runs.
    pub values: Vec<Option<f64>>,
}

/// The bands of an experiment, each with the results of its runs.
pub fn judged(logs: &[&Log]) -> Vec<Judged> {
    let first = logs.first().map(|log| log.verdicts()).unwrap_or_default();
    // The book may both print a number and draw it.
    let is_it = |one: &BandResult, other: &BandResult| {
        (&one.metric, one.decimals) == (&other.metric, other.decimals)
    };
    let judged = first.iter().map(|band| {
        let values = logs.iter().map(|log| {
            let mut results = log.verdicts().iter();
            results.find(|result| is_it(result, band))?.value
        });
        let values: Vec<Option<f64>> = values.collect();
        Judged { result: band.judge_median(&values), values }
    });
    judged.collect()
}

impl Log {
    /// The verdicts on the run; there are none while it trains.
    pub fn verdicts(&self) -> &[BandResult] {
        self.end.as_ref().map_or(&[], |end| &end.bands)
    }
}

impl BandResult {
    /// The verdict on another value of the metric; `None` means that it was not measured. The value is rounded to the
    /// number of decimals that the book prints before it is compared.
    pub fn judge(&self, value: Option<f64>) -> Self {
        let within = value.is_some_and(|value| {
            let scale = self.decimals.map_or(0.0, |decimals| 10f64.powi(decimals));
            let shown = if scale > 0.0 {
                (value * scale).round() / scale
            } else {
                value
            };
            (self.low..=self.high).contains(&shown)
        });
        Self { value, within, ..self.clone() }
    }

    /// The verdict on the median of several runs, one per seed. If a run has no value, there is no median and no pass.
    pub fn judge_median(&self, values: &[Option<f64>]) -> Self {
        let all: Option<Vec<f64>> = values.iter().copied().collect();
        self.judge(all.and_then(|values| median(&values)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn band([low, high]: [f64; 2], decimals: Option<i32>) -> BandResult {
        BandResult {
            metric: "valid.accuracy".into(),
            low,
            median: None,
            high,
            decimals,
            runs: 30,
            source: "book".into(),
            value: None,
            within: false,
        }
    }

    #[test]
    fn the_median_of_three_decides() {
        let band = band([0.8, 0.84], None);
        let median = |values: &[Option<f64>]| band.judge_median(values);
        assert!(median(&[Some(0.5), Some(0.81), Some(0.84)]).within);
        assert!(!median(&[Some(0.5), Some(0.79), Some(0.84)]).within);
        assert_eq!(median(&[Some(0.5), Some(0.7)]).value, Some(0.6));
        let missing = median(&[Some(0.81), None, Some(0.81)]);
        assert!(!missing.within, "a missing value is no pass");
        assert!(!median(&[]).within);
    }

    #[test]
    fn a_printed_band_rounds_as_the_book_does() {
        let band = band([4.5e-5, 5.5e-5], Some(6));
        assert!(band.judge(Some(5.549e-5)).within);
        assert!(!band.judge(Some(5.551e-5)).within);
        assert!(band.judge(Some(4.451e-5)).within);
    }

    #[test]
    fn not_a_number_is_outside() {
        assert!(!band([0.0, 2.0], None).judge(Some(f64::NAN)).within);
    }
}
