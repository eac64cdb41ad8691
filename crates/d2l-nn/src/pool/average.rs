//! Average pooling with any kernel, stride and padding. D2L zh 6.5, en 7.5.
//!
//! y_o = 1/n Σ over the window of o of x, where n is the window's size, with the padding or without

use candle_core::{Result, Tensor};

use super::{Pool1d, Pool2d, as_images};
use crate::observe::report;
use crate::separable::{Weighted, combine};
use crate::windows::Windows;

/// The mean of each window: `[N, C, H, W] -> [N, C, H', W']`, sizes as [`Pool2d`] says.
///
/// With `count_include_pad`, PyTorch's default, the sum is divided by the window's size with the padding in it, but
/// without what `ceil_mode` adds behind the padding; otherwise by the number of elements that it holds.
///
/// # Errors
/// Where `x` isn't of rank 4, a window finds no place, or the padding is more than half the kernel.
pub fn avg_pool2d(x: &Tensor, pool: &Pool2d, count_include_pad: bool) -> Result<Tensor> {
    let (rows, columns) = pool.windows(x, "avg_pool2d")?;
    let y = average(x, pool, count_include_pad, rows, columns)?;
    report(x, &y, pool.sees(), 0);
    Ok(y)
}

/// The mean of each window: `[N, C, L] -> [N, C, L']`; see [`avg_pool2d`].
///
/// # Errors
/// As [`avg_pool2d`], with rank 3.
pub fn avg_pool1d(x: &Tensor, pool: &Pool1d, count_include_pad: bool) -> Result<Tensor> {
    let (x, pool) = (as_images(x, "avg_pool1d")?, pool.flat());
    let (rows, columns) = pool.windows(&x, "avg_pool1d")?;
    average(&x, &pool, count_include_pad, rows, columns)?.squeeze(2)
}

fn average(
    x: &Tensor,
    pool: &Pool2d,
    count_include_pad: bool,
    rows: Windows,
    columns: Windows,
) -> Result<Tensor> {
    let weighted = |windows: Windows, kernel: usize, stride: usize, padding: usize| {
        let padded = windows.inputs + 2 * padding;
        Weighted::means(windows, |o, held| {
            if count_include_pad {
                kernel.min(padded - o * stride)
            } else {
                held
            }
        })
    };
    let rows = weighted(rows, pool.kernel.0, pool.stride.0, pool.padding.0);
    let columns = weighted(columns, pool.kernel.1, pool.stride.1, pool.padding.1);
    combine(x, rows, columns)
}
