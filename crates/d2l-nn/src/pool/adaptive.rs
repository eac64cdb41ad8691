//! Pooling to a given size. D2L zh 7.3.2 and 7.4, en 8.3.2 and 8.4; Lin et al. 2014, arXiv:1312.4400.
//!
//! Output o of m reads the inputs from ⌊o n / m⌋ to ⌈(o + 1) n / m⌉ of n: pooling regions of nearly equal size, which
//! overlap by one input if m doesn't divide n.

use candle_core::{Error, Result, Tensor};
use d2l_kernels::pool::Weighted;
use d2l_kernels::windows::Windows;

use super::{max::max_over, sides};
use crate::Sees;
use crate::observe::report_function;
use crate::separable::combine;

/// The mean of each channel: `[N, C, H, W] -> [N, C, 1, 1]`.
///
/// # Errors
/// If `x` isn't of rank 4 or its planes are empty.
pub fn global_avg_pool2d(x: &Tensor) -> Result<Tensor> {
    adaptive_avg_pool2d(x, (1, 1))
}

/// The mean of each of H' · W' pooling regions: `[N, C, H, W] -> [N, C, H', W']`.
///
/// # Errors
/// If `x` isn't of rank 4 or a side is 0.
pub fn adaptive_avg_pool2d(x: &Tensor, size: (usize, usize)) -> Result<Tensor> {
    let (rows, columns) = cells(x, size, "adaptive_avg_pool2d")?;
    let means = |windows| Weighted::means(windows, |_, held| held);
    let y = combine(x, means(rows), means(columns))?;
    let name = match size {
        (1, 1) => "global_avg_pool",
        _ => "adaptive_avg_pool",
    };
    report_function(name, &[x], &y, sees(x, size)?);
    Ok(y)
}

/// The largest element of each of H' · W' pooling regions: `[N, C, H, W] -> [N, C, H', W']`.
///
/// # Errors
/// If `x` isn't of rank 4 or a side is 0.
pub fn adaptive_max_pool2d(x: &Tensor, size: (usize, usize)) -> Result<Tensor> {
    let (rows, columns) = cells(x, size, "adaptive_max_pool2d")?;
    let y = max_over(x, rows, columns)?;
    report_function("adaptive_max_pool", &[x], &y, sees(x, size)?);
    Ok(y)
}

/// What one of `size` pooling regions sees of `x`; if the sides can't be divided evenly, the largest region.
fn sees(x: &Tensor, size: (usize, usize)) -> Result<Sees> {
    let (height, width) = sides(x, "adaptive pooling")?;
    Ok(match size {
        (1, 1) => Sees::All,
        (rows, columns) => Sees::Window {
            size: (height.div_ceil(rows), width.div_ceil(columns)),
            stride: ((height / rows).max(1), (width / columns).max(1)),
        },
    })
}

fn cells(x: &Tensor, size: (usize, usize), op: &str) -> Result<(Windows, Windows)> {
    let (height, width) = sides(x, op)?;
    Ok((
        Windows::adaptive(height, size.0).map_err(Error::wrap)?,
        Windows::adaptive(width, size.1).map_err(Error::wrap)?,
    ))
}
