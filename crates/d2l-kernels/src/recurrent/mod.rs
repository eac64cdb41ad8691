//! Recurrent layers: all time steps of one layer and direction, forward and back.
//!
//! ```text
//!            x_1             x_2             x_3
//!             |               |               |          gates_t = W_ih x_t + b + W_hh h_{t-1}
//!    h_0 -> gates_1 -> h_1 -> gates_2 -> h_2 -> gates_3 -> h_3
//!    c_0 -> ---------- c_1 ------------- c_2 ------------- c_3
//! ```
//!
//! Rows of a batch don't depend on each other, forward or backward, so groups of rows go through all steps on one thread
//! each. A step is one product with weights that were packed once, into the memory of the gates, and one pass over them.
//! Going back, the gradients of the gates take the place of the gates; when all steps are done, the gradient of a weight
//! is a single product over all rows of all steps.
//!
//! Reading order: `rnn`, `lstm`, `gru` (a step), `cell` (what the three have in common), `steps` (all steps).

mod cell;
mod gradients;
mod gru;
mod lstm;
mod rnn;
mod rows;
mod steps;

use crate::Real;
pub use cell::{Cell, LastGate};
pub use gru::Reset;
pub use lstm::Peepholes;
pub use rnn::Nonlinearity;
pub use rows::{INPUTS, Inputs, Sizes};
use steps::Steps;
pub use steps::{Gradients, Kept};

/// A layer and direction.
#[derive(Clone, Copy, Debug)]
pub struct Layer {
    /// What its cell is.
    pub kind: Kind,
    /// Whether it runs from the last time step to the first.
    pub reverse: bool,
}

/// The kinds of cells.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// The simple one.
    Rnn(Nonlinearity),
    /// Gated recurrent units.
    Gru(Reset),
    /// Long short-term memory.
    Lstm(Peepholes),
}

impl From<Nonlinearity> for Kind {
    fn from(cell: Nonlinearity) -> Self {
        Self::Rnn(cell)
    }
}

impl From<Reset> for Kind {
    fn from(cell: Reset) -> Self {
        Self::Gru(cell)
    }
}

impl From<Peepholes> for Kind {
    fn from(cell: Peepholes) -> Self {
        Self::Lstm(cell)
    }
}

impl Layer {
    /// The outputs, the last c, and what the backward pass needs, if it `keeps` that.
    pub fn outputs<T: Real>(self, inputs: &Inputs<T>, keeps: bool) -> (Vec<T>, Vec<T>, Kept<T>) {
        let reverse = self.reverse;
        match self.kind {
            Kind::Rnn(cell) => Steps { cell, reverse }.outputs(inputs, keeps),
            Kind::Gru(cell) => Steps { cell, reverse }.outputs(inputs, keeps),
            Kind::Lstm(cell) => Steps { cell, reverse }.outputs(inputs, keeps),
        }
    }

    /// The gradients of x and the parameters, if they are `wanted`, and of the state. `dc` is ∂l/∂c after the last
    /// step.
    pub fn gradients<T: Real>(
        self,
        inputs: &Inputs<T>,
        kept: Kept<T>,
        outputs: [&[T]; 2],
        dc: Vec<T>,
        wanted: [bool; 2],
    ) -> Gradients<T> {
        let reverse = self.reverse;
        match self.kind {
            Kind::Rnn(cell) => Steps { cell, reverse }.gradients(inputs, kept, outputs, dc, wanted),
            Kind::Gru(cell) => Steps { cell, reverse }.gradients(inputs, kept, outputs, dc, wanted),
            Kind::Lstm(cell) => {
                Steps { cell, reverse }.gradients(inputs, kept, outputs, dc, wanted)
            }
        }
    }
}
