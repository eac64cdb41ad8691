//! Softmax and log-softmax along an axis, and over a part of each row.
//!
//! ```text
//!    along the last axis, row by row        along another one, some columns at a time
//!
//!    | x x x x x x x x | -> Σ                 | x x | x x | x x |
//!    | x x x x x x x x | -> Σ                 | x x | x x | x x |
//!                                               Σ Σ   Σ Σ   Σ Σ
//! ```
//!
//! In both cases memory is read in order, and what is worked on stays in the first cache; the definition passes over
//! all of x for each of its operations. Rows of 10,000 numbers take 0.21 of PyTorch's time on one thread.

pub(crate) mod row;

use rayon::prelude::*;

use crate::{CHUNK, Real, pays_to_share, widest};

/// What is computed along the axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Function {
    /// e^x / Σ e^x
    Softmax,
    /// Its logarithm.
    LogSoftmax,
}

impl Function {
    /// The name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Softmax => "softmax",
            Self::LogSoftmax => "log_softmax",
        }
    }
}

/// The positions of a row that count.
pub enum Seen {
    /// All.
    All,
    /// The first ones; `[B]` or, `per_query`, `[B, Q]`.
    Lengths {
        /// How many.
        lens: Vec<u32>,
        /// Whether each query has its own length.
        per_query: bool,
    },
    /// Those that are not 0; of the input's shape.
    Mask(Vec<u8>),
}

/// A softmax along one axis.
pub struct Softmax {
    /// The axis.
    pub axis: usize,
    /// What is computed.
    pub function: Function,
    /// What counts; [`Seen::All`] unless it is a softmax along the last axis.
    pub seen: Seen,
}

impl Softmax {
    /// y for x of the shape `dims`.
    pub fn values<T: Real>(&self, x: &[T], dims: &[usize]) -> Vec<T> {
        let mut y = vec![T::ZERO; x.len()];
        let sizes = Sizes::new(dims, self.axis);
        let function = self.function;
        if sizes.inner > 1 {
            sizes.share(
                &mut y,
                #[inline(always)]
                |y, number| {
                    let x = &x[number * sizes.block()..][..sizes.block()];
                    columns(y, x, sizes.inner, function);
                },
            );
            return y;
        }
        let n = sizes.axis;
        let per_example = sizes.outer / dims.first().copied().unwrap_or(1).max(1);
        sizes.share(
            &mut y,
            #[inline(always)]
            |y, number| {
                let x = &x[number * n..][..n];
                match &self.seen {
                    Seen::All => whole(y, x, function),
                    Seen::Lengths { lens, per_query } => {
                        let example = number / per_example.max(1);
                        let len = if *per_query {
                            let queries = dims[dims.len() - 2];
                            lens[example * queries + number % queries]
                        } else {
                            lens[example]
                        };
                        let len = n.min(len as usize);
                        if len > 0 {
                            whole(&mut y[..len], &x[..len], Function::Softmax);
                        }
                    }
                    Seen::Mask(mask) => masked(y, x, &mask[number * n..][..n]),
                }
            },
        );
        y
    }

    /// ∂l/∂x. Positions that don't count have y = 0, so they get none.
    pub fn gradient<T: Real>(&self, y: &[T], dy: &[T], dims: &[usize]) -> Vec<T> {
        let mut dx = vec![T::ZERO; y.len()];
        let sizes = Sizes::new(dims, self.axis);
        let function = self.function;
        sizes.share(
            &mut dx,
            #[inline(always)]
            |dx, number| {
                let at = number * sizes.block()..(number + 1) * sizes.block();
                let (y, dy) = (&y[at.clone()], &dy[at]);
                if sizes.inner > 1 {
                    return columns_gradient(dx, y, dy, sizes.inner, function);
                }
                match function {
                    Function::Softmax => {
                        let sum = row::sum_of_both(y, dy, |y, dy| y * dy);
                        for ((dx, &y), &dy) in dx.iter_mut().zip(y).zip(dy) {
                            *dx = y * (dy - sum);
                        }
                    }
                    Function::LogSoftmax => {
                        let sum = row::sum_of(dy, |dy| dy);
                        for ((dx, &y), &dy) in dx.iter_mut().zip(y).zip(dy) {
                            *dx = dy - y.exp() * sum;
                        }
                    }
                }
            },
        );
        dx
    }
}

/// The softmax of a row.
#[inline(always)] // into `widest`, as all below
fn whole<T: Real>(y: &mut [T], x: &[T], function: Function) {
    let largest = row::largest(x);
    match function {
        Function::Softmax => {
            let sum = row::exponentials(y, x, largest);
            let factor = T::ONE / sum;
            for y in y {
                *y *= factor;
            }
        }
        Function::LogSoftmax => {
            let sum = row::sum_of(
                x,
                #[inline(always)]
                |x| (x - largest).exp(),
            );
            let log_sum = T::from_f64(sum.to_f64().ln());
            for (y, &x) in y.iter_mut().zip(x) {
                *y = (x - largest) - log_sum;
            }
        }
    }
}

