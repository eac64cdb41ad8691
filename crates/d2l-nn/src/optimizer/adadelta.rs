//! Adadelta: steps scaled by the size of earlier steps, so that the units of the weights are right without a learning
//! rate. D2L zh 11.9, en 12.9; Zeiler 2012, arXiv:1212.5701.

use candle_core::{Result, Tensor};

use super::ParamGroup;
use super::descent::{Descent, MEMORIES, Rule, Turn, apart, not_negative, share};
use crate::kernel::Real;

/// Adadelta by PyTorch's formula:
///
/// g ← g + λ w;   s ← ρ s + (1 - ρ) g²
/// d = √(Δ + ε) / √(s + ε) · g;   Δ ← ρ Δ + (1 - ρ) d²;   w ← w - η d
///
/// In the paper's method η = 1.
pub type Adadelta = Descent<AdadeltaRule>;

/// The settings of [`Adadelta`].
#[derive(Clone, Copy)]
pub struct AdadeltaRule {
    rho: f64,
    epsilon: f64,
}

impl Adadelta {
    /// Adadelta with ρ = 0.9, ε = 1e-6.
    pub fn new(groups: Vec<ParamGroup>, learning_rate: f64) -> Result<Self> {
        let rule = AdadeltaRule { rho: 0.9, epsilon: 1e-6 };
        Self::following(rule, groups, learning_rate)
    }

    /// The same with another ρ, the share of both running means that is kept at each step, below 1.
    pub fn with_rho(self, rho: f64) -> Result<Self> {
        share("rho", rho)?;
        let rule = AdadeltaRule { rho, ..self.rule };
        Ok(self.with_rule(rule))
    }

    /// The same with another ε, whose root sets the size of the first steps.
    pub fn with_epsilon(self, epsilon: f64) -> Result<Self> {
        not_negative("epsilon", epsilon)?;
        let rule = AdadeltaRule { epsilon, ..self.rule };
        Ok(self.with_rule(rule))
    }
}

impl Rule for AdadeltaRule {
    fn memories(&self) -> Vec<&'static str> {
        vec!["square_avg", "acc_delta"]
    }

    fn composed(&self, turn: Turn, g: Tensor, memory: &mut [Tensor]) -> Result<Tensor> {
        let mean = |mean: &Tensor, x: &Tensor| (mean * self.rho)? + (x.sqr()? * (1.0 - self.rho))?;
        let [s, delta] = apart(memory)?;
        *s = mean(s, &g)?;
        let factor = ((&*delta + self.epsilon)?.sqrt()? / (&*s + self.epsilon)?.sqrt()?)?;
        let d = (factor * g)?;
        *delta = mean(delta, &d)?;
        d * turn.learning_rate
    }

    #[inline(always)] // into `widest`
    fn update<T: Real>(&self, turn: Turn, w: &mut [T], g: &[T], memory: [&mut [T]; MEMORIES]) {
        let learning_rate = T::from_f64(turn.learning_rate);
        let weight_decay = T::from_f64(turn.weight_decay);
        let (rho, rest) = (T::from_f64(self.rho), T::from_f64(1.0 - self.rho));
        let epsilon = T::from_f64(self.epsilon);
        let [s, delta, _] = memory;
        for (((w, &g), s), delta) in w.iter_mut().zip(g).zip(s).zip(delta) {
            let g = g + weight_decay * *w;
            *s = rho * *s + rest * g * g;
            let d = (*delta + epsilon).sqrt() / (*s + epsilon).sqrt() * g;
            *delta = rho * *delta + rest * d * d;
            *w -= learning_rate * d;
        }
    }
}
