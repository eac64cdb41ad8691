//! LeNet, the first convolutional network in wide use: two convolutions, two poolings, three dense layers, sigmoids.
//! D2L zh 6.6, en 7.6; LeCun et al. 1998, "Gradient-based learning applied to document recognition".
//!
//! The book's exercises put ReLU in the place of the sigmoids, and the largest number of a window in that of its mean:
//! [`Parts`].

pub mod concise;
pub mod scratch;

use anyhow::Result;
use candle_core::Tensor;

/// As in `--model`.
pub const NAME: &str = "lenet";

/// Units of the two dense layers in front of the output.
const HIDDENS: [usize; 2] = [120, 84];

/// Channels of the two convolutions.
const CHANNELS: [usize; 2] = [6, 16];

/// What the second pooling leaves of a side: 5 of 28. The first convolution pads by 2, the second loses 4.
fn last_side(side: usize) -> Result<usize> {
    crate::layers::large_enough(NAME, side, (side / 2).saturating_sub(4) / 2)
}

/// What stands between the layers with weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// Behind every layer but the last.
    pub activation: Activation,
    /// Behind the convolutions' activations.
    pub pooling: Pooling,
}

/// A function of each number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Activation {
    /// 1 / (1 + exp(-x)), the book's
    #[default]
    Sigmoid,
    /// max(x, 0)
    Relu,
}

/// One number for each 2 × 2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Pooling {
    /// Their mean, the book's
    #[default]
    Avg,
    /// The largest of them
    Max,
}

impl Activation {
    /// As on the command line and in the log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sigmoid => "sigmoid",
            Self::Relu => "relu",
        }
    }
}

impl Pooling {
    /// As on the command line and in the log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Avg => "avg",
            Self::Max => "max",
        }
    }
}

/// The outputs of the layers, in order, with their names: `relu1` for `sigmoid1` where that is the activation.
fn named(activation: Activation, outputs: [Tensor; 12]) -> Vec<(String, Tensor)> {
    let activation = activation.name();
    let names = [
        "conv1", "1", "pool1", "conv2", "2", "pool2", "flatten", "dense1", "3", "dense2", "4",
        "output",
    ];
    let full = |name: &str| match name.parse::<usize>() {
        Ok(number) => format!("{activation}{number}"),
        Err(_) => name.to_string(),
    };
    names.map(full).into_iter().zip(outputs).collect()
}
