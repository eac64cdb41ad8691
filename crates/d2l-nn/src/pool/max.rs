//! Max pooling with any kernel, stride and padding. D2L zh 6.5, en 7.5.
//!
//! y_o = max x over the pooling region of o,   ∂l/∂x_i = Σ ∂l/∂y_o over the outputs o whose regions x_i wins
//!
//! Of equal elements the first in row-major order wins, as in PyTorch. A NaN wins over all numbers; of several NaNs the
//! last wins. Padding is -∞ and never wins.
//!
//! The definition gathers each region's elements and compares one half of them with the other, and so on. The kernel takes the maximum along each
//! row first and then over the rows, so a row that several regions share is read once. It keeps the winners' places, so
//! the backward pass compares nothing.

use std::sync::Arc;

use candle_core::{Device, Result, Tensor, bail};
use d2l_kernels::pool::MaxOver;
use d2l_kernels::windows::Windows;

use super::{Pool1d, Pool2d, as_images};
use crate::constants::{positions, zeros_as};
use crate::gather::Gather;
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
        composed(x, &rows, &columns)
    }
}

/// The definition in candle's own operations: the kernel's reference, and what other devices run.
///
/// The maximum is taken along the rows first, then along the columns of what is left. So the first in row-major order
/// wins here too.
fn composed(x: &Tensor, rows: &Windows, columns: &Windows) -> Result<Tensor> {
    let (images, channels, height, width) = x.dims4()?;
    let (out_height, out_width) = (rows.ranges.len(), columns.ranges.len());
    let (along_width, along_height) = (regions(columns, x.device())?, regions(rows, x.device())?);
    let gathers = (Arc::clone(&along_width), Arc::clone(&along_height));
    let (row_slots, column_slots) = (slots(rows), slots(columns));
    let forward = |inputs: &[Tensor]| {
        let [x] = exactly(inputs)?;
        let x = x.reshape((images * channels * height, width, 1))?;
        let (x, column) = winners(&along_width.apply(&x)?, out_width)?;
        let x = x.reshape((images * channels, height, out_width))?;
        let (y, row) = winners(&along_height.apply(&x)?, out_height)?;
        let y = y.reshape((images, channels, out_height, out_width))?;
        Ok((y, [column, row]))
    };
    graph::define("max pooling", &[x], forward, move |known| {
        let ([column, row], (along_width, along_height)) = (known.kept, &gathers);
        let dy = known
            .dy
            .reshape((images * channels, out_height, out_width))?;
        let dx = along_height.back(&at_winners(&dy, row, row_slots)?)?;
        let dx = dx.reshape((images * channels * height, out_width, 1))?;
        let dx = along_width.back(&at_winners(&dx, column, column_slots)?)?;
        Ok(vec![Some(dx.reshape((images, channels, height, width))?)])
    })
}

/// As many slots as the longest region needs, and more up to a power of two.
fn slots(windows: &Windows) -> usize {
    windows.longest().next_power_of_two()
}

/// The elements of each region along an axis. An element's slot is its number with its bits in reverse: then the halves
/// that [`winners`] compares hold neighbours, and of equal elements the first wins. Slots that are too many repeat the last
/// element, which never wins.
fn regions(windows: &Windows, device: &Device) -> Result<Arc<Gather>> {
    let slots = slots(windows);
    let ranges = windows.ranges.iter();
    let key = ranges.flat_map(|range| [range.start, range.end]).collect();
    Gather::known(key, windows.inputs, device, || {
        let unused = usize::BITS - slots.trailing_zeros();
        let of_slot = |slot: usize| {
            let element = slot.reverse_bits().checked_shr(unused).unwrap_or(0);
            let ranges = windows.ranges.iter();
            ranges.map(move |range| Some((range.start + element).min(range.end - 1)))
        };
        (0..slots).flat_map(of_slot).collect()
    })
}

/// The largest of each region's elements, `[left, slots · outputs, right]` to `[left, outputs, right]`, and the number of
/// its slot, u32 `[left, 1, outputs, right]`. One half of the slots is compared with the other, then the halves of the
/// winners.
fn winners(x: &Tensor, outputs: usize) -> Result<(Tensor, Tensor)> {
    let (left, _, right) = x.dims3()?;
    let mut best = x.reshape((left, (), outputs, right))?;
    let mut slots = best.dim(1)?;
    let numbers = positions(slots, x.device())?.reshape((1, slots, 1, 1))?;
    let mut winner = numbers.broadcast_as(best.shape())?;
    while slots > 1 {
        slots /= 2;
        let (old, new) = (best.narrow(1, 0, slots)?, best.narrow(1, slots, slots)?);
        let wins = (new.detach().gt(&old)? + new.ne(&new)?)?; // a NaN differs from itself
        best = wins.where_cond(&new, &old)?;
        let (old, new) = (winner.narrow(1, 0, slots)?, winner.narrow(1, slots, slots)?);
        winner = wins.where_cond(&new, &old)?;
    }
    Ok((best.squeeze(1)?, winner.contiguous()?))
}

/// The gradients `dy` of outputs in the slots that won, and 0 in the others: `[left, outputs, right]` to
/// `[left, slots · outputs, right]`.
fn at_winners(dy: &Tensor, winner: &Tensor, slots: usize) -> Result<Tensor> {
    let (left, outputs, right) = dy.dims3()?;
    let numbers = positions(slots, dy.device())?.reshape((1, slots, 1, 1))?;
    let won = numbers.broadcast_eq(winner)?;
    let dy = dy.unsqueeze(1)?.broadcast_as(won.shape())?;
    let dy = won.where_cond(&dy, &zeros_as(&dy)?)?;
    dy.reshape((left, slots * outputs, right))
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
