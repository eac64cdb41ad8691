//! Gated recurrent units that lack a gate, by hand. D2L zh 9.1, exercise 4, en 10.2, exercise 4.
//!
//! Without the update gate (Z_t = 0) the state is always the candidate:
//!
//! R_t = σ(X_t W_xr + H_{t-1} W_hr + b_r), H_t = tanh(X_t W_xh + (R_t ∘ H_{t-1}) W_hh + b_h)
//!
//! Without the reset gate (R_t = 1) the candidate always sees all of the state:
//!
//! Z_t = σ(X_t W_xz + H_{t-1} W_hz + b_z), H_t = Z_t ∘ H_{t-1} + (1 - Z_t) ∘ tanh(X_t W_xh + H_{t-1} W_hh + b_h)

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use d2l::nn::{Initializer, sigmoid, tanh};

use crate::by_hand::{Gate, Gates, Step, parts_of};
use crate::language_model::State;

/// The reset gate r and the candidate h.
pub struct ResetGru {
    r: Gate,
    h: Gate,
}

impl ResetGru {
    /// For these numbers of inputs and of hidden units.
    pub fn new(sizes: (usize, usize), initializer: &Initializer, vb: VarBuilder) -> Result<Self> {
        let gate = |letter| Gate::new(letter, sizes, initializer, &vb);
        Ok(Self { r: gate('r')?, h: gate('h')? })
    }
}

impl Step for ResetGru {
    fn zeros(&self, batch: usize) -> Result<State> {
        Ok(vec![self.h.zeros(batch)?])
    }

    fn step(&self, x: &Tensor, state: &[Tensor]) -> Result<(State, Gates)> {
        let [h] = parts_of(state)?;
        let r = sigmoid(&self.r.forward(x, h)?)?;
        let h = tanh(&self.h.forward(x, &(&r * h)?)?)?;
        Ok((vec![h], vec![("reset", r)]))
    }
}

/// The update gate z and the candidate h.
pub struct UpdateGru {
    z: Gate,
    h: Gate,
}

impl UpdateGru {
    /// For these numbers of inputs and of hidden units.
    pub fn new(sizes: (usize, usize), initializer: &Initializer, vb: VarBuilder) -> Result<Self> {
        let gate = |letter| Gate::new(letter, sizes, initializer, &vb);
        Ok(Self { z: gate('z')?, h: gate('h')? })
    }
}

impl Step for UpdateGru {
    fn zeros(&self, batch: usize) -> Result<State> {
        Ok(vec![self.h.zeros(batch)?])
    }

    fn step(&self, x: &Tensor, state: &[Tensor]) -> Result<(State, Gates)> {
        let [h] = parts_of(state)?;
        let z = sigmoid(&self.z.forward(x, h)?)?;
        let candidate = tanh(&self.h.forward(x, h)?)?;
        let h = ((&z * h)? + ((1.0 - &z)? * candidate)?)?;
        Ok((vec![h], vec![("update", z)]))
    }
}
