//! ResNet-18: eighteen layers with weights, in blocks that add their input to their output. A block that has nothing to
//! add can stay near zero. D2L zh 7.6, en 8.6; He et al. 2016, <https://arxiv.org/abs/1512.03385>.
//!
//! A block computes relu(x + norm(w₂ ∗ relu(norm(w₁ ∗ x)))). Where it halves the sides and doubles the channels, a 1 ×
//! 1 convolution with stride 2 does the same to x.
//!
//! The book's exercises are flags: fewer blocks, no batch normalisation, no shortcuts. Which of them makes a deep
//! network learn?

use anyhow::Result;
use candle_core::{Module, Tensor};
use candle_nn::VarBuilder;
use d2l::PresetName::{En, Small, Zh};
use d2l::nn::{
    BatchNorm, Conv2d, Conv2dConfig, Curve, Initializer, Linear, Mode, Network, ParamStore, Pool2d,
    Schedule, add_relu, batch_norm, block, conv2d, global_avg_pool2d, linear, max_pool2d, relu,
};
use d2l::{Model, Preset, Recipe, Run, depth};
use serde::Serialize;

use crate::pictures::{self, Enlarged, Shape};

const ZH: Recipe = Recipe {
    epochs: 10,
    batch_size: 256,
    learning_rate: 0.05,
    initializer: Initializer::Xavier,
    ..Recipe::SGD
};
const EN: Recipe = Recipe { batch_size: 128, learning_rate: 0.01, ..ZH };
const QUICK: Recipe = Recipe { batch_size: 64, ..ZH };
/// Over 90 % of Fashion-MNIST in minutes: what the last epoch learns settles as the learning rate falls to 0.
const SMALL: Recipe = Recipe {
    epochs: 3,
    schedule: Schedule::new(Curve::Cosine { epochs: None, end: 0.0 }),
    ..QUICK
};
/// The experiments.
pub const PRESETS: &[Preset<Options>] = &[
    Preset::quick(1, "zh 7.6", QUICK, Options::book(Enlarged::STORED)).on_first(40_000),
    Preset::new(Small, "zh 7.6", SMALL, Options::book(Enlarged::to(32))),
    Preset::new(Zh, "zh 7.6", ZH, Options::book(Enlarged::to(96))),
    Preset::new(En, "en 8.6", EN, Options::book(Enlarged::to(96))),
];

/// A convolution and a pooling layer that make the picture small, four stages of blocks, a mean over what is left of
/// the picture, and a linear layer.
pub struct ResNet18 {
    conv: Conv2d,
    norm: Norm,
    stages: Vec<Vec<Residual>>,
    output: Linear,
}

/// Channels of the four stages.
const CHANNELS: [usize; 4] = [64, 128, 256, 512];

impl ResNet18 {
    /// For pictures of any size.
    pub fn new(
        shape: Shape,
        options: &Options,
        init: &Initializer,
        params: &ParamStore,
    ) -> Result<Self> {
        let vb = params.builder();
        let [first, .., last] = CHANNELS;
        let stem = Conv2dConfig::default().stride(2).padding(3);
        let mut stages = Vec::new();
        let mut inputs = first;
        for (stage, outputs) in CHANNELS.into_iter().enumerate() {
            let mut blocks = Vec::new();
            for block in 0..options.num_blocks {
                let vb = vb.pp(format!("stages.{stage}.{block}"));
                blocks.push(Residual::new(inputs, outputs, options, init, vb)?);
                inputs = outputs;
            }
            stages.push(blocks);
        }
        Ok(Self {
            conv: conv2d(shape.channels, first, 7, stem, init, vb.pp("conv"))?,
            norm: Norm::new(first, options, vb.pp("norm"))?,
            stages,
            output: linear(last, shape.classes, init, vb.pp("output"))?,
        })
    }
}

impl Network for ResNet18 {
    /// `[B, C, S, S] -> [B, K]`: logits. The shapes are those of pictures of 96 × 96 pixels.
    fn forward(&self, x: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
        let h = self.norm.forward_relu(&self.conv.forward(x)?, mode)?; // [B, 64, 48, 48]
        let mut h = max_pool2d(&h, &Pool2d::new(3).stride(2).padding(1))?; // [B, 64, 24, 24]
        for (stage, blocks) in self.stages.iter().enumerate() {
            h = block(format_args!("stages.{stage}"), || {
                blocks
                    .iter()
                    .try_fold(h, |h, block| block.forward(&h, mode))
            })?;
        }
        let h = global_avg_pool2d(&h)?.flatten_from(1)?; // [B, 512]
        self.output.forward(&h)
    }
}

