//! Random draws as pure functions: the same place in a run always gives the same numbers.
//!
//! candle cannot seed its CPU generator (huggingface/candle#2651), and a generator that is carried along makes the
//! numbers depend on everything drawn before. Here each draw names its place: the run's seed, the purpose of the
//! numbers, the layer or data set, the epoch and the step. So parameters do not depend on the order in which layers are
//! built, a resumed run needs no generator state, and two runs with one seed are equal bit for bit.
//!
//! A [`Stream`] is a place, a [`Purpose`] what the numbers are for. The generator is ChaCha8 (Bernstein 2008, "ChaCha, a
//! variant of Salsa20"), whose key is the SHA-256 of the place.
//!
//! ```
//! use d2l_random::{Purpose, Stream};
//!
//! let here = Stream { seed: 0, purpose: Purpose::Shuffle, name: "train", epoch: 3, step: 0 };
//! assert_eq!(here.permutation(5), here.permutation(5));
//! assert_ne!(here.permutation(50), Stream { epoch: 4, ..here }.permutation(50));
//! ```

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_distr::{Distribution, Normal, Uniform};
use sha2::{Digest, Sha256};

pub use rand::Rng;
pub use rand_chacha::ChaCha8Rng;

/// What the numbers are for. Two uses at one place never share them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Initial values of parameters.
    Init,
    /// The order of the training examples in an epoch.
    Shuffle,
    /// The elements that dropout sets to zero in a step.
    Dropout,
    /// Built-in data sets.
    Data,
    /// The seed of one fold of a cross-validation.
    Fold,
    /// The random changes of one training picture in an epoch.
    Augment,
    /// The time steps at which a gradient ends on its way back through time.
    Truncation,
    /// What a trained model draws from its own output, such as the next character of a text.
    Sample,
}

impl Purpose {
    /// The word that stands for the purpose in the stream's key. Part of the format: changing one changes every run.
    fn word(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::Shuffle => "shuffle",
            Self::Dropout => "dropout",
            Self::Data => "data",
            Self::Fold => "fold",
            Self::Augment => "augment",
            Self::Truncation => "truncation",
            Self::Sample => "sample",
        }
    }
}

/// The place of a draw in a run. Every method is a pure function of these five fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream<'a> {
    /// The run's seed.
    pub seed: u64,
    /// What the numbers are for.
    pub purpose: Purpose,
    /// The parameter, layer or data set that they belong to.
    pub name: &'a str,
    /// The epoch, if the numbers change from epoch to epoch; otherwise 0.
    pub epoch: usize,
    /// The step, if they change from step to step; otherwise 0.
    pub step: usize,
}

impl<'a> Stream<'a> {
    /// A stream that is drawn once in a run: initial values, data sets.
    pub fn once(seed: u64, purpose: Purpose, name: &'a str) -> Self {
        Self { seed, purpose, name, epoch: 0, step: 0 }
    }

    /// A generator at the start of this stream. ChaCha8 can seek (`set_word_pos`), so that several threads can each
    /// draw their own part of one stream.
    pub fn rng(&self) -> ChaCha8Rng {
        let mut key = Sha256::new();
        key.update(self.seed.to_le_bytes());
        key.update((self.epoch as u64).to_le_bytes());
        key.update((self.step as u64).to_le_bytes());
        key.update(self.purpose.word());
        key.update([0]); // a separator, so that no purpose and name run into each other
        key.update(self.name);
        ChaCha8Rng::from_seed(key.finalize().into())
    }

    /// `n` draws from N(`mean`, `std`²). Panics if `std` is negative or not finite.
    pub fn normals(&self, mean: f64, std: f64, n: usize) -> Vec<f32> {
        assert!(
            std.is_finite() && std >= 0.0,
            "standard deviation {std}: wanted a number not below zero"
        );
        match Normal::new(mean, std) {
            Ok(normal) => self.draws(normal, n),
            Err(_) => vec![mean as f32; n],
        }
    }

    /// `n` draws from U(`low`, `high`). Equal limits give that number `n` times. Panics if `low > high` or a limit
    /// is not finite.
    pub fn uniforms(&self, low: f64, high: f64, n: usize) -> Vec<f32> {
        assert!(
            low <= high && (high - low).is_finite(),
            "uniform draws from {low} to {high}: wanted low <= high"
        );
        match Uniform::new(low, high) {
            Ok(uniform) => self.draws(uniform, n),
            Err(_) => vec![low as f32; n],
        }
    }

    /// The numbers 0 to `n` - 1 in random order.
    pub fn permutation(&self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        order.shuffle(&mut self.rng());
        order
    }

    fn draws(&self, distribution: impl Distribution<f64>, n: usize) -> Vec<f32> {
        self.rng()
            .sample_iter(distribution)
            .take(n)
            .map(|x| x as f32)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Stream<'static> = Stream {
        seed: 7,
        purpose: Purpose::Init,
        name: "linear.weight",
        epoch: 0,
        step: 0,
    };

    #[test]
    fn every_field_changes_the_numbers() {
        let base = HERE.uniforms(0.0, 1.0, 4);
        assert_eq!(base, HERE.uniforms(0.0, 1.0, 4));
        for other in [
            Stream { seed: 8, ..HERE },
            Stream { purpose: Purpose::Dropout, ..HERE },
            Stream { name: "linear.bias", ..HERE },
            Stream { epoch: 1, ..HERE },
            Stream { step: 1, ..HERE },
        ] {
            assert_ne!(base, other.uniforms(0.0, 1.0, 4), "{other:?}");
        }
    }

    #[test]
    fn the_format_is_fixed() {
        // Written down from the first version: a change here silently changes every reader's run.
        assert_eq!(HERE.permutation(8), [0, 2, 3, 4, 7, 6, 1, 5]);
        assert_eq!(HERE.uniforms(0.0, 1.0, 2), [0.5838616, 0.33033112]);
        assert_eq!(HERE.normals(0.0, 1.0, 2), [0.15559857, -0.5536646]);
    }

    #[test]
    fn normals_have_the_stated_moments() {
        let n = 100_000;
        let draws = HERE.normals(3.0, 0.5, n);
        let mean = draws.iter().map(|&x| x as f64).sum::<f64>() / n as f64;
        let variance = draws
            .iter()
            .map(|&x| (x as f64 - mean).powi(2))
            .sum::<f64>()
            / n as f64;
        // Four standard errors of the mean and of the variance.
        assert!(
            (mean - 3.0).abs() < 4.0 * 0.5 / (n as f64).sqrt(),
            "mean {mean}"
        );
        assert!(
            (variance - 0.25).abs() < 4.0 * 0.25 * (2.0 / n as f64).sqrt(),
            "variance {variance}"
        );
    }

    #[test]
    fn a_permutation_holds_every_number_once() {
        let mut order = HERE.permutation(1000);
        assert_ne!(order, (0..1000).collect::<Vec<_>>());
        order.sort_unstable();
        assert_eq!(order, (0..1000).collect::<Vec<_>>());
    }

    #[test]
    fn a_range_of_one_number_gives_that_number() {
        assert_eq!(HERE.normals(0.5, 0.0, 2), [0.5, 0.5]);
        assert_eq!(HERE.uniforms(0.5, 0.5, 2), [0.5, 0.5]);
    }
}
