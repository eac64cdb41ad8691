//! VGG: blocks of 3 × 3 convolutions, each block ended by a pooling that halves the picture. D2L zh 7.2, en 8.2; Simonyan
//! and Zisserman 2014, <https://arxiv.org/abs/1409.1556>.

use anyhow::Result;
use candle_core::Tensor;
use d2l::nn::{Conv2d, Initializer, Mode, Network, ParamStore, Pool2d, max_pool2d};
use d2l::{Band, Implementation, Preset, PresetName, Recipe};

use crate::dense_head::DenseHead;
use crate::layers::{Outputs, Window, large_enough, rectified};

/// As in `--model`.
pub const NAME: &str = "vgg";

/// The experiments. The book enlarges the pictures to 224 × 224; `quick` takes them as they are, on a CPU.
pub const PRESETS: &[Preset] = &[QUICK, ZH, EN];

const QUICK: Preset = Preset {
    model: NAME,
    implementation: Implementation::Concise,
    name: PresetName::Quick,
    section: "zh 7.2",
    recipe: Recipe {
        epochs: 1,
        batch_size: 64,
        learning_rate: 0.05,
        initializer: Initializer::Kaiming,
        ..Recipe::SGD
    },
    bands: &[],
};

const ZH: Preset = Preset {
    model: NAME,
    implementation: Implementation::Concise,
    name: PresetName::Zh,
    section: "zh 7.2",
    recipe: Recipe {
        epochs: 10,
        batch_size: 128,
        learning_rate: 0.05,
        initializer: Initializer::Xavier,
        ..Recipe::SGD
    },
    bands: &[
        Band::book("train.loss", 0.167, 0.178, 0.22, 48).printed(3),
        Band::book("train.accuracy", 0.918, 0.934, 0.938, 48).printed(3),
        Band::book("valid.accuracy", 0.9, 0.9195, 0.925, 48).printed(3),
        Band::book("valid.accuracy.best", 0.9058, 0.9202, 0.9255, 48),
    ],
};

const EN: Preset = Preset {
    model: NAME,
    implementation: Implementation::Concise,
    name: PresetName::En,
    section: "en 8.2",
    recipe: Recipe {
        epochs: 10,
        batch_size: 128,
        learning_rate: 0.01,
        initializer: Initializer::Xavier,
        ..Recipe::SGD
    },
    bands: &[], // 11 builds, and no runs of the twin to pool them with: see the README
};

/// Convolutions and channels of each block, and units of a dense layer.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    blocks: &'static [(usize, usize)],
    hidden: usize,
}

impl Sizes {
    /// The larger of the two trained ones that pictures of this side have room for.
    pub fn of(side: usize) -> Self {
        match side {
            32.. => Self::BOOK,
            _ => Self::SMALL,
        }
    }

    /// VGG-11 with a quarter of its channels, as the book trains it, for pictures of 32 × 32 and more.
    pub const BOOK: Self = Self {
        blocks: &[(1, 16), (1, 32), (2, 64), (2, 128), (2, 128)],
        hidden: 4096,
    };

    /// VGG-11 itself, with which the book shows the shapes.
    pub const WIDE: Self = Self {
        blocks: &[(1, 64), (1, 128), (2, 256), (2, 512), (2, 512)],
        ..Self::BOOK
    };

    /// Without the last block and with an eighth of the units, for pictures of 28 × 28.
    pub const SMALL: Self = Self {
        blocks: &[(1, 16), (1, 32), (2, 64), (2, 128)],
        hidden: 512,
    };
}

/// The convolutions': the picture keeps its size.
const WINDOW: Window = Window::new(3, 1, 1);

/// The poolings': the largest of 2 × 2.
const POOL: Window = Window::new(2, 2, 0);

/// Blocks, then the dense layers.
pub struct Vgg {
    blocks: Vec<Vec<Conv2d>>,
    head: DenseHead,
}

impl Vgg {
    /// For pictures of `in_channels` colours and `side` × `side` pixels.
    ///
    /// # Errors
    /// Where the poolings leave nothing of the pictures.
    pub fn new(
        sizes: Sizes,
        (in_channels, side): (usize, usize),
        num_outputs: usize,
        initializer: &Initializer,
        params: &ParamStore,
    ) -> Result<Self> {
        let vb = params.builder();
        let (mut before, mut left) = (in_channels, side);
        let mut blocks = Vec::new();
        for (number, &(convolutions, channels)) in sizes.blocks.iter().enumerate() {
            let mut block = Vec::new();
            for convolution in 0..convolutions {
                let vb = vb.pp(format!("block{}.{convolution}", number + 1));
                block.push(WINDOW.conv2d(before, channels, initializer, vb)?);
                before = channels;
            }
            blocks.push(block);
            left = POOL.places(left);
        }
        let inputs = before * large_enough(NAME, side, left)?.pow(2);
        Ok(Self {
            blocks,
            head: DenseHead::new(inputs, sizes.hidden, num_outputs, initializer, &vb)?,
        })
    }

    fn layers_t(&self, x: &Tensor, mode: Mode) -> candle_core::Result<Outputs> {
        let pooled = |block: &[Conv2d], h: &Tensor| {
            max_pool2d(&rectified(block, h)?, &Pool2d::new(POOL.kernel))
        };
        let [first, rest @ ..] = self.blocks.as_slice() else {
            candle_core::bail!("vgg: found no blocks");
        };
        let mut layers = Outputs::first("block1", pooled(first, x)?);
        for (number, block) in (2..).zip(rest) {
            layers = layers.then(format!("block{number}"), |h| pooled(block, h))?;
        }
        self.head.after(layers, mode)
    }
}

impl Network for Vgg {
    /// `[B, C, side, side] -> [B, K]`: logits.
    fn forward_t(&self, x: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
        self.layers_t(x, mode)?.last()
    }

    fn layers(&self, x: &Tensor) -> candle_core::Result<Vec<(String, Tensor)>> {
        Ok(self.layers_t(x, Mode::Evaluate)?.all())
    }
}
