//! What the training loop needs from a model.

use candle_core::{Result, Tensor};

use crate::Mode;

/// A model: a function of its inputs `X` whose behaviour may depend on the mode. The inputs are one tensor or several,
/// for instance `[Tensor; 2]` for a state and an action.
pub trait Network<X: ?Sized = Tensor> {
    /// The output for a batch of inputs: `[B, …] -> [B, …]`.
    fn forward(&self, x: &X, mode: Mode) -> Result<Tensor>;
}

impl<X: ?Sized, N: Network<X> + ?Sized> Network<X> for Box<N> {
    fn forward(&self, x: &X, mode: Mode) -> Result<Tensor> {
        (**self).forward(x, mode)
    }
}
