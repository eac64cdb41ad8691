//! What the definitions of the recurrent layers have in common.

use candle_core::{Result, Tensor};
use d2l_kernels::recurrent::{Cell, Kind};

/// A kind of recurrent layer with its definition.
pub(super) trait Composed: Cell + Into<Kind> {
    /// One step in candle's own operations: the definition. `gates` `[B, G·H]` is x W_ihᵀ + b.
    fn composed(&self, gates: &Tensor, past: &State, weights: &Definition) -> Result<State>;
}

/// The state after a step, each `[B, H]`.
#[derive(Clone)]
pub(super) struct State {
    pub h: Tensor,
    pub c: Option<Tensor>,
}

impl State {
    /// `f` of each.
    pub fn each(&self, f: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Self> {
        Ok(Self { h: f(&self.h)?, c: self.c.as_ref().map(f).transpose()? })
    }
}

/// The weights of a layer and direction for the definition.
pub(super) struct Definition {
    /// W_hh, `[G·H, H]`
    pub w_hh: Tensor,
    /// `[further · H]`
    pub further: Tensor,
}