/// Two 3 × 3 convolutions and the path around them.
struct Residual {
    conv1: Conv2d,
    norm1: Norm,
    conv2: Conv2d,
    norm2: Norm,
    shortcut: Shortcut,
}

/// What a block adds to the result of its convolutions.
enum Shortcut {
    /// Nothing: `--no-shortcut`.
    None,
    /// Its input.
    Input,
    /// Its input in the shape of its output.
    Convolution(Conv2d),
}

impl Residual {
    fn new(
        inputs: usize,
        outputs: usize,
        options: &Options,
        init: &Initializer,
        vb: VarBuilder,
    ) -> Result<Self> {
        let halves = inputs != outputs;
        let same = Conv2dConfig::default();
        let first = same.stride(if halves { 2 } else { 1 });
        let conv =
            |inputs, size, config, name| conv2d(inputs, outputs, size, config, init, vb.pp(name));
        Ok(Self {
            conv1: conv(inputs, 3, first.padding(1), "conv1")?,
            norm1: Norm::new(outputs, options, vb.pp("norm1"))?,
            conv2: conv(outputs, 3, same.padding(1), "conv2")?,
            norm2: Norm::new(outputs, options, vb.pp("norm2"))?,
            shortcut: match (options.no_shortcut, halves) {
                (true, _) => Shortcut::None,
                (false, false) => Shortcut::Input,
                (false, true) => Shortcut::Convolution(conv(inputs, 1, first, "shortcut")?),
            },
        })
    }

    fn forward(&self, x: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
        let h = self.norm1.forward_relu(&self.conv1.forward(x)?, mode)?;
        let h = self.norm2.forward(&self.conv2.forward(&h)?, mode)?;
        match &self.shortcut {
            Shortcut::None => relu(&h),
            Shortcut::Input => add_relu(&h, x),
            Shortcut::Convolution(conv) => add_relu(&h, &conv.forward(x)?),
        }
    }
}

/// Batch normalisation, or nothing: `--no-batch-norm`.
struct Norm(Option<BatchNorm>);

impl Norm {
    fn new(channels: usize, options: &Options, vb: VarBuilder) -> Result<Self> {
        Ok(Self(match options.no_batch_norm {
            true => None,
            false => Some(batch_norm(channels, vb)?),
        }))
    }

    fn forward(&self, x: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
        match &self.0 {
            Some(norm) => norm.forward_t(x, mode),
            None => Ok(x.clone()),
        }
    }

    fn forward_relu(&self, x: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
        match &self.0 {
            Some(norm) => norm.forward_t_relu(x, mode),
            None => relu(x),
        }
    }
}

/// What the exercises change.
#[derive(Clone, Debug, clap::Args, Serialize)]
#[command(next_help_heading = "Model")]
pub struct Options {
    /// Blocks in each of the four stages: N blocks make 8 N + 2 layers
    #[arg(long, value_name = "N", value_parser = depth)]
    pub num_blocks: usize,
    /// Leave batch normalisation out
    #[arg(long)]
    pub no_batch_norm: bool,
    /// Leave out the paths around the blocks
    #[arg(long)]
    pub no_shortcut: bool,
    /// What it is trained on.
    #[command(flatten)]
    #[serde(flatten)]
    pub pictures: Enlarged,
}

impl Options {
    /// The book's network, for these pictures.
    pub const fn book(pictures: Enlarged) -> Self {
        Self {
            num_blocks: 2,
            no_batch_norm: false,
            no_shortcut: false,
            pictures,
        }
    }
}

/// ResNet-18 in the chapter's list.
pub fn model() -> Model {
    let about = "ResNet-18: paths around the blocks, and batch normalisation (D2L zh 7.6, en 8.6)";
    Model::new("resnet18", about, train, &[], PRESETS)
}

fn train(run: &mut Run, options: &Options) -> Result<()> {
    let Enlarged { side, pictures } = &options.pictures;
    pictures::train(run, pictures, *side, |shape, init, params| {
        ResNet18::new(shape, options, init, params)
    })
}
