//! Dropout: y = x ∘ m / (1 - p), where m_i is 0 for what is dropped and 1 for the rest.

use crate::{Real, map2};

/// Multiplication by a mask and a factor. It is linear, so that the gradient is the same operation.
pub struct Dropped {
    /// For each element, whether it stays (1) or is dropped (0).
    pub kept: Vec<u8>,
    /// The factor of those that stay.
    pub scale: f64,
}

impl Dropped {
    /// y for x, ∂l/∂x for ∂l/∂y.
    pub fn of<T: Real>(&self, x: &[T]) -> Vec<T> {
        let scale = T::from_f64(self.scale);
        map2(
            x,
            &self.kept,
            |x, kept| {
                if kept == 1 { x * scale } else { T::ZERO }
            },
        )
    }
}
