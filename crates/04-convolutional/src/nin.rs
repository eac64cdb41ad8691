//! Network in network: behind each convolution two of 1 × 1, a dense network at every pixel, and at the end a mean over the
//! picture instead of dense layers. D2L zh 7.3, en 8.3; Lin et al. 2013, <https://arxiv.org/abs/1312.4400>.

use anyhow::Result;
use candle_core::Tensor;
use candle_nn::VarBuilder;
use d2l::nn::{
    Conv2d, Dropout, Initializer, Mode, Network, ParamStore, Pool2d, global_avg_pool2d, max_pool2d,
};
use d2l::{Band, Implementation, Preset, PresetName, Recipe};

use crate::layers::{Outputs, Window, rectified};

/// As in `--model`.
pub const NAME: &str = "nin";

/// The experiments. The book enlarges the pictures to 224 × 224; `quick` takes them as they are, on a CPU.
pub const PRESETS: &[Preset] = &[QUICK, ZH, EN];

const QUICK: Preset = Preset {
    model: NAME,
    implementation: Implementation::Concise,
    name: PresetName::Quick,
    section: "zh 7.3",
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
    section: "zh 7.3",
    recipe: Recipe {
        epochs: 10,
        batch_size: 128,
        learning_rate: 0.1,
        initializer: Initializer::Xavier,
        ..Recipe::SGD
    },
    bands: &[
        Band::book("train.loss", 0.317, 0.386, 2.303, 49).printed(3),
        Band::book("train.accuracy", 0.1, 0.856, 0.882, 50).printed(3),
        Band::book("valid.accuracy", 0.1, 0.8465, 0.882, 50).printed(3),
        Band::book("valid.accuracy.best", 0.189, 0.8613, 0.8816, 49),
    ],
};

const EN: Preset = Preset {
    model: NAME,
    implementation: Implementation::Concise,
    name: PresetName::En,
    section: "en 8.3",
    recipe: Recipe {
        epochs: 10,
        batch_size: 128,
        learning_rate: 0.05,
        initializer: Initializer::Xavier,
        ..Recipe::SGD
    },
    bands: &[], // 10 builds, and no runs of the twin to pool them with: see the README
};

/// The first block's window, and the channels of the first three.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    stem: Window,
    channels: [usize; 3],
}

impl Sizes {
    /// The larger that pictures of this side have room for.
    pub fn of(side: usize) -> Self {
        match side {
            67.. => Self::BOOK,
            _ => Self::SMALL,
        }
    }

    /// The book's, for pictures of 67 × 67 and more.
    pub const BOOK: Self = Self {
        stem: Window::new(11, 4, 0),
        channels: [96, 256, 384],
    };

    /// Half the channels and a smaller first window, for pictures of 28 × 28.
    pub const SMALL: Self = Self {
        stem: Window::new(5, 2, 3),
        channels: [48, 128, 192],
    };
}

/// Windows of the blocks behind the first.
const WINDOWS: [Window; 3] = [
    Window::new(5, 1, 2),
    Window::new(3, 1, 1),
    Window::new(3, 1, 1),
];

/// Probability that a number falls out in front of the last block.
pub const DROPOUT: f64 = 0.5;

/// A convolution and two of 1 × 1, each with ReLU.
fn block(
    window: Window,
    in_channels: usize,
    out_channels: usize,
    initializer: &Initializer,
    vb: VarBuilder,
) -> Result<[Conv2d; 3]> {
    let pointwise = Window::new(1, 1, 0);
    let conv = |window: Window, channels, name: &str| {
        window.conv2d(channels, out_channels, initializer, vb.pp(name))
    };
    Ok([
        conv(window, in_channels, "0")?,
        conv(pointwise, out_channels, "1")?,
        conv(pointwise, out_channels, "2")?,
    ])
}

/// Four blocks, poolings between them, dropout in front of the last, which has a channel for each class.
pub struct Nin {
    blocks: [[Conv2d; 3]; 4],
    dropout: Dropout,
}

impl Nin {
    /// For pictures of `in_channels` colours and any size that the poolings leave something of.
    pub fn new(
        sizes: Sizes,
        in_channels: usize,
        num_outputs: usize,
        initializer: &Initializer,
        params: &ParamStore,
    ) -> Result<Self> {
        let vb = params.builder();
        let [a, b, c] = sizes.channels;
        let [second, third, fourth] = WINDOWS;
        let block =
            |window, from, to, name: &str| block(window, from, to, initializer, vb.pp(name));
        Ok(Self {
            blocks: [
                block(sizes.stem, in_channels, a, "block1")?,
                block(second, a, b, "block2")?,
                block(third, b, c, "block3")?,
                block(fourth, c, num_outputs, "block4")?,
            ],
            dropout: Dropout::new(DROPOUT, "dropout")?,
        })
    }

    fn layers_t(&self, x: &Tensor, mode: Mode) -> candle_core::Result<Outputs> {
        let pool = |h: &Tensor| max_pool2d(h, &Pool2d::new(3).stride(2));
        let [block1, block2, block3, block4] = &self.blocks;
        Outputs::first("block1", rectified(block1, x)?)
            .then("pool1", pool)?
            .then("block2", |h| rectified(block2, h))?
            .then("pool2", pool)?
            .then("block3", |h| rectified(block3, h))?
            .then("pool3", pool)?
            .then("dropout", |h| self.dropout.forward_t(h, mode))?
            .then("block4", |h| rectified(block4, h))?
            .then("global_avg_pool", global_avg_pool2d)?
            .then("flatten", |h| h.flatten_from(1))
    }
}

impl Network for Nin {
    /// `[B, C, H, W] -> [B, K]`: logits.
    fn forward_t(&self, x: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
        self.layers_t(x, mode)?.last()
    }

    fn layers(&self, x: &Tensor) -> candle_core::Result<Vec<(String, Tensor)>> {
        Ok(self.layers_t(x, Mode::Evaluate)?.all())
    }
}
