//! Long short-term memory whose gates see the memory itself, through peepholes. Gers and Schmidhuber 2000; "Written
//! Memories" (R2RT 2016).
//!
//! I_t = σ(X_t W_xi + H_{t-1} W_hi + p_i ∘ C_{t-1} + b_i), F_t = σ(X_t W_xf + H_{t-1} W_hf + p_f ∘ C_{t-1} + b_f)
//!
//! C_t = F_t ∘ C_{t-1} + I_t ∘ tanh(X_t W_xc + H_{t-1} W_hc + b_c)
//!
//! O_t = σ(X_t W_xo + H_{t-1} W_ho + p_o ∘ C_t + b_o), H_t = O_t ∘ tanh(C_t)
//!
//! In an LSTM a gate sees H_{t-1} only. Where the output gate is shut it knows nothing of the memory that it decides about.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use d2l::nn::{Initializer, sigmoid, tanh};

use crate::by_hand::{Gate, Gates, Step, parts_of};
use crate::language_model::State;

/// The gates i, f and o with their peepholes `p_i`, `p_f`, `p_o` `[H]`, and the candidate c.
pub struct PeepholeLstm {
    i: Gate,
    f: Gate,
    o: Gate,
    c: Gate,
    p_i: Tensor,
    p_f: Tensor,
    p_o: Tensor,
}

impl PeepholeLstm {
    /// For these numbers of inputs and of hidden units.
    pub fn new(sizes: (usize, usize), initializer: &Initializer, vb: VarBuilder) -> Result<Self> {
        let gate = |letter| Gate::new(letter, sizes, initializer, &vb);
        let (_, num_hiddens) = sizes;
        let peephole = |name| {
            let init = initializer.weight(num_hiddens, num_hiddens);
            vb.get_with_hints(num_hiddens, name, init)
        };
        Ok(Self {
            i: gate('i')?,
            f: gate('f')?,
            o: gate('o')?,
            c: gate('c')?,
            p_i: peephole("p_i")?,
            p_f: peephole("p_f")?,
            p_o: peephole("p_o")?,
        })
    }
}

impl Step for PeepholeLstm {
    fn zeros(&self, batch: usize) -> Result<State> {
        Ok(vec![self.c.zeros(batch)?, self.c.zeros(batch)?])
    }

    fn step(&self, x: &Tensor, state: &[Tensor]) -> Result<(State, Gates)> {
        let [h, c] = parts_of(state)?;
        let i = sigmoid(&(self.i.forward(x, h)? + c.broadcast_mul(&self.p_i)?)?)?;
        let f = sigmoid(&(self.f.forward(x, h)? + c.broadcast_mul(&self.p_f)?)?)?;
        let candidate = tanh(&self.c.forward(x, h)?)?;
        let c = ((&f * c)? + (&i * candidate)?)?;
        let o = sigmoid(&(self.o.forward(x, h)? + c.broadcast_mul(&self.p_o)?)?)?;
        let h = (&o * tanh(&c)?)?;
        let gates = vec![("input", i), ("forget", f), ("output", o)];
        Ok((vec![h, c], gates))
    }
}
