//! VGG: blocks of 3 × 3 convolutions; a pooling layer at the end of each block halves the picture. D2L zh 7.2, en 8.2;
//! Simonyan and Zisserman 2014, <https://arxiv.org/abs/1409.1556>.

use anyhow::Result;
use candle_core::Tensor;
use d2l::PresetName::{En, Zh};
use d2l::nn::{Conv2d, Initializer, Mode, Network, ParamStore, Pool2d, block, max_pool2d};
use d2l::{Model, Preset, Recipe, Run, Widths, probability, usage};
use serde::Serialize;

use crate::dense_head::{DROPOUT, DenseHead};
use crate::layers::{Kernel, conv_relu, large_enough};
use crate::pictures::{self, Enlarged, Shape};

const ZH: Recipe = Recipe {
    epochs: 10,
    batch_size: 128,
    learning_rate: 0.05,
    initializer: Initializer::Xavier,
    ..Recipe::SGD
};
const EN: Recipe = Recipe { learning_rate: 0.01, ..ZH };
const QUICK: Recipe = Recipe { batch_size: 64, initializer: Initializer::Kaiming, ..ZH };
/// The experiments.
pub const PRESETS: &[Preset<Options>] = &[
    Preset::quick(1, "zh 7.2", QUICK, Options::book(Enlarged::STORED)),
    Preset::new(Zh, "zh 7.2", ZH, Options::book(Enlarged::to(224))),
    Preset::new(En, "en 8.2", EN, Options::book(Enlarged::to(224))),
];

/// Blocks of convolutions, then the dense layers.
pub struct Vgg {
    blocks: Vec<Vec<Conv2d>>,
    head: DenseHead,
}

impl Vgg {
    /// A network of these sizes for square pictures.
    ///
    /// # Errors
    /// If the pooling layers leave nothing of the pictures, or the options have another number of blocks.
    pub fn new(
        sizes: Sizes,
        shape: Shape,
        options: &Options,
        init: &Initializer,
        params: &ParamStore,
    ) -> Result<Self> {
        let vb = params.builder();
        let kernel = Kernel::new(3).padding(1);
        let (mut inputs, mut side) = (shape.channels, shape.side);
        let mut blocks = Vec::new();
        for (number, (convolutions, channels)) in (1..).zip(options.blocks(sizes)?) {
            let mut block = Vec::new();
            for convolution in 0..convolutions {
                let vb = vb.pp(format!("block{number}.{convolution}"));
                block.push(kernel.conv2d(inputs, channels, init, vb)?);
                inputs = channels;
            }
            blocks.push(block);
            side /= 2;
        }
        let flat = inputs * large_enough(shape.side, side)?.pow(2);
        Ok(Self {
            blocks,
            head: DenseHead::new(
                [flat, sizes.hiddens, shape.classes],
                options.dropout,
                init,
                &vb,
            )?,
        })
    }
}

impl Network for Vgg {
    /// `[B, C, S, S] -> [B, K]`: logits.
    fn forward(&self, x: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
        let mut h = x.clone();
        for (number, convolutions) in (1..).zip(&self.blocks) {
            h = block(format_args!("block{number}"), || {
                max_pool2d(&conv_relu(convolutions, &h)?, &Pool2d::new(2)) // halves the sides
            })?;
        }
        self.head.forward(&h, mode)
    }
}

/// How many convolutions and channels each block has, and how many units each hidden dense layer.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    blocks: &'static [(usize, usize)],
    hiddens: usize,
}

impl Sizes {
    /// VGG-11 itself, whose shapes the book shows.
    pub const WIDE: Self = Self {
        blocks: &[(1, 64), (1, 128), (2, 256), (2, 512), (2, 512)],
        hiddens: 4096,
    };

    /// For pictures of 32 × 32 pixels and more the network that the book trains: VGG-11 with a quarter of its channels.
    /// Smaller pictures get one without the last block and with an eighth of the units.
    pub const fn of(side: usize) -> Self {
        match side {
            32.. => Self {
                blocks: &[(1, 16), (1, 32), (2, 64), (2, 128), (2, 128)],
                hiddens: 4096,
            },
            _ => Self { blocks: &[(1, 16), (1, 32), (2, 64), (2, 128)], hiddens: 512 },
        }
    }
}

/// What the exercises change.
#[derive(Clone, Debug, clap::Args, Serialize)]
#[command(next_help_heading = "Model")]
pub struct Options {
    /// Convolutions in each block; 2,2,3,3,3 for VGG-16, 2,2,4,4,4 for VGG-19 [default: 1,1,2,2,2, without the last for
    /// pictures below 32 × 32]
    #[arg(long, value_name = "N,N,…")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub convolutions: Option<Widths>,
    /// Probability that a unit of a hidden dense layer is dropped
    #[arg(long, value_name = "P", value_parser = probability)]
    pub dropout: f64,
    /// What it is trained on.
    #[command(flatten)]
    #[serde(flatten)]
    pub pictures: Enlarged,
}

impl Options {
    /// The book's network, for these pictures.
    pub const fn book(pictures: Enlarged) -> Self {
        Self { convolutions: None, dropout: DROPOUT, pictures }
    }

    /// Convolutions and channels of each block.
    fn blocks(&self, sizes: Sizes) -> Result<Vec<(usize, usize)>> {
        let Some(convolutions) = &self.convolutions else {
            return Ok(sizes.blocks.to_vec());
        };
        if convolutions.len() != sizes.blocks.len() {
            usage!(
                "--convolutions {convolutions}: found {} blocks, wanted {}, as many as these pictures leave room for",
                convolutions.len(),
                sizes.blocks.len()
            );
        }
        let channels = sizes.blocks.iter().map(|&(_, channels)| channels);
        Ok(convolutions.iter().copied().zip(channels).collect())
    }
}

/// VGG in the chapter's list.
pub fn model() -> Model {
    let about = "VGG-11: the same block of convolutions again and again (D2L zh 7.2, en 8.2)";
    Model::new("vgg", about, train, &[], PRESETS)
}

fn train(run: &mut Run, options: &Options) -> Result<()> {
    let Enlarged { side, pictures } = &options.pictures;
    pictures::train(run, pictures, *side, |shape, init, params| {
        Vgg::new(Sizes::of(shape.side), shape, options, init, params)
    })
}
