//! ResNet-18: eighteen layers with weights, in blocks that add their input to what they make of it, so that a block that
//! has nothing to add can stay near zero. D2L zh 7.6, en 8.6; He et al. 2016, <https://arxiv.org/abs/1512.03385>.
//!
//! A block computes relu(x + norm(w₂ ∗ relu(norm(w₁ ∗ x)))). Where it halves the sides and doubles the channels, a
//! convolution of 1 × 1 with stride 2 does the same to x on its way around.

use anyhow::Result;
use candle_core::{Module, Tensor};
use candle_nn::VarBuilder;
use d2l::nn::{
    BatchNorm, Conv2d, Conv2dConfig, Curve, Initializer, Linear, Mode, Network, ParamStore, Pool2d,
    Schedule, add_relu, batch_norm, conv2d, global_avg_pool2d, linear, max_pool2d, relu,
};
use d2l::{Band, Implementation, Preset, PresetName, Recipe};

use crate::layers::{Outputs, in_turn};

/// As in `--model`.
pub const NAME: &str = "resnet18";

/// The experiments. The book enlarges the pictures to 96 × 96; `quick` takes them as they are and `small` at 32 × 32, on
/// a CPU.
pub const PRESETS: &[Preset] = &[QUICK, SMALL, ZH, EN];

const QUICK: Preset = Preset {
    model: NAME,
    implementation: Implementation::Concise,
    name: PresetName::Quick,
    section: "zh 7.6",
    recipe: Recipe {
        epochs: 1,
        batch_size: 64,
        learning_rate: 0.05,
        initializer: Initializer::Xavier,
        ..Recipe::SGD
    },
    bands: &[],
};

/// Nine of ten pictures of Fashion-MNIST, in minutes: a rate that falls to nothing settles what the last epoch learns.
const SMALL: Preset = Preset {
    name: PresetName::Small,
    recipe: Recipe {
        epochs: 3,
        schedule: Schedule::new(Curve::Cosine {
            epochs: None,
            end: 0.0,
        }),
        ..QUICK.recipe
    },
    ..QUICK
};

const ZH: Preset = Preset {
    model: NAME,
    implementation: Implementation::Concise,
    name: PresetName::Zh,
    section: "zh 7.6",
    recipe: Recipe {
        epochs: 10,
        batch_size: 256,
        learning_rate: 0.05,
        initializer: Initializer::Xavier,
        ..Recipe::SGD
    },
    bands: &[
        Band::book("train.loss", 0.004, 0.012, 0.019, 55).printed(3),
        Band::book("train.accuracy", 0.995, 0.997, 1.0, 55).printed(3),
        Band::book("valid.accuracy", 0.814, 0.914, 0.927, 55).printed(3),
        Band::book("valid.accuracy.best", 0.9047, 0.9169, 0.9268, 55),
    ],
};

const EN: Preset = Preset {
    model: NAME,
    implementation: Implementation::Concise,
    name: PresetName::En,
    section: "en 8.6",
    recipe: Recipe {
        epochs: 10,
        batch_size: 128,
        learning_rate: 0.01,
        initializer: Initializer::Xavier,
        ..Recipe::SGD
    },
    bands: &[], // 11 builds, and no runs of the twin to pool them with: see the README
};

/// Channels of the four stages.
const CHANNELS: [usize; 4] = [64, 128, 256, 512];

/// What the book's exercises take away or change: which of these makes a deep network learn?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Blocks in each of the four stages: 2 make eighteen layers, each more makes eight more.
    pub blocks: usize,
    /// Whether batch normalisation stands behind each convolution.
    pub batch_norm: bool,
    /// Whether a block adds its input to what it makes of it.
    pub shortcut: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            blocks: 2,
            batch_norm: true,
            shortcut: true,
        }
    }
}

/// Two convolutions of 3 × 3 and the path around them.
struct Residual {
    conv1: Conv2d,
    norm1: Option<BatchNorm>,
    conv2: Conv2d,
    norm2: Option<BatchNorm>,
    around: Around,
}

/// What a block adds to what it makes of its input.
enum Around {
    /// Nothing.
    Closed,
    /// The input.
    Input,
    /// The input in the output's shape.
    Shortcut(Conv2d),
}

