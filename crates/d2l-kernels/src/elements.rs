//! Functions applied element by element, and their sums.

use rayon::prelude::*;

use crate::sums::{fill_and_sum, sum_of};
use crate::{CHUNK, Real, pays_to_share, widest};

/// The sum of the squares, as f64.
pub fn sum_of_squares<T: Real>(x: &[T]) -> f64 {
    let square = |x: T| x.to_f64() * x.to_f64(); // in f32 it would be infinite from 1.8e19 on
    let one = |x: &[T]| chunk_sum(x, square);
    if !pays_to_share(x.len()) {
        return x.chunks(CHUNK).map(one).sum();
    }
    let sums: Vec<f64> = x.par_chunks(CHUNK).map(one).collect();
    sums.iter().sum()
}

/// The sum, as f64.
pub fn sum<T: Real>(x: &[T]) -> f64 {
    chunk_sum(x, |x| x)
}

/// Σ f(x), compiled for the widest vectors.
fn chunk_sum<T: Real, S: Real>(x: &[T], f: impl Fn(T) -> S) -> f64 {
    widest(
        #[inline(always)]
        || sum_of(x, f),
    )
}

/// `n` elements, which `fill` writes piece by piece, given where the piece begins. A piece is in the nearest cache when
/// it is copied to its place, so that new memory is written once, without zeros first.
fn pieced<T: Real>(n: usize, fill: impl Fn(usize, &mut [T])) -> Vec<T> {
    const PIECE: usize = 1024;
    let mut piece = [T::ZERO; PIECE];
    let mut all = Vec::with_capacity(n);
    widest(
        #[inline(always)]
        || {
            for start in (0..n).step_by(PIECE) {
                let piece = &mut piece[..PIECE.min(n - start)];
                fill(start, piece);
                all.extend_from_slice(piece);
            }
        },
    );
    all
}

/// y = f(x) element by element, into new memory.
pub fn map<T: Real>(x: &[T], f: impl Fn(T) -> T + Sync) -> Vec<T> {
    map2(
        x,
        x,
        #[inline(always)]
        |x, _| f(x),
    )
}

/// z = f(x, y) element by element, into new memory.
pub fn map2<T: Real, U: Sync + Copy>(x: &[T], y: &[U], f: impl Fn(T, U) -> T + Sync) -> Vec<T> {
    if !pays_to_share(x.len()) {
        return pieced(
            x.len(),
            #[inline(always)]
            |start, z| fill(z, &x[start..], &y[start..], &f),
        );
    }
    let mut z = vec![T::ZERO; x.len()];
    let pieces = (
        z.par_chunks_mut(CHUNK),
        x.par_chunks(CHUNK),
        y.par_chunks(CHUNK),
    );
    pieces.into_par_iter().for_each(|(z, x, y)| {
        widest(
            #[inline(always)]
            || fill(z, x, y, &f),
        );
    });
    z
}

/// z = f(x, y). A loop instead of `for_each`, and `f` itself instead of an `impl Fn` that is a reference: if `f` is
/// long, both would become calls, and calls are not compiled for wide vectors.
#[inline(always)]
fn fill<T: Copy, U: Copy>(z: &mut [T], x: &[T], y: &[U], f: &impl Fn(T, U) -> T) {
    for ((z, &x), &y) in z.iter_mut().zip(x).zip(y) {
        *z = f(x, y);
    }
}

/// The sum over the elements of the first part of f(x, y), as f64, and the second parts into new memory, none where
/// they are `()`.
pub fn map2_and_sum<T: Real, Z: Clone + Default + Send>(
    x: &[T],
    y: &[T],
    f: impl Fn(T, T) -> (T, Z) + Sync,
) -> (f64, Vec<Z>) {
    let mut z = vec![Z::default(); x.len()];
    let one = |(z, x, y): (&mut [Z], &[T], &[T])| -> f64 {
        widest(
            #[inline(always)]
            || fill_and_sum(z, x, y, &f),
        )
    };
    let sums: Vec<f64> = if pays_to_share(x.len()) {
        (
            z.par_chunks_mut(CHUNK),
            x.par_chunks(CHUNK),
            y.par_chunks(CHUNK),
        )
            .into_par_iter()
            .map(one)
            .collect()
    } else {
        let pieces = z
            .chunks_mut(CHUNK)
            .zip(x.chunks(CHUNK))
            .zip(y.chunks(CHUNK));
        pieces.map(|((z, x), y)| one((z, x, y))).collect()
    };
    (sums.iter().sum(), z)
}
