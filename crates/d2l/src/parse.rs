//! Functions that read and write models' options.

use std::fmt::Display;

use serde::Serializer;

/// No size is larger: products of a few of them can still be computed.
const LARGEST: usize = 1 << 31;

/// Reads a count or a size that must not be 0.
pub fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if (1..=LARGEST).contains(&number) => Ok(number),
        _ => Err(format!("wanted a whole number from 1 to {LARGEST}")),
    }
}

/// Reads a probability.
pub fn probability(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(p) if (0.0..=1.0).contains(&p) => Ok(p),
        _ => Err("wanted a number from 0 to 1".to_string()),
    }
}

/// Reads a number that must not be negative, such as the factor λ of a penalty.
pub fn at_least_zero(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(number) if (0.0..f64::INFINITY).contains(&number) => Ok(number),
        _ => Err("wanted a number of 0 or more".to_string()),
    }
}

/// Writes an option as its flag takes it.
pub fn as_text<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}
