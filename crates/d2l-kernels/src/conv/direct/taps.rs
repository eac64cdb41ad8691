//! Sums of shifted planes: a convolution whose positions lie side by side.

use crate::{Real, wide};

/// Positions that are computed side by side.
pub(super) const WINDOWS: usize = 16;

/// Filters whose sums are kept in registers at a time.
fn block_of(filters: usize) -> usize {
    if filters.is_multiple_of(6) || !filters.is_multiple_of(4) {
        6
    } else {
        4
    }
}

/// A sum of shifted planes: for each output o and each column, Σ over taps of weight · padded[shift + column].
pub(super) struct Taps<T> {
    outputs: usize,
    pub(super) shifts: Vec<usize>,
    /// `[blocks of outputs, taps, outputs of a block]`
    weights: Vec<T>,
}

impl<T: Real> Taps<T> {
    /// `taps`: the shift of each, and its weight for an output.
    pub(super) fn new(
        outputs: usize,
        shifts: Vec<usize>,
        weight: impl Fn(usize, usize) -> T,
    ) -> Self {
        let block = block_of(outputs);
        let mut weights = Vec::with_capacity(outputs.next_multiple_of(block) * shifts.len());
        for first in (0..outputs).step_by(block) {
            for tap in 0..shifts.len() {
                for output in first..first + block {
                    let is_real = output < outputs;
                    weights.push(if is_real {
                        weight(output, tap)
                    } else {
                        T::ZERO
                    });
                }
            }
        }
        Self { outputs, shifts, weights }
    }

    /// The sums of all outputs in `columns` columns, `[outputs, stride]`, where `stride` is a multiple of [`WINDOWS`].
    pub(super) fn apply(&self, padded: &[T], columns: usize, sums: &mut [T], stride: usize) {
        wide(
            #[inline(always)]
            || match block_of(self.outputs) {
                6 => self.apply_blocks::<6>(padded, columns, sums, stride),
                _ => self.apply_blocks::<4>(padded, columns, sums, stride),
            },
        );
    }

    #[inline(always)]
    fn apply_blocks<const BLOCK: usize>(
        &self,
        padded: &[T],
        columns: usize,
        sums: &mut [T],
        stride: usize,
    ) {
        let weights = self
            .weights
            .chunks_exact((self.shifts.len() * BLOCK).max(1));
        for (weights, sums) in weights.zip(sums.chunks_mut(BLOCK * stride)) {
            for column in (0..columns).step_by(WINDOWS) {
                let block = self.block::<BLOCK>(&padded[column..], weights);
                for (sums, block) in sums.chunks_exact_mut(stride).zip(&block) {
                    sums[column..column + WINDOWS].copy_from_slice(block);
                }
            }
        }
    }

    #[inline(always)]
    fn block<const BLOCK: usize>(&self, padded: &[T], weights: &[T]) -> [[T; WINDOWS]; BLOCK] {
        let mut sums = [[T::ZERO; WINDOWS]; BLOCK];
        for (&shift, weights) in self.shifts.iter().zip(weights.chunks_exact(BLOCK)) {
            let x = &padded[shift..shift + WINDOWS];
            for output in 0..BLOCK {
                for window in 0..WINDOWS {
                    sums[output][window] = x[window].mul_add(weights[output], sums[output][window]);
                }
            }
        }
        sums
    }
}
