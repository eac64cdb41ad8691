//! Attention of one head, a block of queries at a time.

use super::Sizes;
use crate::softmax::row;
use crate::{Matrix, Real, add_product, multiply, widest};

/// Queries of a block: with 128 keys their weights fill the first cache.
const BLOCK: usize = 64;

/// One head: its queries, keys and values, and what they may see.
pub(super) struct Head<'a, T> {
    pub sizes: Sizes,
    pub q: &'a [T],
    pub k: &'a [T],
    pub v: &'a [T],
    pub mask: Option<&'a [T]>,
    /// For each weight `[Q, K]` whether it stays (1) or is dropped (0), and the factor of those that stay.
    pub dropped: Option<(&'a [u8], T)>,
    /// For each query, the number of keys that it can see at most.
    pub seen: Vec<usize>,
}

impl<T: Real> Head<'_, T> {
    fn scale(&self) -> T {
        T::from_f64(1.0 / (self.sizes.d as f64).sqrt())
    }

    /// The scores of a block of queries, `[rows, width]`; no query of the block sees more than `width` keys.
    fn scores(&self, start: usize, rows: usize, width: usize, scores: &mut [T]) {
        let Sizes { keys, d, .. } = self.sizes;
        let q = Matrix::new(&self.q[start * d..], rows, d);
        multiply(q, Matrix::new(self.k, width, d).t(), scores, width);
        let scale = self.scale();
        widest(
            #[inline(always)]
            || {
                for (i, row) in scores.chunks_exact_mut(width).take(rows).enumerate() {
                    match self.mask {
                        Some(mask) => {
                            let mask = &mask[(start + i) * keys..][..width];
                            for (x, &m) in row.iter_mut().zip(mask) {
                                *x = *x * scale + m;
                            }
                        }
                        None => {
                            for x in row {
                                *x *= scale;
                            }
                        }
                    }
                }
            },
        );
    }

    /// Drops weights of a block of queries, `[rows, width]`, or their gradients; without dropout all stay.
    fn drop(&self, start: usize, width: usize, weights: &mut [T]) {
        let Some((kept, scale)) = self.dropped else {
            return;
        };
        let rows = weights.chunks_exact_mut(width);
        let kept = kept[start * self.sizes.keys..].chunks(self.sizes.keys);
        widest(
            #[inline(always)]
            || {
                for (row, kept) in rows.zip(kept) {
                    for (x, &kept) in row.iter_mut().zip(kept) {
                        *x = T::choose(kept == 1, *x * scale, T::ZERO);
                    }
                }
            },
        );
    }

    fn blocks(&self) -> impl Iterator<Item = (usize, usize, usize)> {
        (0..self.sizes.queries).step_by(BLOCK).filter_map(|start| {
            let rows = BLOCK.min(self.sizes.queries - start);
            let width = self.seen[start..start + rows]
                .iter()
                .copied()
                .max()
                .unwrap_or(0);
            (width > 0).then_some((start, rows, width))
        })
    }

    pub fn forward(&self, output: &mut [T], log_sums: &mut [T]) {
        let Sizes { queries, keys, values, .. } = self.sizes;
        let mut scores = vec![T::ZERO; BLOCK.min(queries) * keys];
        // A query that sees nothing: exp(score - ∞) = 0 in the backward pass.
        log_sums.fill(T::from_f64(f64::INFINITY));
        for (start, rows, width) in self.blocks() {
            self.scores(start, rows, width, &mut scores);
            let rows_of_scores = scores.chunks_exact_mut(width).take(rows);
            let all = rows_of_scores
                .zip(&self.seen[start..])
                .zip(&mut log_sums[start..]);
            widest(
                #[inline(always)]
                || {
                    for ((row, &seen), log_sum) in all {
                        softmax(row, seen, log_sum);
                    }
                },
            );
            self.drop(start, width, &mut scores[..rows * width]);
            let weights = Matrix::new(&scores, rows, width);
            multiply(
                weights,
                Matrix::new(self.v, width, values),
                &mut output[start * values..],
                values,
            );
        }
    }

    pub fn backward(
        &self,
        log_sums: &[T],
        output: &[T],
        d_output: &[T],
        [dq, dk, dv]: [&mut [T]; 3],
    ) {
        let Sizes { queries, keys, d, values, .. } = self.sizes;
        let mut weights = vec![T::ZERO; BLOCK.min(queries) * keys];
        let mut d_weights = weights.clone();
        let scale = self.scale();
        for (start, rows, width) in self.blocks() {
            self.scores(start, rows, width, &mut weights);
            let all = weights
                .chunks_exact_mut(width)
                .take(rows)
                .zip(&self.seen[start..]);
            widest(
                #[inline(always)]
                || {
                    for ((row, &seen), &log_sum) in all.zip(&log_sums[start..]) {
                        let (seen, unseen) = row.split_at_mut(seen);
                        for x in seen {
                            *x = (*x - log_sum).exp();
                        }
                        unseen.fill(T::ZERO);
                    }
                },
            );
            let d_block = Matrix::new(&d_output[start * values..], rows, values);
            let used = match self.dropped {
                None => &weights,
                Some(_) => {
                    d_weights[..rows * width].copy_from_slice(&weights[..rows * width]);
                    self.drop(start, width, &mut d_weights[..rows * width]);
                    &d_weights
                }
            };
            add_product(Matrix::new(used, rows, width).t(), d_block, dv, values);
            multiply(
                d_block,
                Matrix::new(self.v, width, values).t(),
                &mut d_weights,
                width,
            );
            self.drop(start, width, &mut d_weights[..rows * width]);
            let all = weights
                .chunks_exact_mut(width)
                .take(rows)
                .zip(d_weights.chunks_exact(width));
            widest(
                #[inline(always)]
                || {
                    for (i, (row, d_row)) in all.enumerate() {
                        let at = (start + i) * values..(start + i + 1) * values;
                        let both = output[at.clone()].iter().zip(&d_output[at]);
                        let inner = both.fold(T::ZERO, |sum, (&o, &d)| sum + o * d);
                        for (p, &dp) in row.iter_mut().zip(d_row) {
                            *p = *p * (dp - inner) * scale;
                        }
                    }
                },
            );
            let d_scores = Matrix::new(&weights, rows, width);
            multiply(
                d_scores,
                Matrix::new(self.k, width, d),
                &mut dq[start * d..],
                d,
            );
            add_product(
                d_scores.t(),
                Matrix::new(&self.q[start * d..], rows, d),
                dk,
                d,
            );
        }
    }
}

/// The softmax of the first `seen` scores in place, zeros behind them, and the logarithm of the sum.
#[inline(always)] // into `widest`
fn softmax<T: Real>(row: &mut [T], seen: usize, log_sum: &mut T) {
    let (row, unseen) = row.split_at_mut(seen);
    unseen.fill(T::ZERO);
    if let Some((largest, sum)) = row::softmax_in_place(row) {
        *log_sum = largest + T::from_f64(sum.to_f64().ln());
    }
}

/// The piece of `all` that belongs to a head.
pub(super) fn part<T>(all: &[T], number: usize, length: usize) -> &[T] {
    &all[number * length..][..length]
}
