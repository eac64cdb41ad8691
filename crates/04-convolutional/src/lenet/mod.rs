//! LeNet, the first convolutional network in wide use: two convolutions, two poolings, three dense layers, and sigmoids.
//! D2L zh 6.6, en 7.6; LeCun et al. 1998, "Gradient-based learning applied to document recognition".

pub mod concise;
pub mod scratch;

use candle_core::Tensor;

/// Units of the two dense layers in front of the output.
const HIDDENS: [usize; 2] = [120, 84];

/// Channels of the two convolutions.
const CHANNELS: [usize; 2] = [6, 16];

/// What the second pooling leaves of 28 × 28.
const LAST_SIDE: usize = 5;

/// Its layers in order.
const LAYERS: [&str; 12] = [
    "conv1", "sigmoid1", "pool1", "conv2", "sigmoid2", "pool2", "flatten", "dense1", "sigmoid3",
    "dense2", "sigmoid4", "output",
];

/// The layers' outputs with their names.
fn named(outputs: [Tensor; 12]) -> Vec<(String, Tensor)> {
    LAYERS.into_iter().map(String::from).zip(outputs).collect()
}
