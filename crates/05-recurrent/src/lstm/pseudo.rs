//! The prototype with a bounded view of its state: the pseudo LSTM of "Written Memories" (R2RT 2016).
//!
//! Whatever reads the state, gates, candidate and output, sees tanh(S) instead of S:
//!
//! I_t, O_t, F_t = σ(X_t W_x + tanh(S_{t-1}) W_h + b), S̃_t = tanh(X_t W_xs + (O_t ∘ tanh(S_{t-1})) W_hs + b_s)
//!
//! S_t = F_t ∘ S_{t-1} + I_t ∘ S̃_t, H_t = tanh(S_t)
//!
//! What is left to be desired: the output shows all of the state. The read gate decides what the next candidate sees, but
//! what is for later disturbs the prediction now. The LSTM moves the read gate behind the write, where it serves both.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use d2l::nn::{Initializer, sigmoid, tanh};

use crate::by_hand::{Gate, Gates, Step, parts_of};
use crate::language_model::State;

/// The gates i (write), o (read) and f (keep), and the candidate s.
pub struct PseudoLstm {
    i: Gate,
    o: Gate,
    f: Gate,
    s: Gate,
}

impl PseudoLstm {
    /// For these numbers of inputs and of hidden units.
    pub fn new(sizes: (usize, usize), initializer: &Initializer, vb: VarBuilder) -> Result<Self> {
        let gate = |letter| Gate::new(letter, sizes, initializer, &vb);
        Ok(Self { i: gate('i')?, o: gate('o')?, f: gate('f')?, s: gate('s')? })
    }
}

impl Step for PseudoLstm {
    fn zeros(&self, batch: usize) -> Result<State> {
        Ok(vec![self.s.zeros(batch)?, self.s.zeros(batch)?])
    }

    fn step(&self, x: &Tensor, state: &[Tensor]) -> Result<(State, Gates)> {
        let [h, s] = parts_of(state)?; // h is tanh(s)
        let i = sigmoid(&self.i.forward(x, h)?)?;
        let o = sigmoid(&self.o.forward(x, h)?)?;
        let f = sigmoid(&self.f.forward(x, h)?)?;
        let candidate = tanh(&self.s.forward(x, &(&o * h)?)?)?;
        let s = ((&f * s)? + (&i * candidate)?)?;
        let gates = vec![("input", i), ("forget", f), ("output", o)];
        Ok((vec![tanh(&s)?, s], gates))
    }
}
