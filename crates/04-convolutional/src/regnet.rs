//! RegNetX-32: a network found in a space of networks rather than drawn by hand: stages of ResNeXt blocks whose widths
//! follow a line. D2L en 8.8; Radosavovic et al. 2020, <https://arxiv.org/abs/2003.13678>; the block is Xie et al. 2017,
//! <https://arxiv.org/abs/1611.05431>.

use anyhow::Result;
use candle_core::{Module, Tensor};
use candle_nn::VarBuilder;
use d2l::nn::{
    BatchNorm, Conv2d, Conv2dConfig, Initializer, Linear, Mode, Network, ParamStore, add_relu,
    batch_norm, conv2d, global_avg_pool2d, linear,
};
use d2l::{Implementation, Preset, PresetName, Recipe};

use crate::layers::{Outputs, in_turn};

/// As in `--model`.
pub const NAME: &str = "regnet";

/// The experiments. The book enlarges the pictures to 96 × 96; `quick` takes them as they are, on a CPU.
pub const PRESETS: &[Preset] = &[QUICK, EN];

const QUICK: Preset = Preset {
    model: NAME,
    implementation: Implementation::Concise,
    name: PresetName::Quick,
    section: "en 8.8",
    recipe: Recipe {
        epochs: 1,
        batch_size: 64,
        learning_rate: 0.05,
        initializer: Initializer::PytorchDefault,
        ..Recipe::SGD
    },
    bands: &[],
};

const EN: Preset = Preset {
    model: NAME,
    implementation: Implementation::Concise,
    name: PresetName::En,
    section: "en 8.8",
    recipe: Recipe {
        epochs: 10,
        batch_size: 128,
        learning_rate: 0.05,
        initializer: Initializer::PytorchDefault,
        ..Recipe::SGD
    },
    bands: &[], // 11 builds, and no runs of the twin to pool them with: see the README
};

/// Channels of the stem.
const STEM: usize = 32;

/// Blocks and channels of the stages.
const STAGES: [(usize, usize); 2] = [(4, 32), (6, 80)];

/// Channels that see one another in the 3 × 3 convolution of a block.
const GROUP_WIDTH: usize = 16;

/// A convolution and its batch normalisation.
struct Normed {
    conv: Conv2d,
    norm: BatchNorm,
}

impl Normed {
    fn new(
        (in_channels, out_channels): (usize, usize),
        kernel: usize,
        config: Conv2dConfig,
        initializer: &Initializer,
        vb: VarBuilder,
    ) -> candle_core::Result<Self> {
        let conv_vb = vb.pp("conv");
        Ok(Self {
            conv: conv2d(
                in_channels,
                out_channels,
                kernel,
                config,
                initializer,
                conv_vb,
            )?,
            norm: batch_norm(out_channels, vb.pp("norm"))?,
        })
    }

    fn forward_t(&self, x: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
        self.norm.forward_t(&self.conv.forward(x)?, mode)
    }

    fn forward_t_relu(&self, x: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
        self.norm.forward_t_relu(&self.conv.forward(x)?, mode)
    }
}

/// 1 × 1, 3 × 3 in groups, 1 × 1, and the path around them: a ResNeXt block.
struct Block {
    first: Normed,
    second: Normed,
    third: Normed,
    shortcut: Option<Normed>,
}

impl Block {
    fn new(
        in_channels: usize,
        channels: usize,
        stride: usize,
        initializer: &Initializer,
        vb: VarBuilder,
    ) -> candle_core::Result<Self> {
        let normed = |from, kernel, config, name: &str| {
            Normed::new((from, channels), kernel, config, initializer, vb.pp(name))
        };
        let plain = Conv2dConfig::default();
        let grouped = plain
            .stride(stride)
            .padding(1)
            .groups(channels / GROUP_WIDTH);
        let changes = stride != 1 || in_channels != channels;
        let shortcut = || normed(in_channels, 1, plain.stride(stride), "shortcut");
        Ok(Self {
            first: normed(in_channels, 1, plain, "first")?,
            second: normed(channels, 3, grouped, "second")?,
            third: normed(channels, 1, plain, "third")?,
            shortcut: changes.then(shortcut).transpose()?,
        })
    }

    fn forward_t(&self, x: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
        let h = self.first.forward_t_relu(x, mode)?;
        let h = self.second.forward_t_relu(&h, mode)?;
        let h = self.third.forward_t(&h, mode)?;
        match &self.shortcut {
            Some(shortcut) => add_relu(&h, &shortcut.forward_t(x, mode)?),
            None => add_relu(&h, x),
        }
    }
}

/// Stem, two stages of blocks, a mean over the picture, and a linear layer.
pub struct RegNet {
    stem: Normed,
    stages: Vec<Vec<Block>>,
    output: Linear,
}

impl RegNet {
    /// For pictures of `in_channels` colours and any size.
    pub fn new(
        in_channels: usize,
        num_outputs: usize,
        initializer: &Initializer,
        params: &ParamStore,
    ) -> Result<Self> {
        let vb = params.builder();
        let mut before = STEM;
        let mut stages = Vec::new();
        for (number, (blocks, channels)) in STAGES.into_iter().enumerate() {
            let mut stage = Vec::new();
            for block in 0..blocks {
                let vb = vb.pp(format!("stage{}.{block}", number + 1));
                let stride = if block == 0 { 2 } else { 1 };
                stage.push(Block::new(before, channels, stride, initializer, vb)?);
                before = channels;
            }
            stages.push(stage);
        }
        let halves = Conv2dConfig::default().stride(2).padding(1);
        Ok(Self {
            stem: Normed::new((in_channels, STEM), 3, halves, initializer, vb.pp("stem"))?,
            stages,
            output: linear(before, num_outputs, initializer, vb.pp("output"))?,
        })
    }

    fn layers_t(&self, x: &Tensor, mode: Mode) -> candle_core::Result<Outputs> {
        let mut layers = Outputs::first("stem", self.stem.forward_t_relu(x, mode)?);
        for (number, stage) in (1..).zip(&self.stages) {
            layers = layers.then(format!("stage{number}"), |h| {
                in_turn(stage, h, |block, h| block.forward_t(h, mode))
            })?;
        }
        layers
            .then("global_avg_pool", global_avg_pool2d)?
            .then("flatten", |h| h.flatten_from(1))?
            .then("output", |h| self.output.forward(h))
    }
}

impl Network for RegNet {
    /// `[B, C, H, W] -> [B, K]`: logits.
    fn forward_t(&self, x: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
        self.layers_t(x, mode)?.last()
    }

    fn layers(&self, x: &Tensor) -> candle_core::Result<Vec<(String, Tensor)>> {
        Ok(self.layers_t(x, Mode::Evaluate)?.all())
    }
}
