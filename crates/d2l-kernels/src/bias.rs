//! The bias of a linear layer: y_i ← y_i + b,   ∂l/∂b = Σ_i ∂l/∂y_i over the rows i

use rayon::prelude::*;

use crate::{CHUNK, Real, pays_to_share};

/// Adds the bias to every row, in place.
pub fn add_bias<T: Real>(y: &mut [T], bias: &[T]) {
    let add = |row: &mut [T]| row.iter_mut().zip(bias).for_each(|(y, &b)| *y += b);
    let out_dim = bias.len().max(1);
    if pays_to_share(y.len()) {
        y.par_chunks_mut(out_dim)
            .with_min_len((CHUNK / out_dim).max(1))
            .for_each(add);
    } else {
        y.chunks_mut(out_dim).for_each(add);
    }
}

/// ∂l/∂b: the sums of the columns of ∂l/∂y, each added from the first row to the last, in f64.
pub fn column_sums<T: Real>(dy: &[T], out_dim: usize) -> Vec<T> {
    const COLUMNS: usize = 512;
    let mut sums = vec![0f64; out_dim];
    let add = |(part, sums): (usize, &mut [f64])| {
        for row in dy.chunks_exact(out_dim.max(1)) {
            let row = row.iter().skip(part * COLUMNS);
            sums.iter_mut()
                .zip(row)
                .for_each(|(sum, dy)| *sum += dy.to_f64());
        }
    };
    if pays_to_share(dy.len()) {
        sums.par_chunks_mut(COLUMNS).enumerate().for_each(add);
    } else {
        sums.chunks_mut(COLUMNS).enumerate().for_each(add);
    }
    sums.into_iter().map(T::from_f64).collect()
}
