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
use rayon::prelude::*;

use super::{Pool1d, Pool2d, as_images};
use crate::graph::{self, Gradient, Input, Operation, Outputs, Upstream, exactly};
use crate::kernel::{self, Real};
use crate::observe::report_function;
use crate::windows::{Run, Windows, for_planes};

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
        let run = columns.run();
        graph::apply(MaxOver { rows, columns, run }, &[x])
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

struct MaxOver {
    rows: Windows,
    columns: Windows,
    /// The run of `columns`.
    run: Run,
}

/// What is kept of the element that wins a region: its index, or nothing if no gradient is wanted.
trait Winner: Copy + Send {
    fn at(index: u32) -> Self;
    fn moved(self, by: u32) -> Self;
}

impl Winner for u32 {
    #[inline]
    fn at(index: u32) -> Self {
        index
    }
    #[inline]
    fn moved(self, by: u32) -> Self {
        self + by
    }
}

impl Winner for () {
    fn at(_: u32) {}
    fn moved(self, _: u32) {}
}

/// The value and the winner of a region so far, after one more element.
#[inline]
#[allow(clippy::eq_op)] // only a NaN differs from itself
fn step<T: Real, W: Winner>(best: (T, W), x: T, winner: W) -> (T, W) {
    let wins = (x > best.0) | (x != x);
    (
        if wins { x } else { best.0 },
        if wins { winner } else { best.1 },
    )
}

impl MaxOver {
    /// First the maximum along each row, then over the rows of a region: equal elements stay in row-major order, and a
    /// row that several regions share is read once.
    fn planes<T: Real, W: Winner>(&self, x: &[T], y: &mut [T], winners: &mut [W]) {
        let (height, width) = (self.rows.inputs, self.columns.inputs);
        let out_width = self.columns.ranges.len();
        let size = self.rows.ranges.len() * out_width;
        let kept = self.rows.longest();
        let mut row = vec![T::ZERO; width + self.run.stride];
        let mut values = vec![T::ZERO; kept * out_width];
        let mut places = vec![W::at(0); kept * out_width];
        let planes = x.chunks_exact(height * width);
        let outputs = y.chunks_exact_mut(size).zip(winners.chunks_exact_mut(size));
        for (x, (y, winners)) in planes.zip(outputs) {
            let mut next = 0; // the first row whose maxima are still to be taken
            let outputs = y.chunks_exact_mut(out_width);
            let outputs = outputs.zip(winners.chunks_exact_mut(out_width));
            for (rows, (y, winners)) in self.rows.ranges.iter().zip(outputs) {
                for i in next.max(rows.start)..rows.end {
                    let slot = i % kept * out_width..(i % kept + 1) * out_width;
                    row[..width].copy_from_slice(&x[i * width..(i + 1) * width]);
                    self.along(&row, &mut values[slot.clone()], &mut places[slot]);
                }
                next = next.max(rows.end);
                for i in rows.clone() {
                    let slot = i % kept * out_width..(i % kept + 1) * out_width;
                    let of_row = values[slot.clone()].iter().zip(&places[slot]);
                    let above = (i * width) as u32;
                    let outputs = y.iter_mut().zip(winners.iter_mut()).zip(of_row);
                    if i == rows.start {
                        outputs.for_each(|((y, winner), (&x, place))| {
                            (*y, *winner) = (x, place.moved(above));
                        });
                    } else {
                        outputs.for_each(|((y, winner), (&x, place))| {
                            (*y, *winner) = step((*y, *winner), x, place.moved(above));
                        });
                    }
                }
            }
        }
    }

    /// The maximum over each range of columns of one row.
    fn along<T: Real, W: Winner>(&self, row: &[T], values: &mut [T], places: &mut [W]) {
        let run = self.run.outputs.clone();
        let even = (&mut values[run.clone()], &mut places[run.clone()]);
        match (self.run.stride, self.run.taps) {
            (2, 2) => self.evenly::<T, W, 2, 2>(row, even),
            (2, 3) => self.evenly::<T, W, 2, 3>(row, even),
            (1, 3) => self.evenly::<T, W, 1, 3>(row, even),
            (1, _) => self.evenly_by_tap::<T, W, 1>(row, even),
            (2, _) => self.evenly_by_tap::<T, W, 2>(row, even),
            (3, _) => self.evenly_by_tap::<T, W, 3>(row, even),
            (4, _) => self.evenly_by_tap::<T, W, 4>(row, even),
            _ => self.one_by_one(run.clone(), row, values, places),
        }
        self.one_by_one(0..run.start, row, values, places);
        self.one_by_one(run.end..values.len(), row, values, places);
    }

