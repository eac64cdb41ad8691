//! Pooling by hand: the largest number, or the mean, of each pooling region, channel by channel. D2L zh 6.5, en 7.5.
//!
//! y(r, c) = max over i, j of x(s r + i, s c + j), or their mean.

use candle_core::{Result, Tensor};
use d2l::nn::{Sees, report_function};

use crate::cross_correlation::{Positions, pad};

/// A pooling region and how it moves. Each pair is (vertical, horizontal).
#[derive(Clone, Copy, Debug)]
pub struct Region {
    /// Height and width.
    pub size: (usize, usize),
    /// Cells from one region to the next.
    pub stride: (usize, usize),
    /// Cells around the picture, on each side.
    pub padding: (usize, usize),
}

impl Region {
    /// Square regions side by side, the usual choice: stride = size, no padding.
    pub fn side_by_side(size: usize) -> Self {
        Self { size: (size, size), stride: (size, size), padding: (0, 0) }
    }
}

/// The largest number of each region; the padding is less than any number. `[B, C, H, W] -> [B, C, H', W']`
pub fn max_pool2d(x: &Tensor, region: &Region) -> Result<Tensor> {
    let padded = pad(x, region.padding, f64::NEG_INFINITY)?;
    let y = fold(&padded, region, |largest, seen| largest.maximum(seen))?;
    report_function("max_pool", &[x], &y, sees(region)); // for --summary
    Ok(y)
}

/// The mean of each region; the padding counts as zeros. `[B, C, H, W] -> [B, C, H', W']`
pub fn avg_pool2d(x: &Tensor, region: &Region) -> Result<Tensor> {
    let padded = pad(x, region.padding, 0.0)?;
    let (height, width) = region.size;
    let y = (fold(&padded, region, |sum, seen| sum + seen)? / (height * width) as f64)?;
    report_function("avg_pool", &[x], &y, sees(region)); // for --summary
    Ok(y)
}

/// What one number of the output depends on.
fn sees(region: &Region) -> Sees {
    Sees::Window { size: region.size, stride: region.stride }
}

/// Combines a region's entries one after another, for all positions at once.
fn fold(
    x: &Tensor,
    region: &Region,
    combine: impl Fn(&Tensor, &Tensor) -> Result<Tensor>,
) -> Result<Tensor> {
    let positions = Positions::new(x, region.size, region.stride)?;
    let mut folded = positions.entry(x, 0, 0)?;
    for i in 0..region.size.0 {
        for j in 0..region.size.1 {
            if (i, j) != (0, 0) {
                folded = combine(&folded, &positions.entry(x, i, j)?)?;
            }
        }
    }
    Ok(folded)
}
