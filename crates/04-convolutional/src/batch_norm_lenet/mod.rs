//! LeNet with batch normalisation in front of every sigmoid, with which it learns from the first epoch on.
//! D2L zh 7.5, en 8.5; Ioffe and Szegedy 2015, <https://arxiv.org/abs/1502.03167>.
//!
//! Reading order: [`scratch`] (batch normalisation by its definition), [`concise`] (the library's layer).

pub mod concise;
pub mod scratch;

use anyhow::Result;
use candle_core::Tensor;

/// As in `--model`.
pub const NAME: &str = "batchnorm-lenet";

/// Units of the two dense layers in front of the output.
const HIDDENS: [usize; 2] = [120, 84];

/// Channels of the two convolutions.
const CHANNELS: [usize; 2] = [6, 16];

/// What the second pooling leaves of a side: 4 of 28. This LeNet's first convolution has no padding: both lose 4.
fn last_side(side: usize) -> Result<usize> {
    let pooled = side.saturating_sub(4) / 2;
    crate::layers::large_enough(NAME, side, pooled.saturating_sub(4) / 2)
}

/// Its layers in order.
const LAYERS: [&str; 16] = [
    "conv1", "norm1", "sigmoid1", "pool1", "conv2", "norm2", "sigmoid2", "pool2", "flatten",
    "dense1", "norm3", "sigmoid3", "dense2", "norm4", "sigmoid4", "output",
];

/// The layers' outputs with their names.
fn named(outputs: [Tensor; 16]) -> Vec<(String, Tensor)> {
    LAYERS.into_iter().map(String::from).zip(outputs).collect()
}
