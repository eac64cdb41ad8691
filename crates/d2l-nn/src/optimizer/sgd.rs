//! Stochastic gradient descent, plain and with momentum. D2L zh 11.4 and 11.6, en 12.4 and 12.6; Sutskever et al.
//! 2013 for Nesterov's momentum.

use candle_core::{Result, Tensor, bail};

use super::ParamGroup;
use super::descent::{Descent, MEMORIES, Rule, Turn, apart, share};
use crate::kernel::Real;

/// Stochastic gradient descent by PyTorch's formula:
///
/// g ← g + λ w;   v ← μ v + g;   w ← w - η v, or w ← w - η (g + μ v) with Nesterov's momentum
///
/// Without momentum v = g and nothing is kept.
pub type Sgd = Descent<SgdRule>;

/// The settings of [`Sgd`].
#[derive(Clone, Copy)]
pub struct SgdRule {
    momentum: f64,
    nesterov: bool,
}

impl Sgd {
    /// SGD with `momentum` μ below 1, 0 for none. `nesterov` needs a momentum above 0.
    pub fn new(
        groups: Vec<ParamGroup>,
        learning_rate: f64,
        momentum: f64,
        nesterov: bool,
    ) -> Result<Self> {
        share("momentum", momentum)?;
        if nesterov && momentum == 0.0 {
            bail!("Nesterov's momentum needs a momentum above 0");
        }
        Self::following(SgdRule { momentum, nesterov }, groups, learning_rate)
    }
}

impl Rule for SgdRule {
    fn memories(&self) -> Vec<&'static str> {
        if self.momentum == 0.0 {
            vec![]
        } else {
            vec!["momentum_buffer"]
        }
    }

    fn counts_steps(&self) -> bool {
        false
    }

    fn composed(&self, turn: Turn, g: Tensor, memory: &mut [Tensor]) -> Result<Tensor> {
        if self.momentum == 0.0 {
            return g * turn.learning_rate;
        }
        let [v] = apart(memory)?;
        *v = ((&*v * self.momentum)? + &g)?;
        if self.nesterov {
            (g + (&*v * self.momentum)?)? * turn.learning_rate
        } else {
            &*v * turn.learning_rate
        }
    }

    #[inline(always)] // into `widest`
    fn update<T: Real>(&self, turn: Turn, w: &mut [T], g: &[T], [v, ..]: [&mut [T]; MEMORIES]) {
        let learning_rate = T::from_f64(turn.learning_rate);
        let weight_decay = T::from_f64(turn.weight_decay);
        let momentum = T::from_f64(self.momentum);
        if self.momentum == 0.0 {
            for (w, &g) in w.iter_mut().zip(g) {
                *w -= learning_rate * (g + weight_decay * *w);
            }
            return;
        }
        for ((w, &g), v) in w.iter_mut().zip(g).zip(v) {
            let g = g + weight_decay * *w;
            *v = momentum * *v + g;
            *w -= learning_rate * if self.nesterov { g + momentum * *v } else { *v };
        }
    }
}
