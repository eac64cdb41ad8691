//! LeNet, the first convolutional network in wide use: two convolutions, two pooling layers, three dense layers,
//! sigmoids. D2L zh 6.6, en 7.6; LeCun et al. 1998, "Gradient-based learning applied to document recognition".
//!
//! The book's exercises are flags: ReLU instead of the sigmoid, max-pooling instead of average pooling, larger kernels,
//! more or fewer channels and layers, dropout.

pub mod concise;
pub mod scratch;

use anyhow::Result;
use d2l::{Implementation, Model, Run, Widths, at_least_one, probability, usage};
use serde::Serialize;

use crate::layers::Kernel;
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
    /// Side of the convolutions' kernels
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub kernel_size: usize,
    /// Channels of each convolution; another number of them makes another depth
    #[arg(long, value_name = "N,N,…")]
    pub channels: Widths,
    /// Units of each hidden dense layer; none for no such layer
    #[arg(long, value_name = "N,N,…")]
    pub hiddens: Widths,
    /// Probability that a unit of a hidden dense layer is dropped
    #[arg(long, value_name = "P", value_parser = probability)]
    pub dropout: f64,
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
        kernel_size: 5,
        channels: Widths::new(&CHANNELS),
        hiddens: Widths::new(&HIDDENS),
        dropout: 0.0,
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

/// Channels of the book's two convolutions.
pub(crate) const CHANNELS: [usize; 2] = [6, 16];

/// Units of the book's two hidden dense layers.
pub(crate) const HIDDENS: [usize; 2] = [120, 84];

impl Options {
    /// Rows and columns of zeros around the picture, in front of the first convolution: as many as leave its size
    /// unchanged. The other convolutions have no padding.
    fn padding(&self) -> usize {
        (self.kernel_size - 1) / 2
    }

    /// The side of the pictures behind the last pooling layer: 5 of 28.
    ///
    /// # Errors
    /// If a kernel or a pooling region has no room in what the layers in front of it leave.
    fn last_side(&self, side: usize) -> Result<usize> {
        let kernel = Kernel::new(self.kernel_size);
        let mut left = side;
        for number in 1..=self.channels.len() {
            let padding = if number == 1 { self.padding() } else { 0 };
            let convolved = kernel.padding(padding).positions(left);
            if convolved < 2 {
                usage!(
                    "found {left} × {left} pixels in front of conv{number}, which with --kernel-size {} leaves \
                     {convolved} × {convolved} of them and its pooling layer nothing; wanted larger pictures, a smaller \
                     --kernel-size or fewer --channels",
                    self.kernel_size
                );
            }
            left = convolved / 2;
        }
        Ok(left)
    }
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
