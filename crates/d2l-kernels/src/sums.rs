//! Sums over slices, in many lanes side by side: a single sum would wait for each addition to end. Pieces are added in
//! the slice's own type, or that of `f`, and the pieces in f64, always in the same order.

use std::array::from_fn;

use crate::Real;

/// Sums side by side.
const LANES: usize = 16;
/// Numbers of a piece: each lane adds up sixteen.
const PIECE: usize = 16 * LANES;

/// Σ f(x)
#[inline(always)] // into `wide` or `widest`
pub fn sum_of<T: Real, S: Real>(x: &[T], f: impl Fn(T) -> S) -> f64 {
    let mut total = 0.0;
    for piece in x.chunks(PIECE) {
        let mut sums = [S::ZERO; LANES];
        let (vectors, rest) = piece.as_chunks::<LANES>();
        for vector in vectors {
            let lanes = sums.iter_mut().zip(vector);
            lanes.for_each(|(sum, &x)| *sum += f(x));
        }
        let lanes = sums.iter_mut().zip(rest);
        lanes.for_each(|(sum, &x)| *sum += f(x));
        total += halved(sums).to_f64();
    }
    total
}

/// Σ f(x, y), of both parts of f.
#[inline(always)] // into `wide` or `widest`
pub fn sum_pairs<T: Real>(x: &[T], y: &[T], f: impl Fn(T, T) -> (T, T)) -> (f64, f64) {
    let mut total = (0.0, 0.0);
    for (x, y) in x.chunks(PIECE).zip(y.chunks(PIECE)) {
        let (mut first, mut second) = ([T::ZERO; LANES], [T::ZERO; LANES]);
        let ((x, x_rest), (y, y_rest)) = (x.as_chunks::<LANES>(), y.as_chunks::<LANES>());
        for (x, y) in x.iter().zip(y) {
            let terms: [(T, T); LANES] = from_fn(|lane| f(x[lane], y[lane]));
            first = from_fn(|lane| first[lane] + terms[lane].0);
            second = from_fn(|lane| second[lane] + terms[lane].1);
        }
        let lanes = first.iter_mut().zip(&mut second);
        for (((first, second), &x), &y) in lanes.zip(x_rest).zip(y_rest) {
            let terms = f(x, y);
            *first += terms.0;
            *second += terms.1;
        }
        total.0 += halved(first).to_f64();
        total.1 += halved(second).to_f64();
    }
    total
}

/// z = the second part of f(x, y), and the sum of the first.
#[inline(always)] // into `wide` or `widest`
pub(super) fn fill_and_sum<T: Real, Z>(
    z: &mut [Z],
    x: &[T],
    y: &[T],
    f: &impl Fn(T, T) -> (T, Z),
) -> f64 {
    let mut total = 0.0;
    for ((z, x), y) in z
        .chunks_mut(PIECE)
        .zip(x.chunks(PIECE))
        .zip(y.chunks(PIECE))
    {
        let mut sums = [T::ZERO; LANES];
        let (z, z_rest) = z.as_chunks_mut::<LANES>();
        let ((x, x_rest), (y, y_rest)) = (x.as_chunks::<LANES>(), y.as_chunks::<LANES>());
        for ((z, x), y) in z.iter_mut().zip(x).zip(y) {
            let both: [(T, Z); LANES] = from_fn(|lane| f(x[lane], y[lane]));
            sums = from_fn(|lane| sums[lane] + both[lane].0);
            *z = both.map(|(_, element)| element);
        }
        let lanes = sums.iter_mut().zip(z_rest);
        for (((sum, z), &x), &y) in lanes.zip(x_rest).zip(y_rest) {
            let (term, element) = f(x, y);
            *sum += term;
            *z = element;
        }
        total += halved(sums).to_f64();
    }
    total
}

/// The sum of the lanes, by halves: far fewer additions that wait for one another.
#[inline(always)]
pub(super) fn halved<T: Real, const LANES: usize>(mut sums: [T; LANES]) -> T {
    let mut width = LANES;
    while width > 1 {
        width /= 2;
        let (low, high) = sums.split_at_mut(width);
        low.iter_mut()
            .zip(high)
            .for_each(|(low, high)| *low += *high);
    }
    sums[0]
}
