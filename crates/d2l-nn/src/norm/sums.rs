//! Sums over slices, many side by side: one alone would wait for each addition to end. Pieces that fit into the
//! nearest cache are added in the slice's own type, and the pieces in f64, always in the same order.

use crate::kernel::Real;

const LANES: usize = 16;
const PIECE: usize = 1024;

/// Σ f(x)
#[inline(always)] // into `wide`
pub(super) fn sum<T: Real>(x: &[T], f: impl Fn(T) -> T) -> f64 {
    let mut total = 0.0;
    for piece in x.chunks(PIECE) {
        let mut sums = [T::ZERO; LANES];
        let vectors = piece.chunks_exact(LANES);
        let rest = vectors.remainder();
        for vector in vectors {
            for (sum, &x) in sums.iter_mut().zip(vector) {
                *sum += f(x);
            }
        }
        for (sum, &x) in sums.iter_mut().zip(rest) {
            *sum += f(x);
        }
        total += halved(sums).to_f64();
    }
    total
}

/// The sum of the lanes, by halves: far fewer additions that wait for one another.
#[inline(always)]
fn halved<T: Real>(mut sums: [T; LANES]) -> T {
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

/// Σ f(x, y), of both parts of f.
#[inline(always)]
pub(super) fn sum_pairs<T: Real>(x: &[T], y: &[T], f: impl Fn(T, T) -> (T, T)) -> (f64, f64) {
    let mut total = (0.0, 0.0);
    for (x, y) in x.chunks(PIECE).zip(y.chunks(PIECE)) {
        let mut sums = ([T::ZERO; LANES], [T::ZERO; LANES]);
        let vectors = (x.chunks_exact(LANES), y.chunks_exact(LANES));
        let rest = (vectors.0.remainder(), vectors.1.remainder());
        for (x, y) in vectors.0.zip(vectors.1) {
            let both = sums.0.iter_mut().zip(&mut sums.1);
            for (((first, second), &x), &y) in both.zip(x).zip(y) {
                let terms = f(x, y);
                *first += terms.0;
                *second += terms.1;
            }
        }
        let both = sums.0.iter_mut().zip(&mut sums.1);
        for (((first, second), &x), &y) in both.zip(rest.0).zip(rest.1) {
            let terms = f(x, y);
            *first += terms.0;
            *second += terms.1;
        }
        total.0 += halved(sums.0).to_f64();
        total.1 += halved(sums.1).to_f64();
    }
    total
}

/// Number, mean and squared deviations from the mean of what has been added. Chan et al. 1979: the deviations of two
/// parts add up, and the squared distance of their means on top.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moments {
    pub(super) n: f64,
    pub(super) mean: f64,
    deviations: f64,
}

impl Moments {
    /// Takes in a slice, in one pass over memory.
    #[inline(always)]
    pub(super) fn add<T: Real>(&mut self, x: &[T]) {
        for piece in x.chunks(PIECE) {
            let n = piece.len() as f64;
            let mean = sum(piece, |x| x) / n;
            let center = T::from_f64(mean);
            let deviations = sum(piece, |x| (x - center) * (x - center));
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
