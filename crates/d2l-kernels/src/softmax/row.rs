//! The steps of the softmax of one row, for all functions that contain one: largest entry, exponentials, their sum.
//!
//! Sums are added in sixteen lanes, for vectors, and then lane by lane. The functions are fast only inlined into
//! [`crate::wide`].

use crate::Real;

const LANES: usize = 16;

/// The largest entry; -∞ for none. NaN is passed over.
#[inline(always)] // into `widest`
pub fn largest<T: Real>(row: &[T]) -> T {
    let lowest = T::from_f64(f64::NEG_INFINITY);
    let larger = |a: T, b: T| if b > a { b } else { a };
    let mut lanes = [lowest; LANES];
    let pieces = row.chunks_exact(LANES);
    let rest = pieces.remainder();
    for piece in pieces {
        for (lane, &x) in lanes.iter_mut().zip(piece) {
            *lane = larger(*lane, x);
        }
    }
    for (lane, &x) in lanes.iter_mut().zip(rest) {
        *lane = larger(*lane, x);
    }
    lanes.into_iter().fold(lowest, larger)
}

/// Σ f(x)
#[inline(always)]
pub fn sum_of<T: Real>(row: &[T], f: impl Fn(T) -> T) -> T {
    let mut lanes = [T::ZERO; LANES];
    let pieces = row.chunks_exact(LANES);
    let rest = pieces.remainder();
    for piece in pieces {
        for (lane, &x) in lanes.iter_mut().zip(piece) {
            *lane += f(x);
        }
    }
    for (lane, &x) in lanes.iter_mut().zip(rest) {
        *lane += f(x);
    }
    lanes.into_iter().fold(T::ZERO, |sum, lane| sum + lane)
}

/// Σ f(x, y)
#[inline(always)]
pub fn sum_of_both<T: Real>(x: &[T], y: &[T], f: impl Fn(T, T) -> T) -> T {
    let mut lanes = [T::ZERO; LANES];
    let (xs, ys) = (x.chunks_exact(LANES), y.chunks_exact(LANES));
    let rests = (xs.remainder(), ys.remainder());
    for (x, y) in xs.zip(ys) {
        for ((lane, &x), &y) in lanes.iter_mut().zip(x).zip(y) {
            *lane += f(x, y);
        }
    }
    for ((lane, &x), &y) in lanes.iter_mut().zip(rests.0).zip(rests.1) {
        *lane += f(x, y);
    }
    lanes.into_iter().fold(T::ZERO, |sum, lane| sum + lane)
}

/// The softmax of a row in place. Returns its largest entry, and the sum of the exponentials of all entries minus the
/// largest. If all entries are -∞: zeros in the row, and nothing.
#[inline(always)]
pub fn softmax_in_place<T: Real>(row: &mut [T]) -> Option<(T, T)> {
    let largest = largest(row);
    if largest == T::from_f64(f64::NEG_INFINITY) {
        row.fill(T::ZERO);
        return None;
    }
    for x in &mut *row {
        *x = (*x - largest).exp();
    }
    let sum = sum_of(row, |x| x);
    let factor = T::ONE / sum;
    for x in row {
        *x *= factor;
    }
    Some((largest, sum))
}

/// y = exp(x - `largest`). Returns its sum: the same bits as [`sum_of`] gives.
#[inline(always)]
pub fn exponentials<T: Real>(y: &mut [T], x: &[T], largest: T) -> T {
    let mut lanes = [T::ZERO; LANES];
    let (mut ys, xs) = (y.chunks_exact_mut(LANES), x.chunks_exact(LANES));
    let rest = xs.remainder();
    for (y, x) in (&mut ys).zip(xs) {
        for ((lane, y), &x) in lanes.iter_mut().zip(y).zip(x) {
            *y = (x - largest).exp();
            *lane += *y;
        }
    }
    for ((lane, y), &x) in lanes.iter_mut().zip(ys.into_remainder()).zip(rest) {
        *y = (x - largest).exp();
        *lane += *y;
    }
    lanes.into_iter().fold(T::ZERO, |sum, lane| sum + lane)
}
