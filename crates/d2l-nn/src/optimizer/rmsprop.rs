//! RMSProp: Adagrad that forgets. D2L zh 11.8, en 12.8; Tieleman and Hinton 2012; Graves 2013, arXiv:1308.0850, for
//! the centered version.

use candle_core::{Result, Tensor};

use super::ParamGroup;
use super::descent::{Descent, MEMORIES, Rule, Turn, apart, not_negative, share};
use crate::kernel::Real;

/// RMSProp by PyTorch's formula:
///
/// g ← g + λ w
/// s ← α s + (1 - α) g²;   m ← α m + (1 - α) g  (centered, else m = 0)
/// v ← μ v + g / (√(s - m²) + ε);   w ← w - η v
///
/// Without momentum μ = 0 and v is not kept. The book writes γ for α.
pub type RmsProp = Descent<RmsPropRule>;

/// The settings of [`RmsProp`].
#[derive(Clone, Copy)]
pub struct RmsPropRule {
    alpha: f64,
    momentum: f64,
    centered: bool,
    epsilon: f64,
}

impl RmsProp {
    /// RMSProp with ε = 1e-8. `alpha` is the share of the running squares that is kept at each step, `momentum` is μ, 0
    /// for none; both are below 1. `centered` divides by the standard deviation of the gradients instead of their root
    /// mean square.
    pub fn new(
        groups: Vec<ParamGroup>,
        learning_rate: f64,
        alpha: f64,
        momentum: f64,
        centered: bool,
    ) -> Result<Self> {
        share("alpha", alpha)?;
        share("momentum", momentum)?;
        let rule = RmsPropRule { alpha, momentum, centered, epsilon: 1e-8 };
        Self::following(rule, groups, learning_rate)
    }

    /// The same with another ε, the smallest divisor.
    pub fn with_epsilon(self, epsilon: f64) -> Result<Self> {
        not_negative("epsilon", epsilon)?;
        let rule = RmsPropRule { epsilon, ..self.rule };
        Ok(self.with_rule(rule))
    }
}

impl Rule for RmsPropRule {
    fn memories(&self) -> Vec<&'static str> {
        let mut memories = vec!["square_avg"];
        if self.centered {
            memories.push("grad_avg");
        }
        if self.momentum != 0.0 {
            memories.push("momentum_buffer");
        }
        memories
    }

    fn composed(&self, turn: Turn, g: Tensor, memory: &mut [Tensor]) -> Result<Tensor> {
        let mean = |mean: &Tensor, x: &Tensor| (mean * self.alpha)? + (x * (1.0 - self.alpha))?;
        let (squares, memory) = memory.split_at_mut(1);
        let (means, velocities) = memory.split_at_mut(usize::from(self.centered));
        let [s] = apart(squares)?;
        *s = mean(s, &g.sqr()?)?;
        let mut variance = s.clone();
        if self.centered {
            let [m] = apart(means)?;
            *m = mean(m, &g)?;
            variance = (variance - m.sqr()?)?.relu()?; // rounding can bring it below 0
        }
        let mut direction = (g / (variance.sqrt()? + self.epsilon)?)?;
        if self.momentum != 0.0 {
            let [v] = apart(velocities)?;
            direction = ((&*v * self.momentum)? + direction)?;
            *v = direction.clone();
        }
        direction * turn.learning_rate
    }

    #[inline(always)] // into `widest`
    fn update<T: Real>(&self, turn: Turn, w: &mut [T], g: &[T], memory: [&mut [T]; MEMORIES]) {
        let learning_rate = T::from_f64(turn.learning_rate);
        let weight_decay = T::from_f64(turn.weight_decay);
        let momentum = T::from_f64(self.momentum);
        let (alpha, rest) = (T::from_f64(self.alpha), T::from_f64(1.0 - self.alpha));
        let epsilon = T::from_f64(self.epsilon);
        let one = |((w, &g), s): ((&mut T, &T), &mut T), m: Option<&mut T>, v: Option<&mut T>| {
            let g = g + weight_decay * *w;
            *s = alpha * *s + rest * g * g;
            let variance = m.map_or(*s, |m| {
                *m = alpha * *m + rest * g;
                let variance = *s - *m * *m;
                // Rounding can bring it below 0 if the gradient hardly changes.
                if variance < T::ZERO {
                    T::ZERO
                } else {
                    variance
                }
            });
            let direction = g / (variance.sqrt() + epsilon);
            *w -= learning_rate
                * v.map_or(direction, |v| {
                    *v = momentum * *v + direction;
                    *v
                });
        };
        let [s, second, third] = memory;
        let (m, v) = if self.centered {
            (second, third)
        } else {
            (third, second)
        };
        // One loop for each kind; otherwise none would be vectorised.
        let each = w.iter_mut().zip(g).zip(s);
        match (self.centered, self.momentum != 0.0) {
            (false, false) => each.for_each(|each| one(each, None, None)),
            (false, true) => each.zip(v).for_each(|(each, v)| one(each, None, Some(v))),
            (true, false) => each.zip(m).for_each(|(each, m)| one(each, Some(m), None)),
            (true, true) => {
                let each = each.zip(m).zip(v);
                each.for_each(|((each, m), v)| one(each, Some(m), Some(v)));
            }
        }
    }
}