impl Residual {
    fn new(
        in_channels: usize,
        out_channels: usize,
        options: &Options,
        initializer: &Initializer,
        vb: VarBuilder,
    ) -> Result<Self> {
        let halves = in_channels != out_channels;
        let config = Conv2dConfig::default().stride(if halves { 2 } else { 1 });
        let conv = |channels, size, config, name| {
            let vb = vb.pp(name);
            conv2d(channels, out_channels, size, config, initializer, vb)
        };
        let around = match (options.shortcut, halves) {
            (false, _) => Around::Closed,
            (true, false) => Around::Input,
            (true, true) => Around::Shortcut(conv(in_channels, 1, config, "shortcut")?),
        };
        let same = Conv2dConfig::default().padding(1);
        Ok(Self {
            conv1: conv(in_channels, 3, config.padding(1), "conv1")?,
            norm1: norm(out_channels, options, vb.pp("norm1"))?,
            conv2: conv(out_channels, 3, same, "conv2")?,
            norm2: norm(out_channels, options, vb.pp("norm2"))?,
            around,
        })
    }

    fn forward_t(&self, x: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
        let h = norm_relu(&self.norm1, &self.conv1.forward(x)?, mode)?;
        let h = self.conv2.forward(&h)?;
        let h = match &self.norm2 {
            Some(norm) => norm.forward_t(&h, mode)?,
            None => h,
        };
        match &self.around {
            Around::Closed => relu(&h),
            Around::Input => add_relu(&h, x),
            Around::Shortcut(conv) => add_relu(&h, &conv.forward(x)?),
        }
    }
}

/// Batch normalisation, unless the options take it away.
fn norm(channels: usize, options: &Options, vb: VarBuilder) -> Result<Option<BatchNorm>> {
    let norm = || batch_norm(channels, vb);
    Ok(options.batch_norm.then(norm).transpose()?)
}

/// relu(norm(h)), or relu(h) without batch normalisation.
fn norm_relu(norm: &Option<BatchNorm>, h: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
    match norm {
        Some(norm) => norm.forward_t_relu(h, mode),
        None => relu(h),
    }
}

/// A stem that makes the picture small, four stages of two blocks, a mean over what is left, and a linear layer.
pub struct ResNet18 {
    conv: Conv2d,
    norm: Option<BatchNorm>,
    stages: Vec<(String, Vec<Residual>)>,
    output: Linear,
}

impl ResNet18 {
    /// For pictures of `in_channels` colours and any size.
    pub fn new(
        in_channels: usize,
        num_outputs: usize,
        initializer: &Initializer,
        params: &ParamStore,
    ) -> Result<Self> {
        let options = Options::default();
        Self::with_options(in_channels, num_outputs, &options, initializer, params)
    }

    /// The same with what the exercises change.
    pub fn with_options(
        in_channels: usize,
        num_outputs: usize,
        options: &Options,
        initializer: &Initializer,
        params: &ParamStore,
    ) -> Result<Self> {
        let vb = params.builder();
        let [first, .., last] = CHANNELS;
        let stem = Conv2dConfig::default().stride(2).padding(3);
        let mut stages = Vec::new();
        let mut before = first;
        for (number, channels) in CHANNELS.into_iter().enumerate() {
            let stage = vb.pp(format!("stages.{number}"));
            let mut blocks = Vec::new();
            for block in 0..options.blocks {
                let vb = stage.pp(block.to_string());
                blocks.push(Residual::new(before, channels, options, initializer, vb)?);
                before = channels;
            }
            stages.push((format!("stages.{number}"), blocks));
        }
        Ok(Self {
            conv: conv2d(in_channels, first, 7, stem, initializer, vb.pp("conv"))?,
            norm: norm(first, options, vb.pp("norm"))?,
            stages,
            output: linear(last, num_outputs, initializer, vb.pp("output"))?,
        })
    }

    fn layers_t(&self, x: &Tensor, mode: Mode) -> candle_core::Result<Outputs> {
        let name = if self.norm.is_some() { "norm" } else { "relu" };
        let mut layers = Outputs::first("conv", self.conv.forward(x)?)
            .then(name, |h| norm_relu(&self.norm, h, mode))?
            .then("max_pool", |h| {
                max_pool2d(h, &Pool2d::new(3).stride(2).padding(1))
            })?;
        for (name, blocks) in &self.stages {
            layers = layers.then(name, |h| {
                in_turn(blocks, h, |block, h| block.forward_t(h, mode))
            })?;
        }
        layers
            .then("global_avg_pool", global_avg_pool2d)?
            .then("flatten", |h| h.flatten_from(1))?
            .then("output", |h| self.output.forward(h))
    }
}

impl Network for ResNet18 {
    /// `[B, C, H, W] -> [B, K]`: logits.
    fn forward_t(&self, x: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
        self.layers_t(x, mode)?.last()
    }

    fn layers(&self, x: &Tensor) -> candle_core::Result<Vec<(String, Tensor)>> {
        Ok(self.layers_t(x, Mode::Evaluate)?.all())
    }
}
