//! A layer of gated recurrent units by hand. D2L zh 9.1, en 10.2.
//!
//! Z_t = σ(X_t W_xz + H_{t-1} W_hz + b_z), R_t = σ(X_t W_xr + H_{t-1} W_hr + b_r)
//!
//! H̃_t = tanh(X_t W_xh + (R_t ∘ H_{t-1}) W_hh + b_h), H_t = Z_t ∘ H_{t-1} + (1 - Z_t) ∘ H̃_t
//!
//! PyTorch's layer and the library's multiply by R_t after the product with W_hh, not before it.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use d2l::nn::{Initializer, sigmoid, tanh};

use crate::by_hand::{Gate, Gates, Step, parts_of};
use crate::language_model::State;

/// The update gate z, the reset gate r, and the candidate, which the book names with the letter h.
pub struct Gru {
    z: Gate,
    r: Gate,
    h: Gate,
}

impl Gru {
    /// For these numbers of inputs and of hidden units.
    pub fn new(sizes: (usize, usize), initializer: &Initializer, vb: VarBuilder) -> Result<Self> {
        let gate = |letter| Gate::new(letter, sizes, initializer, &vb);
        Ok(Self { z: gate('z')?, r: gate('r')?, h: gate('h')? })
    }
}

impl Step for Gru {
    fn zeros(&self, batch: usize) -> Result<State> {
        Ok(vec![self.h.zeros(batch)?])
    }

    fn step(&self, x: &Tensor, state: &[Tensor]) -> Result<(State, Gates)> {
        let [h] = parts_of(state)?;
        let z = sigmoid(&self.z.forward(x, h)?)?;
        let r = sigmoid(&self.r.forward(x, h)?)?;
        let candidate = tanh(&self.h.forward(x, &(&r * h)?)?)?;
        let h = ((&z * h)? + ((1.0 - &z)? * candidate)?)?;
        Ok((vec![h], vec![("update", z), ("reset", r)]))
    }
}
