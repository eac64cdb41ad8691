//! Weighted sums of rows, then of columns: Y = R X Cᵀ for each plane X,   ∂l/∂X = Rᵀ ∂l/∂Y C
//!
//! ```text
//!    x x x x x x
//!    x x x x x x  -> Σ of rows -> s s s s s s -> Σ of columns -> y y y
//! ```
//!
//! Only the ranges in which R and C are not 0 are visited. Where outputs read evenly spaced ranges with equal weights, a
//! loop over these outputs is vectorised.

use crate::Real;
use crate::windows::{Run, Windows, for_planes};

/// The ranges along an axis and the weights in each.
pub struct Weighted {
    /// The ranges.
    pub windows: Windows,
    /// The weights of each range's inputs.
    pub weights: Vec<Vec<f64>>,
}

impl Weighted {
    /// Sums divided by `divisor(output, inputs in its range)`.
    pub fn means(windows: Windows, divisor: impl Fn(usize, usize) -> usize) -> Self {
        let weights = |(o, range): (usize, &std::ops::Range<usize>)| {
            vec![1.0 / divisor(o, range.len()) as f64; range.len()]
        };
        let weights = windows.ranges.iter().enumerate().map(weights).collect();
        Self { windows, weights }
    }
}

/// Weighted sums along rows and columns of planes.
pub struct Combine {
    rows: Weighted,
    columns: Weighted,
    /// The run of the columns, as far as all their ranges have the same weights.
    run: Run,
}

impl Combine {
    /// With these weights along rows and columns.
    pub fn new(rows: Weighted, columns: Weighted) -> Self {
        let mut run = columns.windows.run();
        let weights = columns.weights.get(run.outputs.clone()).unwrap_or_default();
        let equal = |weights_o: &&Vec<f64>| Some(*weights_o) == weights.first();
        run.outputs.end = run.outputs.start + weights.iter().take_while(equal).count();
        if !(1..=4).contains(&run.stride) {
            run.outputs.end = run.outputs.start;
        }
        Self { rows, columns, run }
    }

    /// (rows, columns) of an output plane.
    pub fn output(&self) -> (usize, usize) {
        (self.rows.weights.len(), self.columns.weights.len())
    }

    /// Y of each plane.
    pub fn combined<T: Real>(&self, x: &[T], planes: usize) -> Vec<T> {
        let (rows, columns) = (weights::<T>(&self.rows), weights::<T>(&self.columns));
        let (height, width) = (self.rows.windows.inputs, self.columns.windows.inputs);
        let out_width = columns.len();
        let mut y = vec![T::ZERO; planes * rows.len() * out_width];
        let some_planes = |x: &[T], y: &mut [T], _: &mut [()]| {
            let mut sum = vec![T::ZERO; width + self.run.stride];
            let planes = x.chunks_exact(height * width);
            for (x, y) in planes.zip(y.chunks_exact_mut(rows.len() * out_width)) {
                for ((first, weights), y) in rows.iter().zip(y.chunks_exact_mut(out_width)) {
                    let x = x[first * width..].chunks_exact(width);
                    for (i, (&weight, x)) in weights.iter().zip(x).enumerate() {
                        let sum = sum.iter_mut().zip(x);
                        if i == 0 {
                            sum.for_each(|(sum, &x)| *sum = weight * x);
                        } else {
                            sum.for_each(|(sum, &x)| *sum += weight * x);
                        }
                    }
                    self.along(&columns, &sum, y);
                }
            }
        };
        for_planes(planes, x, &mut y, &mut vec![(); planes], some_planes);
        y
    }

    /// The weighted sums of the columns of one row.
    fn along<T: Real>(&self, columns: &[(usize, Vec<T>)], x: &[T], y: &mut [T]) {
        let run = self.run.outputs.clone();
        let one_by_one = |outputs: std::ops::Range<usize>, y: &mut [T]| {
            for ((first, weights), y) in columns[outputs.clone()].iter().zip(&mut y[outputs]) {
                let mut sum = T::ZERO;
                for (&weight, &x) in weights.iter().zip(&x[*first..]) {
                    sum += weight * x;
                }
                *y = sum;
            }
        };
        one_by_one(0..run.start, y);
        one_by_one(run.end..columns.len(), y);
        let Some((_, weights)) = columns.get(run.start).filter(|_| !run.is_empty()) else {
            return;
        };
        for (tap, &weight) in weights.iter().enumerate() {
            let (x, y) = (&x[self.run.start + tap..], &mut y[run.clone()]);
            match self.run.stride {
                1 => add_strided::<T, 1>(x, y, weight, tap == 0),
                2 => add_strided::<T, 2>(x, y, weight, tap == 0),
                3 => add_strided::<T, 3>(x, y, weight, tap == 0),
                _ => add_strided::<T, 4>(x, y, weight, tap == 0),
            }
        }
    }

