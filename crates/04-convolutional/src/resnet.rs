//! ResNet-18: eighteen layers with weights, in blocks that add their input to what they make of it, so that a block that
//! has nothing to add can stay near zero. D2L zh 7.6, en 8.6; He et al. 2016, <https://arxiv.org/abs/1512.03385>.
//!
//! A block computes relu(x + norm(w₂ ∗ relu(norm(w₁ ∗ x)))). Where it halves the sides and doubles the channels, a
//! convolution of 1 × 1 with stride 2 does the same to x on its way around.

use anyhow::Result;
use candle_core::{Module, Tensor};
use d2l::nn::{
    BatchNorm, Conv2d, Conv2dConfig, Initializer, Linear, Mode, Network, ParamStore, Pool2d,
    batch_norm, conv2d, global_avg_pool2d, linear, max_pool2d, relu,
};
use d2l::{Implementation, Preset, PresetName, Recipe};

/// As in `--model`.
pub const NAME: &str = "resnet18";

/// The experiments. The book enlarges the pictures to 96 × 96; this preset takes them as they are, on a CPU.
pub const PRESETS: &[Preset] = &[Preset {
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
}];

/// Channels of the four stages.
const CHANNELS: [usize; 4] = [64, 128, 256, 512];

/// Two convolutions of 3 × 3 and the path around them.
struct Residual {
    conv1: Conv2d,
    norm1: BatchNorm,
    conv2: Conv2d,
    norm2: BatchNorm,
    shortcut: Option<Conv2d>,
}

impl Residual {
    fn new(
        in_channels: usize,
        out_channels: usize,
        stride: usize,
        initializer: &Initializer,
        vb: candle_nn::VarBuilder,
    ) -> Result<Self> {
        let same = Conv2dConfig::default().padding(1);
        let conv = |channels, config, name| {
            conv2d(channels, out_channels, 3, config, initializer, vb.pp(name))
        };
        let changes = stride != 1 || in_channels != out_channels;
        let around = Conv2dConfig::default().stride(stride);
        let shortcut = || {
            conv2d(
                in_channels,
                out_channels,
                1,
                around,
                initializer,
                vb.pp("shortcut"),
            )
        };
        Ok(Self {
            conv1: conv(in_channels, same.stride(stride), "conv1")?,
            norm1: batch_norm(out_channels, vb.pp("norm1"))?,
            conv2: conv(out_channels, same, "conv2")?,
            norm2: batch_norm(out_channels, vb.pp("norm2"))?,
            shortcut: changes.then(shortcut).transpose()?,
        })
    }

    fn forward_t(&self, x: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
        let h = self.norm1.forward_t_relu(&self.conv1.forward(x)?, mode)?;
        let h = self.norm2.forward_t(&self.conv2.forward(&h)?, mode)?;
        match &self.shortcut {
            Some(shortcut) => relu(&(h + shortcut.forward(x)?)?),
            None => relu(&(h + x)?),
        }
    }
}

/// A stem that makes the picture small, four stages of two blocks, a mean over what is left, and a linear layer.
pub struct ResNet18 {
    conv: Conv2d,
    norm: BatchNorm,
    stages: Vec<(String, [Residual; 2])>,
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
        let vb = params.builder();
        let [first, .., last] = CHANNELS;
        let stem = Conv2dConfig::default().stride(2).padding(3);
        let mut stages = Vec::new();
        let mut before = first;
        for (number, channels) in CHANNELS.into_iter().enumerate() {
            let stage = vb.pp(format!("stages.{number}"));
            let stride = if channels == before { 1 } else { 2 };
            let blocks = [
                Residual::new(before, channels, stride, initializer, stage.pp("0"))?,
                Residual::new(channels, channels, 1, initializer, stage.pp("1"))?,
            ];
            stages.push((format!("stages.{number}"), blocks));
            before = channels;
        }
        Ok(Self {
            conv: conv2d(in_channels, first, 7, stem, initializer, vb.pp("conv"))?,
            norm: batch_norm(first, vb.pp("norm"))?,
            stages,
            output: linear(last, num_outputs, initializer, vb.pp("output"))?,
        })
    }

    fn layers_t(&self, x: &Tensor, mode: Mode) -> candle_core::Result<Vec<(String, Tensor)>> {
        let mut layers = Vec::new();
        let mut h = self.conv.forward(x)?;
        layers.push(("conv".to_string(), h.clone()));
        h = self.norm.forward_t_relu(&h, mode)?;
        layers.push(("norm".to_string(), h.clone()));
        h = max_pool2d(&h, &Pool2d::new(3).stride(2).padding(1))?;
        layers.push(("max_pool".to_string(), h.clone()));
        for (name, blocks) in &self.stages {
            for block in blocks {
                h = block.forward_t(&h, mode)?;
            }
            layers.push((name.clone(), h.clone()));
        }
        h = global_avg_pool2d(&h)?;
        layers.push(("global_avg_pool".to_string(), h.clone()));
        h = h.flatten_from(1)?;
        layers.push(("flatten".to_string(), h.clone()));
        layers.push(("output".to_string(), self.output.forward(&h)?));
        Ok(layers)
    }
}

impl Network for ResNet18 {
    /// `[B, C, H, W] -> [B, K]`: logits.
    fn forward_t(&self, x: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
        crate::output_of(self.layers_t(x, mode)?)
    }

    fn layers(&self, x: &Tensor) -> candle_core::Result<Vec<(String, Tensor)>> {
        self.layers_t(x, Mode::Evaluate)
    }
}
