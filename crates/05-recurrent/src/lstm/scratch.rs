//! A layer of long short-term memory by hand. D2L zh 9.2, en 10.1.
//!
//! I_t = σ(X_t W_xi + H_{t-1} W_hi + b_i), F_t = σ(X_t W_xf + H_{t-1} W_hf + b_f),
//! O_t = σ(X_t W_xo + H_{t-1} W_ho + b_o), C̃_t = tanh(X_t W_xc + H_{t-1} W_hc + b_c)
//!
//! C_t = F_t ∘ C_{t-1} + I_t ∘ C̃_t, H_t = O_t ∘ tanh(C_t)

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use d2l::nn::{Initializer, sigmoid, tanh};

use crate::by_hand::{Gate, Gates, Step, parts_of};
use crate::language_model::State;

/// The input gate i, the forget gate f, the output gate o, and the candidate, which the book names with the letter c.
pub struct Lstm {
    i: Gate,
    f: Gate,
    o: Gate,
    c: Gate,
}

impl Lstm {
    /// For these numbers of inputs and of hidden units.
    pub fn new(sizes: (usize, usize), initializer: &Initializer, vb: VarBuilder) -> Result<Self> {
        let gate = |letter| Gate::new(letter, sizes, initializer, &vb);
        Ok(Self { i: gate('i')?, f: gate('f')?, o: gate('o')?, c: gate('c')? })
    }
}

impl Step for Lstm {
    fn zeros(&self, batch: usize) -> Result<State> {
        Ok(vec![self.c.zeros(batch)?, self.c.zeros(batch)?])
    }

    fn step(&self, x: &Tensor, state: &[Tensor]) -> Result<(State, Gates)> {
        let [h, c] = parts_of(state)?;
        let i = sigmoid(&self.i.forward(x, h)?)?;
        let f = sigmoid(&self.f.forward(x, h)?)?;
        let o = sigmoid(&self.o.forward(x, h)?)?;
        let candidate = tanh(&self.c.forward(x, h)?)?;
        let c = ((&f * c)? + (&i * candidate)?)?;
        let h = (&o * tanh(&c)?)?;
        let gates = vec![("input", i), ("forget", f), ("output", o)];
        Ok((vec![h, c], gates))
    }
}
