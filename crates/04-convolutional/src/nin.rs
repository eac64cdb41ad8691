//! Network in network: two 1 × 1 convolutions behind each larger one, which are a dense network at every pixel, and at
//! the end a mean over the picture instead of dense layers. D2L zh 7.3, en 8.3; Lin et al. 2013,
//! <https://arxiv.org/abs/1312.4400>.

use anyhow::Result;
use candle_core::Tensor;
use d2l::PresetName::{En, Zh};
use d2l::nn::{
    Conv2d, Dropout, Initializer, Mode, Network, ParamStore, Pool2d, block, global_avg_pool2d,
    max_pool2d,
};
use d2l::{Model, Preset, Recipe, Run, depth_or_none, probability};
use serde::Serialize;

use crate::layers::{Kernel, conv_relu};
use crate::pictures::{self, Enlarged, Shape};

const ZH: Recipe = Recipe {
    epochs: 10,
    batch_size: 128,
    learning_rate: 0.1,
    initializer: Initializer::Xavier,
    ..Recipe::SGD
};
const EN: Recipe = Recipe { learning_rate: 0.05, ..ZH };
const QUICK: Recipe = Recipe { batch_size: 64, initializer: Initializer::Kaiming, ..ZH };
/// The experiments.
pub const PRESETS: &[Preset<Options>] = &[
    Preset::quick(1, "zh 7.3", QUICK, Options::book(Enlarged::STORED)),
    Preset::new(Zh, "zh 7.3", ZH, Options::book(Enlarged::to(224))),
    Preset::new(En, "en 8.3", EN, Options::book(Enlarged::to(224))),
];

/// Probability that a number in front of the last block is dropped, in the book.
pub const DROPOUT: f64 = 0.5;

/// Four blocks, pooling behind the first three, dropout in front of the last, which has a channel for each class.
pub struct Nin {
    block1: Vec<Conv2d>,
    block2: Vec<Conv2d>,
    block3: Vec<Conv2d>,
    block4: Vec<Conv2d>,
    dropout: Dropout,
}

impl Nin {
    /// For square pictures. From 67 × 67 pixels on it is the book's network; smaller pictures get a smaller first
    /// kernel and half the channels.
    pub fn new(
        shape: Shape,
        options: &Options,
        init: &Initializer,
        params: &ParamStore,
    ) -> Result<Self> {
        let vb = params.builder();
        let (stem, [c1, c2, c3]) = match shape.side {
            67.. => (Kernel::new(11).stride(4), [96, 256, 384]),
            _ => (Kernel::new(5).stride(2).padding(3), [48, 128, 192]),
        };
        let same3 = Kernel::new(3).padding(1);
        // A convolution with this kernel, then those of 1 × 1.
        let block = |kernel: Kernel, inputs, outputs, name| -> candle_core::Result<Vec<Conv2d>> {
            let vb = vb.pp(name);
            let mut block = vec![kernel.conv2d(inputs, outputs, init, vb.pp("0"))?];
            for number in 1..=options.pointwise {
                block.push(Kernel::new(1).conv2d(outputs, outputs, init, vb.pp(number))?);
            }
            Ok(block)
        };
        Ok(Self {
            block1: block(stem, shape.channels, c1, "block1")?,
            block2: block(Kernel::new(5).padding(2), c1, c2, "block2")?,
            block3: block(same3, c2, c3, "block3")?,
            block4: block(same3, c3, shape.classes, "block4")?,
            dropout: Dropout::new(options.dropout, "dropout")?,
        })
    }
}

impl Network for Nin {
    /// `[B, C, S, S] -> [B, K]`: logits. The shapes are those of pictures of 224 × 224 pixels.
    fn forward(&self, x: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
        let pool = |h: &Tensor| max_pool2d(h, &Pool2d::new(3).stride(2));
        let h = pool(&block("block1", || conv_relu(&self.block1, x))?)?; // [B, 96, 26, 26]
        let h = pool(&block("block2", || conv_relu(&self.block2, &h))?)?; // [B, 256, 12, 12]
        let h = pool(&block("block3", || conv_relu(&self.block3, &h))?)?; // [B, 384, 5, 5]
        let h = self.dropout.forward_t(&h, mode)?;
        let h = block("block4", || conv_relu(&self.block4, &h))?; // [B, K, 5, 5]
        global_avg_pool2d(&h)?.flatten_from(1)
    }
}

/// What the exercises change.
#[derive(Clone, Debug, clap::Args, Serialize)]
#[command(next_help_heading = "Model")]
pub struct Options {
    /// 1 × 1 convolutions behind the first of each block
    #[arg(long, value_name = "N", value_parser = depth_or_none)]
    pub pointwise: usize,
    /// Probability that a number in front of the last block is dropped
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
        Self { pointwise: 2, dropout: DROPOUT, pictures }
    }
}

/// Network in network in the chapter's list.
pub fn model() -> Model {
    let about = "Network in network: a dense network at every pixel (D2L zh 7.3, en 8.3)";
    Model::new("nin", about, train, &[], PRESETS)
}

fn train(run: &mut Run, options: &Options) -> Result<()> {
    let Enlarged { side, pictures } = &options.pictures;
    pictures::train(run, pictures, *side, |shape, init, params| {
        Nin::new(shape, options, init, params)
    })
}