/// The softmax of a row's positions that count.
#[inline(always)]
fn masked<T: Real>(y: &mut [T], x: &[T], mask: &[u8]) {
    let lowest = T::from_f64(f64::NEG_INFINITY);
    for ((y, &x), &counts) in y.iter_mut().zip(x).zip(mask) {
        *y = if counts != 0 { x } else { lowest };
    }
    row::softmax_in_place(y);
}

/// Columns that are worked on together: their largest entries and sums stay in the first cache.
const COLUMNS: usize = 256;

/// The softmaxes of the columns of a matrix `[n, inner]`.
#[inline(always)]
fn columns<T: Real>(y: &mut [T], x: &[T], inner: usize, function: Function) {
    let (mut largest, mut sums) = ([T::ZERO; COLUMNS], [T::ZERO; COLUMNS]);
    for start in (0..inner).step_by(COLUMNS) {
        let width = COLUMNS.min(inner - start);
        let (largest, sums) = (&mut largest[..width], &mut sums[..width]);
        largest.fill(T::from_f64(f64::NEG_INFINITY));
        sums.fill(T::ZERO);
        for x in x.chunks_exact(inner) {
            for (largest, &x) in largest.iter_mut().zip(&x[start..start + width]) {
                *largest = if x > *largest { x } else { *largest };
            }
        }
        for (y, x) in y.chunks_exact_mut(inner).zip(x.chunks_exact(inner)) {
            let (y, x) = (&mut y[start..start + width], &x[start..start + width]);
            for (((y, &x), &largest), sum) in y.iter_mut().zip(x).zip(&*largest).zip(&mut *sums) {
                *y = (x - largest).exp();
                *sum += *y;
            }
        }
        match function {
            Function::Softmax => sums.iter_mut().for_each(|sum| *sum = T::ONE / *sum),
            Function::LogSoftmax => sums
                .iter_mut()
                .for_each(|sum| *sum = T::from_f64(sum.to_f64().ln())),
        }
        for (y, x) in y.chunks_exact_mut(inner).zip(x.chunks_exact(inner)) {
            let (y, x) = (&mut y[start..start + width], &x[start..start + width]);
            match function {
                Function::Softmax => y.iter_mut().zip(&*sums).for_each(|(y, &s)| *y *= s),
                Function::LogSoftmax => {
                    for (((y, &x), &largest), &log_sum) in
                        y.iter_mut().zip(x).zip(&*largest).zip(&*sums)
                    {
                        *y = (x - largest) - log_sum;
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn columns_gradient<T: Real>(dx: &mut [T], y: &[T], dy: &[T], inner: usize, function: Function) {
    let mut sums = [T::ZERO; COLUMNS];
    for start in (0..inner).step_by(COLUMNS) {
        let width = COLUMNS.min(inner - start);
        let at = start..start + width;
        let sums = &mut sums[..width];
        sums.fill(T::ZERO);
        for (y, dy) in y.chunks_exact(inner).zip(dy.chunks_exact(inner)) {
            let both = y[at.clone()].iter().zip(&dy[at.clone()]);
            match function {
                Function::Softmax => both.zip(&mut *sums).for_each(|((&y, &dy), s)| *s += y * dy),
                Function::LogSoftmax => both.zip(&mut *sums).for_each(|((_, &dy), s)| *s += dy),
            }
        }
        let rows = dx.chunks_exact_mut(inner).zip(y.chunks_exact(inner));
        for ((dx, y), dy) in rows.zip(dy.chunks_exact(inner)) {
            let both = y[at.clone()].iter().zip(&dy[at.clone()]).zip(&*sums);
            let all = dx[at.clone()].iter_mut().zip(both);
            match function {
                Function::Softmax => all.for_each(|(dx, ((&y, &dy), &s))| *dx = y * (dy - s)),
                Function::LogSoftmax => {
                    for (dx, ((&y, &dy), &s)) in all {
                        *dx = dy - y.exp() * s;
                    }
                }
            }
        }
    }
}

/// A tensor as `[outer, axis, inner]`.
#[derive(Clone, Copy)]
struct Sizes {
    outer: usize,
    axis: usize,
    inner: usize,
}

impl Sizes {
    fn new(dims: &[usize], axis: usize) -> Self {
        Self {
            outer: dims[..axis].iter().product(),
            axis: dims[axis],
            inner: dims[axis + 1..].iter().product(),
        }
    }

    /// Elements that belong to one index of the outer dimensions.
    fn block(&self) -> usize {
        self.axis * self.inner
    }

    /// Calls `f` with every block of `y` and its number, shared out to the threads.
    fn share<T: Real>(&self, y: &mut [T], f: impl Fn(&mut [T], usize) + Sync) {
        let block = self.block();
        let one = |(number, y): (usize, &mut [T])| {
            widest(
                #[inline(always)]
                || f(y, number),
            );
        };
        if pays_to_share(y.len()) {
            y.par_chunks_mut(block)
                .enumerate()
                .with_min_len((CHUNK / block).max(1))
                .for_each(one);
        } else {
            y.chunks_mut(block).enumerate().for_each(one);
        }
    }
}
