//! LeNet, the first convolutional network in wide use: two convolutions, two pooling layers, three dense layers,
//! sigmoids. D2L zh 6.6, en 7.6; LeCun et al. 1998, "Gradient-based learning applied to document recognition".
//!
//! Two of the book's exercises are flags: ReLU instead of the sigmoid, and max-pooling instead of average pooling.
//!
//! Reading order: [`scratch`] (with the cross-correlation and the pooling by hand), [`concise`] (with
//! [`d2l::nn::conv2d`] and [`d2l::nn::avg_pool2d`]).

pub mod concise;
pub mod scratch;

use anyhow::Result;
use d2l::{Implementation, Model, Run};
use serde::Serialize;

use crate::pictures::{self, Pictures};

/// LeNet in the chapter's list.
pub fn model() -> Model {
    let about = "LeNet: two convolutions and three dense layers (D2L zh 6.6, en 7.6)";
    Model::new("lenet", about, train, scratch::PRESETS, concise::PRESETS)
}

/// What the exercises change.
#[derive(Clone, Debug, clap::Args, Serialize)]
#[command(next_help_heading = "Model")]
pub struct Options {
    /// Activation function of every layer but the last
    #[arg(long, value_enum)]
    pub activation: Activation,
    /// What becomes of each 2 × 2 region
    #[arg(long, value_enum)]
    pub pooling: Pooling,
    /// What it is trained on.
    #[command(flatten)]
    #[serde(flatten)]
    pub pictures: Pictures,
}

impl Options {
    /// The book's.
    pub const BOOK: Self = Self {
        activation: Activation::Sigmoid,
        pooling: Pooling::Avg,
        pictures: Pictures::BOOK,
    };
}

/// A function of each number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// 1 / (1 + exp(-x)), the book's
    Sigmoid,
    /// max(x, 0)
    Relu,
}

/// One number for each 2 × 2 region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pooling {
    /// The mean, the book's
    Avg,
    /// The largest number
    Max,
}

/// Channels of the two convolutions.
pub(crate) const CHANNELS: [usize; 2] = [6, 16];

/// Units of the two hidden dense layers.
pub(crate) const HIDDENS: [usize; 2] = [120, 84];

/// The side behind the second pooling layer: 5 of 28. The first convolution pads by 2, the second loses 4.
fn last_side(side: usize) -> Result<usize> {
    crate::layers::large_enough(side, (side / 2).saturating_sub(4) / 2)
}

fn train(run: &mut Run, options: &Options) -> Result<()> {
    let pictures = &options.pictures;
    match run.settings.implementation {
        Implementation::Scratch => pictures::train(run, pictures, None, |shape, init, params| {
            scratch::LeNet::new(shape, options, init, params)
        }),
        Implementation::Concise => pictures::train(run, pictures, None, |shape, init, params| {
            concise::LeNet::new(shape, options, init, params)
        }),
    }
}
