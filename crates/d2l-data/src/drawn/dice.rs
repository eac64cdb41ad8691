//! The random choices of one drawing.

use d2l_random::{ChaCha8Rng, Rng};

/// A generator with the few questions that a drawing asks.
pub(crate) struct Dice(pub(crate) ChaCha8Rng);

impl Dice {
    /// Any number between the two, all equally likely.
    pub(crate) fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.0.random::<f32>()
    }

    /// A number near `centre`, at most `spread` away, likelier the nearer.
    pub(crate) fn near(&mut self, centre: f32, spread: f32) -> f32 {
        centre + (self.between(-0.5, 0.5) + self.between(-0.5, 0.5)) * spread
    }

    /// Yes, `percent` times in a hundred.
    pub(crate) fn chance(&mut self, percent: f32) -> bool {
        self.between(0.0, 100.0) < percent
    }

    /// One of the `choices`, of which there is at least one, all equally likely.
    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.0.random_range(0..choices.len())]
    }
}
