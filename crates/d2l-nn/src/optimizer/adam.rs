//! Adam, and AdamW with weight decay apart from the gradient. D2L zh 11.10, en 12.10; Kingma and Ba 2015,
//! arXiv:1412.6980; Loshchilov and Hutter 2019, arXiv:1711.05101.

use candle_core::{Result, Tensor};

use super::ParamGroup;
use super::descent::{Descent, MEMORIES, Rule, Turn, apart, not_negative, share};
use crate::kernel::Real;

/// Adam by PyTorch's formula, at step t:
///
/// g ← g + λ w  (Adam), or w ← w - η λ w  (AdamW)
/// m ← β₁ m + (1 - β₁) g;   s ← β₂ s + (1 - β₂) g²
/// w ← w - η / (1 - β₁ᵗ) · m / (√(s / (1 - β₂ᵗ)) + ε)
pub type Adam = Descent<AdamRule>;

/// The settings of [`Adam`].
#[derive(Clone, Copy)]
pub struct AdamRule {
    moments: Moments,
    decoupled: bool,
}

impl Adam {
    /// Adam with β₁ = 0.9, β₂ = 0.999, ε = 1e-8; a group's weight decay is added to its gradients.
    pub fn new(groups: Vec<ParamGroup>, learning_rate: f64) -> Result<Self> {
        let rule = AdamRule { moments: Moments::new(1e-8), decoupled: false };
        Self::following(rule, groups, learning_rate)
    }

    /// AdamW: as Adam, but a group's weight decay shrinks its parameters directly.
    pub fn decoupled(groups: Vec<ParamGroup>, learning_rate: f64) -> Result<Self> {
        let adam = Self::new(groups, learning_rate)?;
        let rule = AdamRule { decoupled: true, ..adam.rule };
        Ok(adam.with_rule(rule))
    }

    /// The same with other β₁ and β₂, from 0 to below 1.
    pub fn with_betas(self, beta1: f64, beta2: f64) -> Result<Self> {
        let rule = AdamRule {
            moments: self.rule.moments.with_betas(beta1, beta2)?,
            ..self.rule
        };
        Ok(self.with_rule(rule))
    }

    /// The same with another ε, the smallest divisor.
    pub fn with_epsilon(self, epsilon: f64) -> Result<Self> {
        let rule = AdamRule {
            moments: self.rule.moments.with_epsilon(epsilon)?,
            ..self.rule
        };
        Ok(self.with_rule(rule))
    }
}

impl Rule for AdamRule {
    fn memories(&self) -> Vec<&'static str> {
        Moments::NAMES.to_vec()
    }

    fn decouples_decay(&self) -> bool {
        self.decoupled
    }

    fn composed(&self, turn: Turn, g: Tensor, memory: &mut [Tensor]) -> Result<Tensor> {
        let beta2 = self.moments.betas.1;
        self.moments.composed(turn, g, memory, |s, square| {
            (s * beta2)? + (square * (1.0 - beta2))?
        })
    }

    #[inline(always)] // into `widest`
    fn update<T: Real>(&self, turn: Turn, w: &mut [T], g: &[T], memory: [&mut [T]; MEMORIES]) {
        let (added, kept) = if self.decoupled {
            (0.0, 1.0 - turn.learning_rate * turn.weight_decay)
        } else {
            (turn.weight_decay, 1.0)
        };
        let beta2 = self.moments.betas.1;
        let (beta2, rest) = (T::from_f64(beta2), T::from_f64(1.0 - beta2));
        let decay = (T::from_f64(added), T::from_f64(kept));
        let square = |s, square| beta2 * s + rest * square;
        self.moments.update(turn, w, g, memory, decay, square);
    }
}

/// What Adam and [`Yogi`](super::Yogi) share: running means of the gradients, m, and of their squares, s, and a step
/// along m / √s. They differ in how s follows g².
#[derive(Clone, Copy)]
pub(super) struct Moments {
    pub betas: (f64, f64),
    epsilon: f64,
}

impl Moments {
    pub const NAMES: [&str; 2] = ["exp_avg", "exp_avg_sq"];

    pub fn new(epsilon: f64) -> Self {
        Self { betas: (0.9, 0.999), epsilon }
    }

    pub fn with_betas(self, beta1: f64, beta2: f64) -> Result<Self> {
        share("beta1", beta1)?;
        share("beta2", beta2)?;
        Ok(Self { betas: (beta1, beta2), ..self })
    }

    pub fn with_epsilon(self, epsilon: f64) -> Result<Self> {
        not_negative("epsilon", epsilon)?;
        Ok(Self { epsilon, ..self })
    }

    /// η / (1 - β₁ᵗ) and √(1 - β₂ᵗ): both means begin at 0 and are too small at first.
    fn corrections(self, turn: Turn) -> (f64, f64) {
        let (beta1, beta2) = self.betas;
        let step = f64::from(turn.step);
        (
            turn.learning_rate / (1.0 - beta1.powf(step)),
            (1.0 - beta2.powf(step)).sqrt(),
        )
    }

    /// What is subtracted from w; `next` is s from the last s and g².
    pub fn composed(
        self,
        turn: Turn,
        g: Tensor,
        memory: &mut [Tensor],
        next: impl Fn(&Tensor, Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let beta1 = self.betas.0;
        let (step_size, correction) = self.corrections(turn);
        let [m, s] = apart(memory)?;
        *m = ((&*m * beta1)? + (&g * (1.0 - beta1))?)?;
        *s = next(s, g.sqr()?)?;
        let divisor = s.sqrt()?.affine(1.0 / correction, self.epsilon)?;
        (&*m / divisor)? * step_size
    }

    /// The same in place: `added` · w is added to g, and w is multiplied by `kept`.
    #[inline(always)] // into `widest`
    pub fn update<T: Real>(
        self,
        turn: Turn,
        w: &mut [T],
        g: &[T],
        [m, s, _]: [&mut [T]; MEMORIES],
        (added, kept): (T, T),
        next: impl Fn(T, T) -> T,
    ) {
        let (step_size, correction) = self.corrections(turn);
        let (step_size, one_over_correction) =
            (T::from_f64(step_size), T::from_f64(1.0 / correction));
        let (beta1, rest) = (T::from_f64(self.betas.0), T::from_f64(1.0 - self.betas.0));
        let epsilon = T::from_f64(self.epsilon);
        for (((w, &g), m), s) in w.iter_mut().zip(g).zip(m).zip(s) {
            let g = g + added * *w;
            *m = beta1 * *m + rest * g;
            *s = next(*s, g * g);
            *w = kept * *w - step_size * *m / (s.sqrt() * one_over_correction + epsilon);
        }
    }
}
