//! GoogLeNet: blocks that look at their input through windows of 1 × 1, 3 × 3 and 5 × 5 and a pooling side by side, and
//! put what these see one behind the other. D2L zh 7.4, en 8.4; Szegedy et al. 2015, <https://arxiv.org/abs/1409.4842>.

use anyhow::Result;
use candle_core::{Module, Tensor};
use candle_nn::VarBuilder;
use d2l::nn::{
    Conv2d, Initializer, Linear, Mode, Network, ParamStore, Pool2d, concat, global_avg_pool2d,
    linear, max_pool2d,
};
use d2l::{Band, Implementation, Preset, PresetName, Recipe};

use crate::layers::{Outputs, Window, in_turn, rectified};

/// As in `--model`.
pub const NAME: &str = "googlenet";

/// The experiments. The book enlarges the pictures to 96 × 96; `quick` takes them as they are, on a CPU.
pub const PRESETS: &[Preset] = &[QUICK, ZH, EN];

const QUICK: Preset = Preset {
    model: NAME,
    implementation: Implementation::Concise,
    name: PresetName::Quick,
    section: "zh 7.4",
    recipe: Recipe {
        epochs: 1,
        batch_size: 64,
        learning_rate: 0.1,
        initializer: Initializer::Kaiming,
        ..Recipe::SGD
    },
    bands: &[],
};

const ZH: Preset = Preset {
    model: NAME,
    implementation: Implementation::Concise,
    name: PresetName::Zh,
    section: "zh 7.4",
    recipe: Recipe {
        epochs: 10,
        batch_size: 128,
        learning_rate: 0.1,
        initializer: Initializer::Xavier,
        ..Recipe::SGD
    },
    bands: &[
        Band::book("train.loss", 0.235, 0.249, 0.346, 49).printed(3),
        Band::book("train.accuracy", 0.1, 0.9055, 0.912, 50).printed(3),
        Band::book("valid.accuracy", 0.1, 0.8885, 0.899, 50).printed(3),
        Band::book("valid.accuracy.best", 0.8453, 0.8912, 0.8988, 50),
    ],
};

const EN: Preset = Preset {
    model: NAME,
    implementation: Implementation::Concise,
    name: PresetName::En,
    section: "en 8.4",
    recipe: Recipe {
        epochs: 10,
        batch_size: 128,
        learning_rate: 0.01,
        initializer: Initializer::Xavier,
        ..Recipe::SGD
    },
    bands: &[], // 11 builds, and no runs of the twin to pool them with: see the README
};

/// Channels of a block's paths.
#[derive(Clone, Copy)]
struct Paths {
    /// Of 1 × 1 alone.
    one: usize,
    /// Of 1 × 1, then of 3 × 3.
    three: [usize; 2],
    /// Of 1 × 1, then of 5 × 5.
    five: [usize; 2],
    /// Of 1 × 1 behind the pooling.
    pooled: usize,
}

impl Paths {
    const fn new(one: usize, three: [usize; 2], five: [usize; 2], pooled: usize) -> Self {
        Self {
            one,
            three,
            five,
            pooled,
        }
    }

    /// Channels of the block's output.
    fn outputs(&self) -> usize {
        self.one + self.three[1] + self.five[1] + self.pooled
    }
}

/// The blocks of the third, fourth and fifth stage.
const STAGES: [&[Paths]; 3] = [
    &[
        Paths::new(64, [96, 128], [16, 32], 32),
        Paths::new(128, [128, 192], [32, 96], 64),
    ],
    &[
        Paths::new(192, [96, 208], [16, 48], 64),
        Paths::new(160, [112, 224], [24, 64], 64),
        Paths::new(128, [128, 256], [24, 64], 64),
        Paths::new(112, [144, 288], [32, 64], 64),
        Paths::new(256, [160, 320], [32, 128], 128),
    ],
    &[
        Paths::new(256, [160, 320], [32, 128], 128),
        Paths::new(384, [192, 384], [48, 128], 128),
    ],
];

const ONE: Window = Window::new(1, 1, 0);
const THREE: Window = Window::new(3, 1, 1);
const FIVE: Window = Window::new(5, 1, 2);

/// Four paths side by side.
struct Inception {
    one: [Conv2d; 1],
    three: [Conv2d; 2],
    five: [Conv2d; 2],
    pooled: [Conv2d; 1],
}

