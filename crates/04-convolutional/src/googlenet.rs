//! GoogLeNet: blocks that pass their input through kernels of 1 × 1, 3 × 3 and 5 × 5 and through a pooling layer, and
//! concatenate what comes out. D2L zh 7.4, en 8.4; Szegedy et al. 2015, <https://arxiv.org/abs/1409.4842>.

use anyhow::Result;
use candle_core::{Module, Tensor};
use candle_nn::VarBuilder;
use d2l::PresetName::{En, Zh};
use d2l::nn::{
    Conv2d, Initializer, Linear, Mode, Network, ParamStore, Pool2d, block, concat,
    global_avg_pool2d, linear, max_pool2d,
};
use d2l::{Model, Preset, Recipe, Run};

use crate::layers::{Kernel, conv_relu};
use crate::pictures::{self, Enlarged, Shape};

const ZH: Recipe = Recipe {
    epochs: 10,
    batch_size: 128,
    learning_rate: 0.1,
    initializer: Initializer::Xavier,
    ..Recipe::SGD
};
const EN: Recipe = Recipe { learning_rate: 0.01, ..ZH };
const QUICK: Recipe = Recipe { batch_size: 64, initializer: Initializer::Kaiming, ..ZH };
/// The experiments.
pub const PRESETS: &[Preset<Enlarged>] = &[
    Preset::quick(1, "zh 7.4", QUICK, Enlarged::STORED).on_first(30_000),
    Preset::new(Zh, "zh 7.4", ZH, Enlarged::to(96)),
    Preset::new(En, "en 8.4", EN, Enlarged::to(96)),
];

/// Two stages of convolutions, three of blocks, a mean over the picture, and a linear layer.
pub struct GoogLeNet {
    stage1: [Conv2d; 1],
    stage2: [Conv2d; 2],
    stage3: Vec<Inception>,
    stage4: Vec<Inception>,
    stage5: Vec<Inception>,
    output: Linear,
}

impl GoogLeNet {
    /// For pictures of any size.
    pub fn new(shape: Shape, init: &Initializer, params: &ParamStore) -> Result<Self> {
        let vb = params.builder();
        let conv = |kernel: Kernel, inputs, outputs, name| {
            kernel.conv2d(inputs, outputs, init, vb.pp(name))
        };
        let stem = Kernel::new(7).stride(2).padding(3);
        let mut channels = 192; // of the second stage, then of the last block
        let mut stage = |name: &str, blocks: &[Paths]| -> candle_core::Result<Vec<Inception>> {
            let mut stage = Vec::new();
            for (number, paths) in blocks.iter().enumerate() {
                let vb = vb.pp(format!("{name}.{number}"));
                stage.push(Inception::new(channels, paths, init, vb)?);
                let (one, [_, three], [_, five], pooled) = paths;
                channels = one + three + five + pooled;
            }
            Ok(stage)
        };
        Ok(Self {
            stage1: [conv(stem, shape.channels, 64, "stage1")?],
            stage2: [
                conv(ONE, 64, 64, "stage2.0")?,
                conv(THREE, 64, 192, "stage2.1")?,
            ],
            stage3: stage("stage3", STAGE3)?,
            stage4: stage("stage4", STAGE4)?,
            stage5: stage("stage5", STAGE5)?,
            output: linear(channels, shape.classes, init, vb.pp("output"))?,
        })
    }
}

impl Network for GoogLeNet {
    /// `[B, C, S, S] -> [B, K]`: logits. The shapes are those of pictures of 96 × 96 pixels.
    fn forward(&self, x: &Tensor, _: Mode) -> candle_core::Result<Tensor> {
        let pool = |h: &Tensor| max_pool2d(h, &Pool2d::new(3).stride(2).padding(1));
        let inception = |blocks: &[Inception], h: &Tensor| {
            let mut blocks = blocks.iter();
            blocks.try_fold(h.clone(), |h, block| block.forward(&h))
        };
        let h = block("stage1", || pool(&conv_relu(&self.stage1, x)?))?; // [B, 64, 24, 24]
        let h = block("stage2", || pool(&conv_relu(&self.stage2, &h)?))?; // [B, 192, 12, 12]
        let h = block("stage3", || pool(&inception(&self.stage3, &h)?))?; // [B, 480, 6, 6]
        let h = block("stage4", || pool(&inception(&self.stage4, &h)?))?; // [B, 832, 3, 3]
        let h = block("stage5", || inception(&self.stage5, &h))?; // [B, 1024, 3, 3]
        let h = global_avg_pool2d(&h)?.flatten_from(1)?;
        self.output.forward(&h)
    }
}

const ONE: Kernel = Kernel::new(1);
const THREE: Kernel = Kernel::new(3).padding(1);
const FIVE: Kernel = Kernel::new(5).padding(2);

/// Channels of a block's four paths: of 1 × 1; of 1 × 1, then 3 × 3; of 1 × 1, then 5 × 5; of 1 × 1 behind the pooling.
type Paths = (usize, [usize; 2], [usize; 2], usize);

const STAGE3: &[Paths] = &[
    (64, [96, 128], [16, 32], 32),
    (128, [128, 192], [32, 96], 64),
];
const STAGE4: &[Paths] = &[
    (192, [96, 208], [16, 48], 64),
    (160, [112, 224], [24, 64], 64),
    (128, [128, 256], [24, 64], 64),
    (112, [144, 288], [32, 64], 64),
    (256, [160, 320], [32, 128], 128),
];
const STAGE5: &[Paths] = &[
    (256, [160, 320], [32, 128], 128),
    (384, [192, 384], [48, 128], 128),
];

/// Four paths side by side.
struct Inception {
    one: [Conv2d; 1],
    three: [Conv2d; 2],
    five: [Conv2d; 2],
    pooled: [Conv2d; 1],
}

impl Inception {
    fn new(
        inputs: usize,
        &(one, [reduced3, three], [reduced5, five], pooled): &Paths,
        init: &Initializer,
        vb: VarBuilder,
    ) -> candle_core::Result<Self> {
        let conv = |kernel: Kernel, inputs, outputs, name| {
            kernel.conv2d(inputs, outputs, init, vb.pp(name))
        };
        Ok(Self {
            one: [conv(ONE, inputs, one, "one")?],
            three: [
                conv(ONE, inputs, reduced3, "three.0")?,
                conv(THREE, reduced3, three, "three.1")?,
            ],
            five: [
                conv(ONE, inputs, reduced5, "five.0")?,
                conv(FIVE, reduced5, five, "five.1")?,
            ],
            pooled: [conv(ONE, inputs, pooled, "pooled")?],
        })
    }

    /// `[B, C, H, W]` to the channels of all paths, in the same places.
    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let pooled = max_pool2d(x, &Pool2d::new(3).stride(1).padding(1))?;
        let one = conv_relu(&self.one, x)?;
        let three = conv_relu(&self.three, x)?;
        let five = conv_relu(&self.five, x)?;
        let pooled = conv_relu(&self.pooled, &pooled)?;
        concat(&[&one, &three, &five, &pooled], 1)
    }
}

/// GoogLeNet in the chapter's list.
pub fn model() -> Model {
    let about = "GoogLeNet: kernels of several sizes side by side (D2L zh 7.4, en 8.4)";
    Model::new("googlenet", about, train, &[], PRESETS)
}

fn train(run: &mut Run, options: &Enlarged) -> Result<()> {
    pictures::train(run, &options.pictures, options.side, GoogLeNet::new)
}
