//! Normalisation: the values of a channel, an example or a group of channels get mean 0 and variance 1.

mod moments;
mod planes;
mod rows;

pub use planes::{MeanAndVariance, Planes};
pub use rows::{Rows, Used};