impl Inception {
    fn new(
        in_channels: usize,
        paths: &Paths,
        initializer: &Initializer,
        vb: VarBuilder,
    ) -> candle_core::Result<Self> {
        let conv = |window: Window, from, to, name: &str| {
            window.conv2d(from, to, initializer, vb.pp(name))
        };
        let [reduced3, three] = paths.three;
        let [reduced5, five] = paths.five;
        Ok(Self {
            one: [conv(ONE, in_channels, paths.one, "one")?],
            three: [
                conv(ONE, in_channels, reduced3, "three.0")?,
                conv(THREE, reduced3, three, "three.1")?,
            ],
            five: [
                conv(ONE, in_channels, reduced5, "five.0")?,
                conv(FIVE, reduced5, five, "five.1")?,
            ],
            pooled: [conv(ONE, in_channels, paths.pooled, "pooled")?],
        })
    }

    /// `[B, C, H, W]` to the channels of all paths, in the same places.
    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let pooled = max_pool2d(x, &Pool2d::new(3).stride(1).padding(1))?;
        let [one, three] = [rectified(&self.one, x)?, rectified(&self.three, x)?];
        let [five, pooled] = [rectified(&self.five, x)?, rectified(&self.pooled, &pooled)?];
        concat(&[&one, &three, &five, &pooled], 1)
    }
}

/// Two stages of convolutions, three of blocks, a mean over the picture, and a linear layer.
pub struct GoogLeNet {
    stage1: [Conv2d; 1],
    stage2: [Conv2d; 2],
    stages: [Vec<Inception>; 3],
    output: Linear,
}

impl GoogLeNet {
    /// For pictures of `in_channels` colours and any size.
    pub fn new(
        in_channels: usize,
        num_outputs: usize,
        initializer: &Initializer,
        params: &ParamStore,
    ) -> Result<Self> {
        let vb = params.builder();
        let mut before = 192;
        let mut stage = |number: usize| -> candle_core::Result<Vec<Inception>> {
            let mut blocks = Vec::new();
            for (block, paths) in STAGES[number].iter().enumerate() {
                let vb = vb.pp(format!("stage{}.{block}", number + 3));
                blocks.push(Inception::new(before, paths, initializer, vb)?);
                before = paths.outputs();
            }
            Ok(blocks)
        };
        let stages = [stage(0)?, stage(1)?, stage(2)?];
        let conv = |window: Window, from, to, name: &str| {
            window.conv2d(from, to, initializer, vb.pp(name))
        };
        Ok(Self {
            stage1: [conv(Window::new(7, 2, 3), in_channels, 64, "stage1")?],
            stage2: [
                conv(ONE, 64, 64, "stage2.0")?,
                conv(THREE, 64, 192, "stage2.1")?,
            ],
            stages,
            output: linear(before, num_outputs, initializer, vb.pp("output"))?,
        })
    }

    fn outputs(&self, x: &Tensor) -> candle_core::Result<Outputs> {
        let pool = |h: &Tensor| max_pool2d(h, &Pool2d::new(3).stride(2).padding(1));
        let blocks = |stage: &[Inception], h: &Tensor| in_turn(stage, h, Inception::forward);
        let [stage3, stage4, stage5] = &self.stages;
        Outputs::first("stage1", pool(&rectified(&self.stage1, x)?)?)
            .then("stage2", |h| pool(&rectified(&self.stage2, h)?))?
            .then("stage3", |h| pool(&blocks(stage3, h)?))?
            .then("stage4", |h| pool(&blocks(stage4, h)?))?
            .then("stage5", |h| blocks(stage5, h))?
            .then("global_avg_pool", global_avg_pool2d)?
            .then("flatten", |h| h.flatten_from(1))?
            .then("output", |h| self.output.forward(h))
    }
}

impl Network for GoogLeNet {
    /// `[B, C, H, W] -> [B, K]`: logits.
    fn forward_t(&self, x: &Tensor, _: Mode) -> candle_core::Result<Tensor> {
        self.outputs(x)?.last()
    }

    fn layers(&self, x: &Tensor) -> candle_core::Result<Vec<(String, Tensor)>> {
        Ok(self.outputs(x)?.all())
    }
}