    /// ∂l/∂X of each plane.
    pub fn gradient<T: Real>(&self, dy: &[T], planes: usize) -> Vec<T> {
        let (rows, columns) = (weights::<T>(&self.rows), weights::<T>(&self.columns));
        let (height, width) = (self.rows.windows.inputs, self.columns.windows.inputs);
        let (out_height, out_width) = (rows.len(), columns.len());
        let mut dx = vec![T::ZERO; planes * height * width];
        let some_planes = |dy: &[T], dx: &mut [T], _: &mut [()]| {
            let mut row = vec![T::ZERO; width + self.run.stride];
            let planes = dy.chunks_exact(out_height * out_width);
            for (dy, dx) in planes.zip(dx.chunks_exact_mut(height * width)) {
                for ((first, weights), dy) in rows.iter().zip(dy.chunks_exact(out_width)) {
                    row.fill(T::ZERO);
                    self.spread(&columns, dy, &mut row);
                    let dx = dx[first * width..].chunks_exact_mut(width);
                    for (&weight, dx) in weights.iter().zip(dx) {
                        let dx = dx.iter_mut().zip(&row);
                        dx.for_each(|(dx, &row)| *dx += weight * row);
                    }
                }
            }
        };
        for_planes(planes, dy, &mut dx, &mut vec![(); planes], some_planes);
        dx
    }

    /// The transpose of [`Self::along`].
    fn spread<T: Real>(&self, columns: &[(usize, Vec<T>)], dy: &[T], dx: &mut [T]) {
        let run = self.run.outputs.clone();
        let mut one_by_one = |outputs: std::ops::Range<usize>| {
            for ((first, weights), &dy) in columns[outputs.clone()].iter().zip(&dy[outputs]) {
                for (&weight, dx) in weights.iter().zip(&mut dx[*first..]) {
                    *dx += weight * dy;
                }
            }
        };
        one_by_one(0..run.start);
        one_by_one(run.end..columns.len());
        let Some((_, weights)) = columns.get(run.start).filter(|_| !run.is_empty()) else {
            return;
        };
        for (tap, &weight) in weights.iter().enumerate() {
            let (dx, dy) = (&mut dx[self.run.start + tap..], &dy[run.clone()]);
            match self.run.stride {
                1 => spread_strided::<T, 1>(dy, dx, weight),
                2 => spread_strided::<T, 2>(dy, dx, weight),
                3 => spread_strided::<T, 3>(dy, dx, weight),
                _ => spread_strided::<T, 4>(dy, dx, weight),
            }
        }
    }
}

/// First input and weights of each range, in the kernel's type.
fn weights<T: Real>(axis: &Weighted) -> Vec<(usize, Vec<T>)> {
    let convert = |weights: &Vec<f64>| weights.iter().map(|&weight| T::from_f64(weight)).collect();
    let ranges = axis.windows.ranges.iter().zip(&axis.weights);
    ranges
        .map(|(range, weights)| (range.start, convert(weights)))
        .collect()
}

fn add_strided<T: Real, const STRIDE: usize>(x: &[T], y: &mut [T], weight: T, first: bool) {
    let pairs = y.iter_mut().zip(x.as_chunks::<STRIDE>().0);
    if first {
        pairs.for_each(|(y, x)| *y = weight * x[0]);
    } else {
        pairs.for_each(|(y, x)| *y += weight * x[0]);
    }
}

fn spread_strided<T: Real, const STRIDE: usize>(dy: &[T], dx: &mut [T], weight: T) {
    let pairs = dx.as_chunks_mut::<STRIDE>().0.iter_mut().zip(dy);
    pairs.for_each(|(dx, &dy)| dx[0] += weight * dy);
}
