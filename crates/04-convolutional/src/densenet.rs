//! DenseNet: every layer of a block sees the outputs of all before it, put one behind the other; between blocks, channels
//! and sides are halved. D2L zh 7.7, en 8.7; Huang et al. 2017, <https://arxiv.org/abs/1608.06993>.

use anyhow::Result;
use candle_core::{Module, Tensor};
use candle_nn::VarBuilder;
use d2l::nn::{
    BatchNorm, Conv2d, Initializer, Linear, Mode, Network, ParamStore, Pool2d, avg_pool2d,
    batch_norm, concat, global_avg_pool2d, linear, max_pool2d,
};
use d2l::{Implementation, Preset, PresetName, Recipe};

use crate::layers::{Outputs, Window, in_turn};

/// As in `--model`.
pub const NAME: &str = "densenet";

/// The experiments. The book enlarges the pictures to 96 × 96; `quick` takes them as they are, on a CPU.
pub const PRESETS: &[Preset] = &[QUICK, ZH, EN];

const QUICK: Preset = Preset {
    model: NAME,
    implementation: Implementation::Concise,
    name: PresetName::Quick,
    section: "zh 7.7",
    recipe: Recipe {
        epochs: 1,
        batch_size: 64,
        learning_rate: 0.1,
        initializer: Initializer::Xavier,
        ..Recipe::SGD
    },
    bands: &[],
};

const ZH: Preset = Preset {
    model: NAME,
    implementation: Implementation::Concise,
    name: PresetName::Zh,
    section: "zh 7.7",
    recipe: Recipe {
        epochs: 10,
        batch_size: 256,
        learning_rate: 0.1,
        initializer: Initializer::Xavier,
        ..Recipe::SGD
    },
    bands: &[], // 7 builds, and no runs of the twin to pool them with: see the README
};

const EN: Preset = Preset {
    model: NAME,
    implementation: Implementation::Concise,
    name: PresetName::En,
    section: "en 8.7",
    recipe: Recipe {
        epochs: 10,
        batch_size: 128,
        learning_rate: 0.01,
        initializer: Initializer::PytorchDefault,
        ..Recipe::SGD
    },
    bands: &[], // 11 builds, and no runs of the twin to pool them with: see the README
};

/// Blocks of the book's network.
pub const BLOCKS: usize = 4;

/// The blocks that pictures of this side have room for: at 28 × 28 nothing would be left for the fourth.
pub fn blocks(side: usize) -> usize {
    if side < 29 { BLOCKS - 1 } else { BLOCKS }
}

/// Convolutions of a block.
const CONVOLUTIONS: usize = 4;

/// Channels that each of them adds.
const GROWTH: usize = 32;

/// Channels of the stem.
const STEM: usize = 64;

/// Batch normalisation and ReLU, then a convolution: the order that suits inputs that many layers share.
struct Layer {
    norm: BatchNorm,
    conv: Conv2d,
}

impl Layer {
    fn new(
        window: Window,
        in_channels: usize,
        out_channels: usize,
        initializer: &Initializer,
        vb: VarBuilder,
    ) -> candle_core::Result<Self> {
        Ok(Self {
            norm: batch_norm(in_channels, vb.pp("norm"))?,
            conv: window.conv2d(in_channels, out_channels, initializer, vb.pp("conv"))?,
        })
    }

    fn forward_t(&self, x: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
        self.conv.forward(&self.norm.forward_t_relu(x, mode)?)
    }
}

/// Stem, blocks with transitions between them, a mean over the picture, and a linear layer.
pub struct DenseNet {
    conv: Conv2d,
    norm: BatchNorm,
    blocks: Vec<Vec<Layer>>,
    transitions: Vec<Layer>,
    last_norm: BatchNorm,
    output: Linear,
}

impl DenseNet {
    /// For pictures of `in_channels` colours, of which `blocks` - 1 transitions leave something.
    pub fn new(
        blocks: usize,
        in_channels: usize,
        num_outputs: usize,
        initializer: &Initializer,
        params: &ParamStore,
    ) -> Result<Self> {
        let vb = params.builder();
        let mut channels = STEM;
        let (mut all, mut transitions) = (Vec::new(), Vec::new());
        for number in 0..blocks {
            let mut block = Vec::new();
            for layer in 0..CONVOLUTIONS {
                let vb = vb.pp(format!("dense{}.{layer}", number + 1));
                block.push(Layer::new(
                    Window::new(3, 1, 1),
                    channels,
                    GROWTH,
                    initializer,
                    vb,
                )?);
                channels += GROWTH;
            }
            all.push(block);
            if number + 1 < blocks {
                let vb = vb.pp(format!("transition{}", number + 1));
                let window = Window::new(1, 1, 0);
                transitions.push(Layer::new(window, channels, channels / 2, initializer, vb)?);
                channels /= 2;
            }
        }
        let stem = Window::new(7, 2, 3);
        Ok(Self {
            conv: stem.conv2d(in_channels, STEM, initializer, vb.pp("stem.conv"))?,
            norm: batch_norm(STEM, vb.pp("stem.norm"))?,
            blocks: all,
            transitions,
            last_norm: batch_norm(channels, vb.pp("last_norm"))?,
            output: linear(channels, num_outputs, initializer, vb.pp("output"))?,
        })
    }

    fn layers_t(&self, x: &Tensor, mode: Mode) -> candle_core::Result<Outputs> {
        let stem = self.norm.forward_t_relu(&self.conv.forward(x)?, mode)?;
        let stem = max_pool2d(&stem, &Pool2d::new(3).stride(2).padding(1))?;
        let mut layers = Outputs::first("stem", stem);
        for (number, block) in self.blocks.iter().enumerate() {
            layers = layers.then(format!("dense{}", number + 1), |h| dense(block, h, mode))?;
            if let Some(transition) = self.transitions.get(number) {
                layers = layers.then(format!("transition{}", number + 1), |h| {
                    avg_pool2d(&transition.forward_t(h, mode)?, &Pool2d::new(2), true)
                })?;
            }
        }
        layers
            .then("last_norm", |h| self.last_norm.forward_t_relu(h, mode))?
            .then("global_avg_pool", global_avg_pool2d)?
            .then("flatten", |h| h.flatten_from(1))?
            .then("output", |h| self.output.forward(h))
    }
}

/// `[B, C, H, W]` to that and what each layer adds: `[B, C + layers · growth, H, W]`.
fn dense(block: &[Layer], x: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
    in_turn(block, x, |layer, h| {
        concat(&[h, &layer.forward_t(h, mode)?], 1)
    })
}

impl Network for DenseNet {
    /// `[B, C, H, W] -> [B, K]`: logits.
    fn forward_t(&self, x: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
        self.layers_t(x, mode)?.last()
    }

    fn layers(&self, x: &Tensor) -> candle_core::Result<Vec<(String, Tensor)>> {
        Ok(self.layers_t(x, Mode::Evaluate)?.all())
    }
}
