//! Mean and variance.

use crate::{Real, sum_of};

/// Numbers that are added at a time, from the nearest cache: read for their mean, then for the deviations from it.
const PIECE: usize = 1024;

/// The count, the mean and the squared deviations from the mean of the numbers added so far. Chan et al. 1979: the
/// deviations of two parts add up, plus a term for the squared distance of their means.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moments {
    pub(super) n: f64,
    pub(super) mean: f64,
    deviations: f64,
}

impl Moments {
    /// Adds a slice, in one pass over memory.
    #[inline(always)]
    pub(super) fn add<T: Real>(&mut self, x: &[T]) {
        for piece in x.chunks(PIECE) {
            let n = piece.len() as f64;
            let mean = sum_of(piece, |x| x) / n;
            let center = T::from_f64(mean);
            let deviations = sum_of(piece, |x| (x - center) * (x - center));
            let distance = mean - self.mean;
            let share = n / (self.n + n);
            self.deviations += deviations + distance * distance * self.n * share;
            self.mean += distance * share;
            self.n += n;
        }
    }

    /// The mean squared deviation: divided by n, not by n - 1.
    pub(super) fn variance(&self) -> f64 {
        self.deviations / self.n
    }
}
