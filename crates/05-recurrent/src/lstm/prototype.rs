//! The first network with gates that one would write down: it writes, reads and forgets selectively, and fails.
//!
//! R2RT, "Written Memories: Understanding, Deriving and Extending the LSTM", 2016. Gates choose what of the state is read
//! (o), written (i) and kept (f):
//!
//! I_t, O_t, F_t = σ(X_t W_x + S_{t-1} W_h + b), S̃_t = tanh(X_t W_xs + (O_t ∘ S_{t-1}) W_hs + b_s)
//!
//! S_t = F_t ∘ S_{t-1} + I_t ∘ S̃_t
//!
//! What fails: nothing bounds S_t. Where F_t is near 1 each time step may add to it, and a large state drives gates and
//! candidate into the flat ends of their functions, where no gradient is left.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use d2l::nn::{Initializer, sigmoid, tanh};

use crate::by_hand::{Gate, Gates, Step, parts_of};
use crate::language_model::State;

/// The gates i (write), o (read) and f (keep), and the candidate s.
pub struct PrototypeLstm {
    i: Gate,
    o: Gate,
    f: Gate,
    s: Gate,
}

impl PrototypeLstm {
    /// For these numbers of inputs and of hidden units.
    pub fn new(sizes: (usize, usize), initializer: &Initializer, vb: VarBuilder) -> Result<Self> {
        let gate = |letter| Gate::new(letter, sizes, initializer, &vb);
        Ok(Self { i: gate('i')?, o: gate('o')?, f: gate('f')?, s: gate('s')? })
    }
}

impl Step for PrototypeLstm {
    fn zeros(&self, batch: usize) -> Result<State> {
        Ok(vec![self.s.zeros(batch)?])
    }

    fn step(&self, x: &Tensor, state: &[Tensor]) -> Result<(State, Gates)> {
        let [s] = parts_of(state)?;
        let i = sigmoid(&self.i.forward(x, s)?)?;
        let o = sigmoid(&self.o.forward(x, s)?)?;
        let f = sigmoid(&self.f.forward(x, s)?)?;
        let candidate = tanh(&self.s.forward(x, &(&o * s)?)?)?;
        let s = ((&f * s)? + (&i * candidate)?)?;
        Ok((vec![s], vec![("input", i), ("forget", f), ("output", o)]))
    }
}
