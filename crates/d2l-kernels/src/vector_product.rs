//! The product of a matrix and a vector. gemm has kernels for it too, but the order of their sums depends on the width of
//! the processor's vectors.

use std::array::from_fn;

use rayon::prelude::*;

use crate::sums::halved;
use crate::{Matrix, Real, widest};

/// Numbers that are added side by side: a vector of f32.
const LANES: usize = 8;
/// Vectors of sums: an addition need not wait for the one before it.
const VECTORS: usize = 4;
/// Entries of the result that one thread computes at a time: they and as many of a row fit into the nearest cache.
const BLOCK: usize = 1024;
/// The fewest entries of a matrix for which waking other threads pays.
const PARALLEL_FROM: usize = 1 << 17;

/// y = A v, or y = y + A v.
pub(super) fn vector_product<T: Real>(
    v: &[T],
    a: Matrix<T>,
    y: &mut [T],
    adds: bool,
    threads: usize,
) {
    let block = |(number, y): (usize, &mut [T])| {
        let first = number * BLOCK;
        widest(
            #[inline(always)]
            || match a.column_stride {
                1 => by_rows(v, a, y, first, adds),
                _ => by_columns(v, a, y, first, adds),
            },
        );
    };
    if threads > 1 && v.len() * y.len() >= PARALLEL_FROM {
        y.par_chunks_mut(BLOCK).enumerate().for_each(block);
    } else {
        y.chunks_mut(BLOCK).enumerate().for_each(block);
    }
}

/// Each row of A lies in one piece.
#[inline(always)]
fn by_rows<T: Real>(v: &[T], a: Matrix<T>, y: &mut [T], first: usize, adds: bool) {
    for (y, row) in y.iter_mut().zip(first..) {
        let sum = dot(&a.data[row * a.row_stride..][..v.len()], v);
        *y = if adds { *y + sum } else { sum };
    }
}

/// Σ x y in [`VECTORS`] times [`LANES`] sums side by side. As one array of all of them LLVM would cut it into pairs, which
/// takes four times as long.
#[inline(always)]
fn dot<T: Real>(x: &[T], y: &[T]) -> T {
    let mut sums = [[T::ZERO; LANES]; VECTORS];
    let add = |sum: &mut [T; LANES], x: &[T; LANES], y: &[T; LANES]| {
        *sum = from_fn(|lane| x[lane].mul_add(y[lane], sum[lane]));
    };
    let ((x, x_rest), (y, y_rest)) = (x.as_chunks::<LANES>(), y.as_chunks::<LANES>());
    let ((x, x_vectors), (y, y_vectors)) = (x.as_chunks::<VECTORS>(), y.as_chunks::<VECTORS>());
    for (x, y) in x.iter().zip(y) {
        for vector in 0..VECTORS {
            add(&mut sums[vector], &x[vector], &y[vector]);
        }
    }
    for ((sum, x), y) in sums.iter_mut().zip(x_vectors).zip(y_vectors) {
        add(sum, x, y);
    }
    for ((sum, &x), &y) in sums[0].iter_mut().zip(x_rest).zip(y_rest) {
        *sum = x.mul_add(y, *sum);
    }
    let [a, b, c, d] = sums;
    halved(from_fn::<T, LANES, _>(|lane| {
        (a[lane] + b[lane]) + (c[lane] + d[lane])
    }))
}

/// Each column of A lies in one piece: the columns, times their entries of v, one after the other.
#[inline(always)]
fn by_columns<T: Real>(v: &[T], a: Matrix<T>, y: &mut [T], first: usize, adds: bool) {
    if !adds {
        y.fill(T::ZERO);
    }
    for (column, &v) in v.iter().enumerate() {
        let column = &a.data[column * a.column_stride + first..];
        let pairs = y.iter_mut().zip(column);
        pairs.for_each(|(y, &a)| *y = a.mul_add(v, *y));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{add_product, multiply, multiply_shared};

    fn numbers(count: usize, salt: usize) -> Vec<f32> {
        (0..count)
            .map(|i| ((i * 7 + salt) % 23) as f32 / 7.0 - 1.5)
            .collect()
    }

    /// (m, k, n): with one row, with one column, with few of both.
    const SHAPES: [[usize; 3]; 9] = [
        [3, 8, 4],
        [10, 77, 12],
        [1, 1, 1],
        [1, 5, 3],
        [3, 40, 1],
        [1, 33, 70],
        [1500, 3, 1],
        [1, 700, 1300],
        [2100, 70, 1],
    ];

    #[test]
    fn vectors_are_multiplied_in_every_layout() {
        for [m, k, n] in SHAPES {
            let (a, b) = (numbers(m * k, 1), numbers(k * n, 2));
            let terms = |at: usize| {
                let (a, b) = (&a, &b);
                (0..k).map(move |l| f64::from(a[at / n * k + l]) * f64::from(b[l * n + at % n]))
            };
            // The sum, and the largest error of a sum of so many terms in f32.
            let entry = |at: usize| -> (f64, f64) {
                let size: f64 = terms(at).map(f64::abs).sum();
                (
                    terms(at).sum(),
                    (k + 1) as f64 * f64::from(f32::EPSILON) * size,
                )
            };
            let wanted: Vec<(f64, f64)> = (0..m * n).map(entry).collect();
            let transposed = |x: &[f32], rows: usize, columns: usize| -> Vec<f32> {
                (0..x.len())
                    .map(|at| x[at % rows * columns + at / rows])
                    .collect()
            };
            let (a_t, b_t) = (transposed(&a, m, k), transposed(&b, k, n));
            for a in [Matrix::new(&a, m, k), Matrix::new(&a_t, k, m).t()] {
                for b in [Matrix::new(&b, k, n), Matrix::new(&b_t, n, k).t()] {
                    let mut y = vec![f32::NAN; m * n];
                    multiply(a, b, &mut y, n);
                    let once = y.clone();
                    add_product(a, b, &mut y, n);
                    for ((&y, &once), &(wanted, error)) in y.iter().zip(&once).zip(&wanted) {
                        let near =
                            |y: f32, wanted: f64| (f64::from(y) - wanted).abs() <= 2.0 * error;
                        assert!(
                            near(once, wanted) && near(y, 2.0 * wanted),
                            "[{m}, {k}, {n}]"
                        );
                    }
                    multiply_shared(a, b, &mut y, n);
                    assert_eq!(y, once, "[{m}, {k}, {n}] on all threads");
                }
            }
        }
    }
}
