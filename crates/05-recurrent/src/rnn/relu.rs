//! A simple recurrent layer with ReLU in place of tanh, by hand. D2L zh 8.5, exercise 6, en 9.5, exercise 10.
//!
//! H_t = max(0, X_t W_xh + H_{t-1} W_hh + b_h)

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use d2l::nn::{Initializer, relu};

use crate::by_hand::{Gate, Gates, Step, parts_of};
use crate::language_model::State;

/// A layer with the parameters of the one with tanh.
pub struct ReluRnn {
    h: Gate,
}

impl ReluRnn {
    /// For these numbers of inputs and of hidden units.
    pub fn new(sizes: (usize, usize), initializer: &Initializer, vb: VarBuilder) -> Result<Self> {
        Ok(Self { h: Gate::new('h', sizes, initializer, &vb)? })
    }
}

impl Step for ReluRnn {
    fn zeros(&self, batch: usize) -> Result<State> {
        Ok(vec![self.h.zeros(batch)?])
    }

    fn step(&self, x: &Tensor, state: &[Tensor]) -> Result<(State, Gates)> {
        let [h] = parts_of(state)?;
        let h = relu(&self.h.forward(x, h)?)?;
        Ok((vec![h], Gates::new()))
    }
}
