//! RegNetX-32: stages of ResNeXt blocks, found in a space of networks rather than drawn by hand; the widths of its
//! stages follow a line. D2L en 8.8; Radosavovic et al. 2020, <https://arxiv.org/abs/2003.13678>; the block is from Xie
//! et al. 2017, <https://arxiv.org/abs/1611.05431>.

use anyhow::Result;
use candle_core::{Module, Tensor};
use candle_nn::VarBuilder;
use d2l::PresetName::En;
use d2l::nn::{
    BatchNorm, Conv2d, Conv2dConfig, Initializer, Linear, Mode, Network, ParamStore, add_relu,
    batch_norm, block, conv2d, global_avg_pool2d, linear,
};
use d2l::{Model, Preset, Recipe, Run};

use crate::pictures::{self, Enlarged, Shape};

const EN: Recipe = Recipe {
    epochs: 10,
    batch_size: 128,
    learning_rate: 0.05,
    initializer: Initializer::PytorchDefault,
    ..Recipe::SGD
};
const QUICK: Recipe = Recipe { batch_size: 64, ..EN };
/// The experiments.
pub const PRESETS: &[Preset<Enlarged>] = &[
    Preset::quick(1, "en 8.8", QUICK, Enlarged::STORED),
    Preset::new(En, "en 8.8", EN, Enlarged::to(96)),
];

/// A convolution that halves the sides, two stages of blocks, a mean over the picture, and a linear layer.
pub struct RegNet {
    stem: Normed,
    stages: Vec<Vec<ResNext>>,
    output: Linear,
}

/// Channels of the first convolution; blocks and channels of the stages.
const STEM: usize = 32;
const STAGES: [(usize, usize); 2] = [(4, 32), (6, 80)];

impl RegNet {
    /// For pictures of any size.
    pub fn new(shape: Shape, init: &Initializer, params: &ParamStore) -> Result<Self> {
        let vb = params.builder();
        let mut channels = STEM;
        let mut stages = Vec::new();
        for (stage, (blocks, outputs)) in (1..).zip(STAGES) {
            let mut all = Vec::new();
            for block in 0..blocks {
                let vb = vb.pp(format!("stage{stage}.{block}"));
                let stride = if block == 0 { 2 } else { 1 };
                all.push(ResNext::new(channels, outputs, stride, init, vb)?);
                channels = outputs;
            }
            stages.push(all);
        }
        let halves = Conv2dConfig::default().stride(2).padding(1);
        Ok(Self {
            stem: Normed::new([shape.channels, STEM], 3, halves, init, vb.pp("stem"))?,
            stages,
            output: linear(channels, shape.classes, init, vb.pp("output"))?,
        })
    }
}

impl Network for RegNet {
    /// `[B, C, S, S] -> [B, K]`: logits. The shapes are those of pictures of 96 × 96 pixels.
    fn forward(&self, x: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
        let mut h = block("stem", || self.stem.forward_relu(x, mode))?; // [B, 32, 48, 48]
        for (stage, blocks) in (1..).zip(&self.stages) {
            h = block(format_args!("stage{stage}"), || {
                blocks
                    .iter()
                    .try_fold(h, |h, block| block.forward(&h, mode))
            })?; // [B, 32, 24, 24], [B, 80, 12, 12]
        }
        let h = global_avg_pool2d(&h)?.flatten_from(1)?;
        self.output.forward(&h)
    }
}

/// A ResNeXt block: 1 × 1, 3 × 3 in groups of channels, 1 × 1, and the path around them.
struct ResNext {
    first: Normed,
    second: Normed,
    third: Normed,
    shortcut: Option<Normed>,
}

/// Channels of a group. The 3 × 3 convolution of a block mixes only channels of the same group.
const GROUP_WIDTH: usize = 16;

impl ResNext {
    fn new(
        inputs: usize,
        outputs: usize,
        stride: usize,
        init: &Initializer,
        vb: VarBuilder,
    ) -> candle_core::Result<Self> {
        let normed = |inputs, kernel, config, name| {
            Normed::new([inputs, outputs], kernel, config, init, vb.pp(name))
        };
        let plain = Conv2dConfig::default();
        let grouped = plain
            .stride(stride)
            .padding(1)
            .groups(outputs / GROUP_WIDTH);
        Ok(Self {
            first: normed(inputs, 1, plain, "first")?,
            second: normed(outputs, 3, grouped, "second")?,
            third: normed(outputs, 1, plain, "third")?,
            shortcut: match stride != 1 || inputs != outputs {
                true => Some(normed(inputs, 1, plain.stride(stride), "shortcut")?),
                false => None,
            },
        })
    }

    fn forward(&self, x: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
        let h = self.first.forward_relu(x, mode)?;
        let h = self.second.forward_relu(&h, mode)?;
        let h = self.third.forward(&h, mode)?;
        match &self.shortcut {
            Some(shortcut) => add_relu(&h, &shortcut.forward(x, mode)?),
            None => add_relu(&h, x),
        }
    }
}

/// A convolution and its batch normalisation.
struct Normed {
    conv: Conv2d,
    norm: BatchNorm,
}

impl Normed {
    fn new(
        [inputs, outputs]: [usize; 2],
        kernel: usize,
        config: Conv2dConfig,
        init: &Initializer,
        vb: VarBuilder,
    ) -> candle_core::Result<Self> {
        Ok(Self {
            conv: conv2d(inputs, outputs, kernel, config, init, vb.pp("conv"))?,
            norm: batch_norm(outputs, vb.pp("norm"))?,
        })
    }

    fn forward(&self, x: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
        self.norm.forward_t(&self.conv.forward(x)?, mode)
    }

    fn forward_relu(&self, x: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
        self.norm.forward_t_relu(&self.conv.forward(x)?, mode)
    }
}

/// RegNetX-32 in the chapter's list.
pub fn model() -> Model {
    let about = "RegNetX-32: a network found in a space of networks (D2L en 8.8)";
    Model::new("regnet", about, train, &[], PRESETS)
}

fn train(run: &mut Run, options: &Enlarged) -> Result<()> {
    pictures::train(run, &options.pictures, options.side, RegNet::new)
}