    /// The run of ranges of `TAPS` columns, `STRIDE` apart.
    fn evenly<T: Real, W: Winner, const STRIDE: usize, const TAPS: usize>(
        &self,
        row: &[T],
        (values, places): (&mut [T], &mut [W]),
    ) {
        let start = self.run.start;
        let taps: [&[[T; STRIDE]]; TAPS] =
            std::array::from_fn(|tap| &row[start + tap..].as_chunks().0[..values.len()]);
        for (o, (value, place)) in values.iter_mut().zip(places).enumerate() {
            let first = (start + o * STRIDE) as u32;
            let mut best = (taps[0][o][0], W::at(first));
            for (tap, x) in taps.iter().enumerate().skip(1) {
                best = step(best, x[o][0], W::at(first + tap as u32));
            }
            (*value, *place) = best;
        }
    }

    /// As [`Self::evenly`], with any number of columns in a range.
    fn evenly_by_tap<T: Real, W: Winner, const STRIDE: usize>(
        &self,
        row: &[T],
        (values, places): (&mut [T], &mut [W]),
    ) {
        for tap in 0..self.run.taps {
            let start = self.run.start + tap;
            let (x, _) = row[start..].as_chunks::<STRIDE>();
            let outputs = values.iter_mut().zip(places.iter_mut());
            for (o, ((value, place), x)) in outputs.zip(x).enumerate() {
                let new = (x[0], W::at((start + o * STRIDE) as u32));
                (*value, *place) = if tap == 0 {
                    new
                } else {
                    step((*value, *place), new.0, new.1)
                };
            }
        }
    }

    fn one_by_one<T: Real, W: Winner>(
        &self,
        outputs: std::ops::Range<usize>,
        row: &[T],
        values: &mut [T],
        places: &mut [W],
    ) {
        for o in outputs {
            let range = self.columns.ranges[o].clone();
            let mut best = (row[range.start], W::at(range.start as u32));
            for i in range.skip(1) {
                best = step(best, row[i], W::at(i as u32));
            }
            (values[o], places[o]) = best;
        }
    }
}

impl Operation for MaxOver {
    /// For each output, the row-major index in the plane of the element that won.
    type Kept<T: Real> = Vec<u32>;

    fn name(&self) -> &'static str {
        "max pooling"
    }

    fn forward<T: Real>(&self, inputs: &[Input<T>], keeps: bool) -> Result<Outputs<T, Vec<u32>>> {
        let [Input { data: x, dims: &[images, channels, ..], .. }] = *exactly(inputs)? else {
            bail!("max pooling: found an input without channels, wanted [N, C, H, W]");
        };
        let planes = images * channels;
        let (height, width) = (self.rows.ranges.len(), self.columns.ranges.len());
        let mut y = vec![T::ZERO; planes * height * width];
        let mut winners = vec![0u32; if keeps { y.len() } else { 0 }];
        if keeps {
            for_planes(planes, x, &mut y, &mut winners, |x, y, w| {
                self.planes(x, y, w)
            });
        } else {
            let mut nothing = vec![(); y.len()];
            for_planes(planes, x, &mut y, &mut nothing, |x, y, w| {
                self.planes(x, y, w)
            });
        }
        Ok(Outputs::new(y, (images, channels, height, width)).keeping(winners))
    }

    /// Each output's gradient goes to the element that won.
    fn backward<T: Real>(
        &self,
        inputs: &[Input<T>],
        Upstream { dy, .. }: Upstream<T>,
        winners: Vec<u32>,
    ) -> Result<Vec<Gradient<T>>> {
        let [x] = exactly(inputs)?;
        let (of_input, of_output) = (
            self.rows.inputs * self.columns.inputs,
            self.rows.ranges.len() * self.columns.ranges.len(),
        );
        let mut dx = vec![T::ZERO; x.data.len()];
        let scatter = |(dx, (dy, winners)): (&mut [T], (&[T], &[u32]))| {
            for (&dy, &winner) in dy.iter().zip(winners) {
                if let Some(dx) = dx.get_mut(winner as usize) {
                    *dx += dy;
                }
            }
        };
        if kernel::pays_to_share(dx.len()) {
            let pairs = dy.par_chunks(of_output).zip(winners.par_chunks(of_output));
            let planes = dx.par_chunks_mut(of_input).zip(pairs);
            let some = (kernel::CHUNK / of_input).max(1);
            planes.with_min_len(some).for_each(scatter);
        } else {
            let pairs = dy.chunks(of_output).zip(winners.chunks(of_output));
            dx.chunks_mut(of_input).zip(pairs).for_each(scatter);
        }
        Ok(vec![Gradient::New(dx)])
    }
}

#[cfg(test)]
mod tests;
