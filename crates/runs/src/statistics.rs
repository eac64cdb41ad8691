//! The scatter of repetitions, and whether two settings differ by more than that.

use anyhow::{Context, Result};
use statrs::distribution::{ContinuousCDF, StudentsT};

/// The probability with which the interval covers the true difference.
const CONFIDENCE: f64 = 0.95;

/// Mean and scatter of some values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sample {
    pub(crate) count: usize,
    pub(crate) mean: f64,
    /// The sample standard deviation, over n − 1; `None` for a single value.
    pub(crate) deviation: Option<f64>,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Sample {
    /// `None` without values.
    pub(crate) fn of(values: &[f64]) -> Option<Self> {
        let count = values.len();
        if count == 0 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / count as f64;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let deviation = (count > 1).then(|| (squares / (count - 1) as f64).sqrt());
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Some(Self { count, mean, deviation, low, high })
    }
}

/// Welch's interval for the difference of two means, `one - other`; the two may scatter differently. `None` if one of the
/// samples is a single value, or is not finite.
///
/// # Errors
///
/// If the quantile of Student's distribution cannot be computed.
pub(crate) fn difference(one: &Sample, other: &Sample) -> Result<Option<(f64, f64)>> {
    let (Some(deviation), Some(other_deviation)) = (one.deviation, other.deviation) else {
        return Ok(None);
    };
    let distance = one.mean - other.mean;
    let share = |deviation: f64, count: usize| deviation.powi(2) / count as f64;
    let (a, b) = (
        share(deviation, one.count),
        share(other_deviation, other.count),
    );
    if !(distance + a + b).is_finite() {
        return Ok(None);
    }
    if a + b == 0.0 {
        return Ok(Some((distance, distance)));
    }
    let freedom = |share: f64, count: usize| share.powi(2) / (count - 1) as f64;
    let degrees = (a + b).powi(2) / (freedom(a, one.count) + freedom(b, other.count));
    let student = StudentsT::new(0.0, 1.0, degrees)
        .with_context(|| format!("Student's distribution with {degrees} degrees of freedom"))?;
    let half = student.inverse_cdf((1.0 + CONFIDENCE) / 2.0) * (a + b).sqrt();
    Ok(Some((distance - half, distance + half)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(values: &[f64]) -> Sample {
        Sample::of(values).expect("values")
    }

    /// scipy 1.17.1: `scipy.stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.95)`.
    #[test]
    fn intervals_are_those_of_scipy() -> Result<()> {
        for (a, b, low, high) in [
            (
                &[0.8345, 0.8361, 0.8322][..],
                &[0.8145, 0.8139, 0.817][..],
                0.014982355551914444,
                0.023284311114752005,
            ),
            (
                &[1.0, 2.0, 3.0, 4.0, 5.0][..],
                &[2.0, 8.0][..],
                -32.891558375763665,
                28.891558375763662,
            ),
            (
                &[1e-05, 2e-05, 4e-05][..],
                &[1.5e-05, 1.6e-05, 1.7e-05, 1.4e-05][..],
                -2.982976743901413e-05,
                4.5496434105680804e-05,
            ),
            (
                &[0.5, 0.7][..],
                &[0.5, 0.6][..],
                -0.6418522830071063,
                0.7418522830071062,
            ),
        ] {
            let (found_low, found_high) = difference(&sample(a), &sample(b))?.expect("an interval");
            let size = high - low;
            assert!((found_low - low).abs() < 1e-9 * size, "{found_low} {low}");
            assert!(
                (found_high - high).abs() < 1e-9 * size,
                "{found_high} {high}"
            );
        }
        Ok(())
    }

    #[test]
    fn one_value_does_not_scatter() -> Result<()> {
        let (one, two) = (sample(&[0.5]), sample(&[0.5, 0.7]));
        assert_eq!((one.deviation, one.mean), (None, 0.5));
        assert_eq!(difference(&one, &two)?, None);
        assert_eq!(difference(&two, &one)?, None);
        assert_eq!(Sample::of(&[]), None);
        Ok(())
    }

    #[test]
    fn equal_values_differ_exactly_and_numbers_that_are_none_not_at_all() -> Result<()> {
        let (one, other) = (sample(&[0.75, 0.75]), sample(&[0.5, 0.5]));
        assert_eq!(difference(&one, &other)?, Some((0.25, 0.25)));
        let diverged = sample(&[f64::NAN, 0.5]);
        assert_eq!(difference(&one, &diverged)?, None);
        Ok(())
    }
}
