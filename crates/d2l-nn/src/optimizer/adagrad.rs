//! Adagrad: a learning rate for each weight, which falls with the squares of all its gradients. D2L zh 11.7, en 12.7;
//! Duchi et al. 2011.

use candle_core::{Result, Tensor};

use super::ParamGroup;
use super::descent::{Descent, MEMORIES, Rule, Turn, apart, not_negative};
use crate::kernel::Real;

/// Adagrad by PyTorch's formula:
///
/// g ← g + λ w;   s ← s + g²;   w ← w - η g / (√s + ε)
///
/// The book's own code has √(s + ε).
pub type Adagrad = Descent<AdagradRule>;

/// The settings of [`Adagrad`].
#[derive(Clone, Copy)]
pub struct AdagradRule {
    epsilon: f64,
}

impl Adagrad {
    /// Adagrad with ε = 1e-10.
    pub fn new(groups: Vec<ParamGroup>, learning_rate: f64) -> Result<Self> {
        Self::following(AdagradRule { epsilon: 1e-10 }, groups, learning_rate)
    }

    /// The same with another ε, the smallest divisor.
    pub fn with_epsilon(self, epsilon: f64) -> Result<Self> {
        not_negative("epsilon", epsilon)?;
        Ok(self.with_rule(AdagradRule { epsilon }))
    }
}

impl Rule for AdagradRule {
    fn memories(&self) -> Vec<&'static str> {
        vec!["sum"]
    }

    fn composed(&self, turn: Turn, g: Tensor, memory: &mut [Tensor]) -> Result<Tensor> {
        let [s] = apart(memory)?;
        *s = (&*s + g.sqr()?)?;
        (g / (s.sqrt()? + self.epsilon)?)? * turn.learning_rate
    }

    #[inline(always)] // into `widest`
    fn update<T: Real>(&self, turn: Turn, w: &mut [T], g: &[T], [s, ..]: [&mut [T]; MEMORIES]) {
        let learning_rate = T::from_f64(turn.learning_rate);
        let weight_decay = T::from_f64(turn.weight_decay);
        let epsilon = T::from_f64(self.epsilon);
        for ((w, &g), s) in w.iter_mut().zip(g).zip(s) {
            let g = g + weight_decay * *w;
            *s += g * g;
            *w -= learning_rate * g / (s.sqrt() + epsilon);
        }
    }
}
