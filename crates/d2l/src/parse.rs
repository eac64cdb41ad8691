//! Functions that read and write models' options.

use std::fmt::Display;
use std::ops::RangeInclusive;

use serde::Serializer;

/// The largest size that a flag accepts: products of a few such sizes can still be computed.
const LARGEST: usize = 1 << 31;

/// The largest depth that a flag accepts. A step through more layers takes so long that the program would seem to hang.
pub(crate) const DEEPEST: usize = 1000;

/// The largest side of a picture that a flag accepts. Convolutions of one larger picture would take gigabytes.
const LARGEST_SIDE: usize = 1024;

/// Reads a count or a size that must not be 0.
pub fn at_least_one(text: &str) -> Result<usize, String> {
    within(1..=LARGEST, text)
}

/// Reads a number of layers or blocks in a row.
pub fn depth(text: &str) -> Result<usize, String> {
    within(1..=DEEPEST, text)
}

/// Reads a number of layers that may be 0.
pub fn depth_or_none(text: &str) -> Result<usize, String> {
    within(0..=DEEPEST, text)
}

/// Reads the height and width of a picture in pixels.
pub fn side(text: &str) -> Result<usize, String> {
    within(1..=LARGEST_SIDE, text)
}

fn within(range: RangeInclusive<usize>, text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if range.contains(&number) => Ok(number),
        _ => Err(format!(
            "wanted a whole number from {} to {}",
            range.start(),
            range.end()
        )),
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
