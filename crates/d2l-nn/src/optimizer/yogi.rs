//! Yogi: Adam whose running squares can't be swamped by one large gradient. D2L zh 11.10.3, en 12.10.3; Zaheer et al.
//! 2018.

use candle_core::{Result, Tensor};

use super::ParamGroup;
use super::adam::Moments;
use super::descent::{Descent, MEMORIES, Rule, Turn};
use crate::kernel::Real;

/// Yogi as in the book: [`Adam`](super::Adam) with
///
/// s ← s + (1 - β₂) g² sign(g² - s)
///
/// PyTorch has none.
pub type Yogi = Descent<YogiRule>;

/// The settings of [`Yogi`].
#[derive(Clone, Copy)]
pub struct YogiRule {
    moments: Moments,
}

impl Yogi {
    /// Yogi with β₁ = 0.9, β₂ = 0.999, ε = 1e-3; a group's weight decay is added to its gradients.
    pub fn new(groups: Vec<ParamGroup>, learning_rate: f64) -> Result<Self> {
        let moments = Moments::new(1e-3);
        Self::following(YogiRule { moments }, groups, learning_rate)
    }

    /// The same with other β₁ and β₂, from 0 to below 1.
    pub fn with_betas(self, beta1: f64, beta2: f64) -> Result<Self> {
        let moments = self.rule.moments.with_betas(beta1, beta2)?;
        Ok(self.with_rule(YogiRule { moments }))
    }

    /// The same with another ε, the smallest divisor.
    pub fn with_epsilon(self, epsilon: f64) -> Result<Self> {
        let moments = self.rule.moments.with_epsilon(epsilon)?;
        Ok(self.with_rule(YogiRule { moments }))
    }
}

impl Rule for YogiRule {
    fn memories(&self) -> Vec<&'static str> {
        Moments::NAMES.to_vec()
    }

    fn composed(&self, turn: Turn, g: Tensor, memory: &mut [Tensor]) -> Result<Tensor> {
        let rest = 1.0 - self.moments.betas.1;
        self.moments.composed(turn, g, memory, |s, square| {
            s + ((&square * (&square - s)?.sign()?)? * rest)?
        })
    }

    #[inline(always)] // into `widest`
    fn update<T: Real>(&self, turn: Turn, w: &mut [T], g: &[T], memory: [&mut [T]; MEMORIES]) {
        let rest = T::from_f64(1.0 - self.moments.betas.1);
        let decay = (T::from_f64(turn.weight_decay), T::ONE);
        let square = |s, square: T| {
            if square > s {
                s + rest * square
            } else if square < s {
                s - rest * square
            } else {
                s
            }
        };
        self.moments.update(turn, w, g, memory, decay, square);
    }
}
