//! Pooling: one number for each region of each plane (one channel of one image).

mod max;
mod separable;

pub use max::MaxOver;
pub use separable::{Combine, Weighted};
