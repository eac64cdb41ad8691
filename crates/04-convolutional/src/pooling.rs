//! Pooling by hand: the largest number, or the mean, of what a window sees, channel by channel. D2L zh 6.5, en 7.5.
//!
//! y(r, c) = max over i, j of x(s r + i, s c + j), or their mean.

use candle_core::{Result, Tensor};
use d2l::nn::{Sees, report};

use crate::cross_correlation::{Windows, pad};

/// A window of height and width, how far it goes on (down, right), and the cells that are thought around the picture
/// (above and below, left and right).
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Height and width.
    pub size: (usize, usize),
    /// Cells from one window to the next.
    pub stride: (usize, usize),
    /// Cells around the picture.
    pub padding: (usize, usize),
}

impl Window {
    /// Square windows side by side, as is usual: stride = size, no padding.
    pub fn side_by_side(size: usize) -> Self {
        Self {
            size: (size, size),
            stride: (size, size),
            padding: (0, 0),
        }
    }
}

/// The largest number in each window; what is around the picture is less than any. `[B, C, H, W] -> [B, C, H', W']`
pub fn max_pool2d(x: &Tensor, window: &Window) -> Result<Tensor> {
    let padded = pad(x, window.padding, f64::NEG_INFINITY)?;
    let y = fold(&padded, window, |largest, seen| largest.maximum(seen))?;
    tell(x, &y, window);
    Ok(y)
}

/// The mean of each window; zeros around the picture count. `[B, C, H, W] -> [B, C, H', W']`
pub fn avg_pool2d(x: &Tensor, window: &Window) -> Result<Tensor> {
    let padded = pad(x, window.padding, 0.0)?;
    let (height, width) = window.size;
    let y = (fold(&padded, window, |sum, seen| sum + seen)? / (height * width) as f64)?;
    tell(x, &y, window);
    Ok(y)
}

/// Says for `--summary` what a number of `y` sees of `x`.
fn tell(x: &Tensor, y: &Tensor, window: &Window) {
    let sees = Sees::Window {
        size: window.size,
        stride: window.stride,
    };
    report(x, y, sees, 0);
}

/// Goes through a window's entries: what the first sees in every window, then with each other `combine`.
fn fold(
    x: &Tensor,
    window: &Window,
    combine: impl Fn(&Tensor, &Tensor) -> Result<Tensor>,
) -> Result<Tensor> {
    let windows = Windows::new(x, window.size, window.stride)?;
    let mut folded = windows.entry(x, 0, 0)?;
    for i in 0..window.size.0 {
        for j in 0..window.size.1 {
            if (i, j) != (0, 0) {
                folded = combine(&folded, &windows.entry(x, i, j)?)?;
            }
        }
    }
    Ok(folded)
}
