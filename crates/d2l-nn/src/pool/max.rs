//! Max pooling with any kernel, stride and padding. D2L zh 6.5, en 7.5.
//!
//! y_o = max x over the pooling region of o,   ∂l/∂x_i = Σ ∂l/∂y_o over the outputs o whose regions x_i wins
//!
//! Of equal elements the first in row-major order wins, as in PyTorch. A NaN wins over all numbers; of several NaNs the
//! last wins. Padding is -∞ and never wins.
//!
//! The definition compares copies of the image, one for each place in a region. The kernel takes the maximum along each
//! row first and then over the rows, so a row that several regions share is read once. It keeps the winners' places, so
//! the backward pass compares nothing.

use candle_core::{Result, Tensor, bail};
use d2l_kernels::pool::MaxOver;
use d2l_kernels::windows::Windows;

use super::{Pool1d, Pool2d, as_images};
use crate::graph::{self, Backward, Gradient, Input, Operation, Outputs, exactly};
use crate::kernel::{self, Kernels, Real};
use crate::observe::report_function;

/// The largest element of each pooling region: `[N, C, H, W] -> [N, C, H', W']`, sizes as in [`Pool2d`].
///
/// # Errors
/// If `x` isn't of rank 4, no pooling region fits, or the padding is more than half the kernel.
pub fn max_pool2d(x: &Tensor, pool: &Pool2d) -> Result<Tensor> {
    let (rows, columns) = pool.windows(x, "max_pool2d")?;
    let y = max_over(x, rows, columns)?;
    report_function("max_pool", &[x], &y, pool.sees());
    Ok(y)
}

/// The largest element of each pooling region: `[N, C, L] -> [N, C, L']`.
///
/// # Errors
/// As [`max_pool2d`], with rank 3.
pub fn max_pool1d(x: &Tensor, pool: &Pool1d) -> Result<Tensor> {
    let (rows, columns) = pool
        .flat()
        .windows(&as_images(x, "max_pool1d")?, "max_pool1d")?;
    max_over(&as_images(x, "max_pool1d")?, rows, columns)?.squeeze(2)
}

/// The maximum over each pooling region, a range of rows and a range of columns of `[N, C, H, W]`.
pub(super) fn max_over(x: &Tensor, rows: Windows, columns: Windows) -> Result<Tensor> {
    if kernel::has_kernel(x) && u32::try_from(rows.inputs * columns.inputs).is_ok() {
        graph::apply(MaxOver::new(rows, columns), &[x])
    } else {
        composed(&graph::input(x), &rows, &columns)
    }
}

/// The definition in candle's own operations: the kernel's reference, and what other devices run.
///
/// The elements at the same place in all pooling regions are one tensor; the maximum is taken over these tensors in
/// row-major order. A region that is cut off repeats its last element, which changes nothing.
fn composed(x: &Tensor, rows: &Windows, columns: &Windows) -> Result<Tensor> {
    let places = |windows: &Windows, tap: usize| {
        let place = |range: &std::ops::Range<usize>| (range.start + tap).min(range.end - 1) as u32;
        Tensor::from_iter(windows.ranges.iter().map(place), x.device())
    };
    let x = x.contiguous()?;
    let mut best: Option<Tensor> = None;
    for i in 0..rows.longest() {
        let x_i = x.index_select(&places(rows, i)?, 2)?; // [N, C, H', W]
        for j in 0..columns.longest() {
            let x_ij = x_i.index_select(&places(columns, j)?, 3)?; // [N, C, H', W']
            best = Some(match best {
                None => x_ij,
                Some(best) => {
                    let (new, old) = (x_ij.detach(), best.detach());
                    let wins = (new.gt(&old)? + new.ne(&new)?)?; // a NaN differs from itself
                    wins.where_cond(&x_ij, &best)?
                }
            });
        }
    }
    match best {
        Some(best) => Ok(best),
        None => bail!("a pooling region holds no element"),
    }
}

impl Operation for MaxOver {
    /// For each output, the row-major index in the plane of the element that won.
    type Kept<T: Real> = Vec<u32>;

    fn name(&self) -> &'static str {
        "max pooling"
    }

    fn forward<T: Kernels>(
        &self,
        inputs: &[Input<T>],
        keeps: bool,
    ) -> Result<Outputs<T, Vec<u32>>> {
        let [Input { data: x, dims: &[images, channels, ..], .. }] = *exactly(inputs)? else {
            bail!("max pooling: found an input without channels, wanted [N, C, H, W]");
        };
        let (y, winners) = T::max_pool(self, x, images * channels, keeps);
        let (height, width) = self.output();
        Ok(Outputs::new(y, (images, channels, height, width)).keeping(winners))
    }

    fn backward<T: Kernels>(&self, pass: Backward<T, Vec<u32>>) -> Result<Vec<Gradient<T>>> {
        let Backward { dy, kept: winners, .. } = pass;
        let dx = T::max_pool_gradient(self, dy, &winners);
        Ok(vec![Gradient::New(dx)])
    }
}

#[cfg(test)]
mod tests;
