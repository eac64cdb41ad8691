//! Average pooling with any kernel, stride and padding. D2L zh 6.5, en 7.5.
//!
//! y_o = 1/n Σ x over the pooling region of o, where n is the region's size, with the padding or without

use candle_core::{Result, Tensor};
use d2l_kernels::pool::Weighted;
use d2l_kernels::windows::Windows;

use super::{Pool1d, Pool2d, as_images};
use crate::observe::report_function;
use crate::separable::combine;

/// The mean of each pooling region: `[N, C, H, W] -> [N, C, H', W']`, sizes as in [`Pool2d`].
///
/// With `count_include_pad`, PyTorch's default, the sum is divided by the region's size, including its padding but not
/// what `ceil_mode` adds behind the padding. Otherwise it is divided by the number of elements in the region.
///
/// # Errors
/// If `x` isn't of rank 4, no pooling region fits, or the padding is more than half the kernel.
pub fn avg_pool2d(x: &Tensor, pool: &Pool2d, count_include_pad: bool) -> Result<Tensor> {
    let (rows, columns) = pool.windows(x, "avg_pool2d")?;
    let y = average(x, pool, count_include_pad, rows, columns)?;
    report_function("avg_pool", &[x], &y, pool.sees());
    Ok(y)
}

/// The mean of each pooling region: `[N, C, L] -> [N, C, L']`; see [`avg_pool2d`].
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
