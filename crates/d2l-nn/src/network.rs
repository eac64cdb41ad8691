//! What the training loop asks of a model.

use candle_core::{Result, Tensor};

use crate::Mode;

/// A model: a function of one input tensor whose behaviour may depend on the mode.
pub trait Network {
    /// The output for a batch of inputs: `[B, …] -> [B, …]`.
    fn forward_t(&self, x: &Tensor, mode: Mode) -> Result<Tensor>;

    /// Name and output of every layer in order, in evaluation mode: for the layer table and for pictures of what
    /// each layer sees.
    fn layers(&self, x: &Tensor) -> Result<Vec<(String, Tensor)>>;
}

impl<N: Network + ?Sized> Network for Box<N> {
    fn forward_t(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        (**self).forward_t(x, mode)
    }

    fn layers(&self, x: &Tensor) -> Result<Vec<(String, Tensor)>> {
        (**self).layers(x)
    }
}
