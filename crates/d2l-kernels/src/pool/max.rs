//! Max pooling.
//!
//! y_o = max x over the pooling region of o,   ∂l/∂x_i = Σ ∂l/∂y_o over the outputs o whose regions x_i wins
//!
//! ```text
//!    x x x x x x      m m m         first along each row,
//!    x x x x x x  ->  m m m  ->  M M M     then over the rows of a region
//! ```
//!
//! A row that several regions share is read once. The winners' places are kept, so the backward pass compares nothing.

use rayon::prelude::*;

use crate::windows::{Run, Windows, for_planes};
use crate::{CHUNK, Real, pays_to_share};

/// The maximum over each pooling region, a range of rows and a range of columns of a plane.
pub struct MaxOver {
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
    /// Regions of these rows and columns.
    pub fn new(rows: Windows, columns: Windows) -> Self {
        let run = columns.run();
        Self { rows, columns, run }
    }

    /// (rows, columns) of an output plane.
    pub fn output(&self) -> (usize, usize) {
        (self.rows.ranges.len(), self.columns.ranges.len())
    }

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

    /// The maxima of all planes and, if they are wanted, the row-major index in the plane of each element that won.
    pub fn values<T: Real>(
        &self,
        x: &[T],
        planes: usize,
        wants_winners: bool,
    ) -> (Vec<T>, Vec<u32>) {
        let outputs = self.rows.ranges.len() * self.columns.ranges.len();
        let mut y = vec![T::ZERO; planes * outputs];
        let mut winners = vec![0u32; if wants_winners { y.len() } else { 0 }];
        if wants_winners {
            for_planes(planes, x, &mut y, &mut winners, |x, y, w| {
                self.planes(x, y, w)
            });
        } else {
            let mut nothing = vec![(); y.len()];
            for_planes(planes, x, &mut y, &mut nothing, |x, y, w| {
                self.planes(x, y, w)
            });
        }
        (y, winners)
    }

    /// ∂l/∂x: each output's gradient goes to the element that won.
    pub fn gradient<T: Real>(&self, dy: &[T], winners: &[u32]) -> Vec<T> {
        let (of_input, of_output) = (
            self.rows.inputs * self.columns.inputs,
            self.rows.ranges.len() * self.columns.ranges.len(),
        );
        let mut dx = vec![T::ZERO; dy.len() / of_output * of_input];
        let scatter = |(dx, (dy, winners)): (&mut [T], (&[T], &[u32]))| {
            for (&dy, &winner) in dy.iter().zip(winners) {
                if let Some(dx) = dx.get_mut(winner as usize) {
                    *dx += dy;
                }
            }
        };
        if pays_to_share(dx.len()) {
            let pairs = dy.par_chunks(of_output).zip(winners.par_chunks(of_output));
            let planes = dx.par_chunks_mut(of_input).zip(pairs);
            let some = (CHUNK / of_input).max(1);
            planes.with_min_len(some).for_each(scatter);
        } else {
            let pairs = dy.chunks(of_output).zip(winners.chunks(of_output));
            dx.chunks_mut(of_input).zip(pairs).for_each(scatter);
        }
        dx
    }
}
