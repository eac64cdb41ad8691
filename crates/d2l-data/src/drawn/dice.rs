//! The random choices of one drawing.

use d2l_random::{ChaCha8Rng, Rng};

/// A generator with the few kinds of draws that a drawing needs.
pub(crate) struct Dice(pub(crate) ChaCha8Rng);

impl Dice {
    /// A number between the two, all equally likely.
    pub(crate) fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.0.random::<f32>()
    }

    /// A number at most `spread` away from `centre`; nearer numbers are likelier.
    pub(crate) fn near(&mut self, centre: f32, spread: f32) -> f32 {
        centre + (self.between(-0.5, 0.5) + self.between(-0.5, 0.5)) * spread
    }

    /// True `percent` times in a hundred.
    pub(crate) fn chance(&mut self, percent: f32) -> bool {
        self.between(0.0, 100.0) < percent
    }

    /// One of the `choices`, of which there is at least one, all equally likely.
    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.0.random_range(0..choices.len())]
    }
}
