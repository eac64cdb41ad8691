//! Runs that differ in their seed alone are one experiment.

use d2l_log::{Header, flattened};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Header fields that don't belong to an experiment: its repetition, and what doesn't change its result.
const APART: [&str; 4] = ["seed", "started", "threads", "lengthened"];
/// Data that are drawn from the seed have another digest with every seed.
const DRAWN: &str = "synthetic";

/// What an experiment is known by: equal for runs that differ in their seed alone. A `null` is as good as a field that is
/// missing.
pub(crate) fn experiment(header: &Header) -> String {
    let drawn = header
        .data
        .as_ref()
        .is_some_and(|data| data.source == DRAWN);
    let belongs = |key: &str| !(APART.contains(&key) || drawn && key == "data.sha256");
    let fields = fields(header).into_iter();
    let sorted: BTreeMap<String, Value> = fields
        .filter(|(key, value)| belongs(key) && !value.is_null())
        .collect();
    Value::from_iter(sorted).to_string()
}

/// All fields of a header, nested ones as `recipe.learning_rate`.
pub(crate) fn fields(header: &Header) -> Map<String, Value> {
    match serde_json::to_value(header) {
        Ok(Value::Object(header)) => flattened(&header),
        _ => Map::new(),
    }
}

/// A mean with the sample standard deviation, which one value alone doesn't have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) mean: f64,
    pub(crate) deviation: Option<f64>,
}

impl Spread {
    /// `None` without values.
    pub(crate) fn of(values: &[f64]) -> Option<Self> {
        let count = values.len();
        let mean = values.iter().sum::<f64>() / count as f64;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let deviation = (count > 1).then(|| (squares / (count - 1) as f64).sqrt());
        (count > 0).then_some(Self { mean, deviation })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_mean_and_sample_deviation() {
        let spread = Spread::of(&[1.0, 2.0, 3.0]).expect("three values");
        assert_eq!((spread.mean, spread.deviation), (2.0, Some(1.0)));
        assert_eq!(Spread::of(&[5.0]).and_then(|alone| alone.deviation), None);
        assert_eq!(Spread::of(&[]), None);
    }
}
