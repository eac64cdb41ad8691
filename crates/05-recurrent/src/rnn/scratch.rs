//! A simple recurrent layer by hand. D2L zh 8.5, en 9.5.
//!
//! H_t = tanh(X_t W_xh + H_{t-1} W_hh + b_h)

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use d2l::nn::{Initializer, tanh};

use crate::by_hand::{Gate, Gates, Step, parts_of};
use crate::language_model::State;

/// A layer: `w_xh` `[D, H]`, `w_hh` `[H, H]`, `b_h` `[H]`.
pub struct Rnn {
    h: Gate,
}

impl Rnn {
    /// For these numbers of inputs and of hidden units.
    pub fn new(sizes: (usize, usize), initializer: &Initializer, vb: VarBuilder) -> Result<Self> {
        Ok(Self { h: Gate::new('h', sizes, initializer, &vb)? })
    }
}

impl Step for Rnn {
    fn zeros(&self, batch: usize) -> Result<State> {
        Ok(vec![self.h.zeros(batch)?])
    }

    fn step(&self, x: &Tensor, state: &[Tensor]) -> Result<(State, Gates)> {
        let [h] = parts_of(state)?;
        let h = tanh(&self.h.forward(x, h)?)?;
        Ok((vec![h], Gates::new()))
    }
}
