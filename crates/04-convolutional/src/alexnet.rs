//! AlexNet: five convolutions and three dense layers, ReLU and dropout; the network that began the age of deep learning.
//! D2L zh 7.1, en 8.1; Krizhevsky et al. 2012, "ImageNet classification with deep convolutional neural networks".

use anyhow::Result;
use candle_core::{Module, Tensor};
use d2l::nn::{Conv2d, Initializer, Mode, Network, ParamStore, Pool2d, max_pool2d, relu};
use d2l::{Band, Implementation, Preset, PresetName, Recipe};

use crate::dense_head::DenseHead;
use crate::layers::{Outputs, Window, large_enough};

/// As in `--model`.
pub const NAME: &str = "alexnet";

/// The experiments. The book enlarges the pictures to 224 × 224; `quick` takes them as they are, on a CPU.
pub const PRESETS: &[Preset] = &[QUICK, ZH, EN];

const QUICK: Preset = Preset {
    model: NAME,
    implementation: Implementation::Concise,
    name: PresetName::Quick,
    section: "zh 7.1",
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
    section: "zh 7.1",
    recipe: Recipe {
        epochs: 10,
        batch_size: 128,
        learning_rate: 0.01,
        initializer: Initializer::Xavier,
        ..Recipe::SGD
    },
    bands: &[
        Band::book("train.loss", 0.323, 0.328, 0.334, 58).printed(3),
        Band::book("train.accuracy", 0.877, 0.88, 0.882, 58).printed(3),
        Band::book("valid.accuracy", 0.86, 0.8805, 0.886, 58).printed(3),
        Band::book("valid.accuracy.best", 0.8743, 0.8811, 0.886, 58),
    ],
};

const EN: Preset = Preset {
    model: NAME,
    implementation: Implementation::Concise,
    name: PresetName::En,
    section: "en 8.1",
    recipe: Recipe {
        epochs: 10,
        batch_size: 128,
        learning_rate: 0.01,
        initializer: Initializer::PytorchDefault,
        ..Recipe::SGD
    },
    bands: &[], // 11 builds, and no runs of the twin to pool them with: see the README
};

/// The first convolution's window, the channels of all five, the units of a dense layer.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    stem: Window,
    channels: [usize; 5],
    hidden: usize,
}

impl Sizes {
    /// The largest that pictures of this side have room for.
    pub fn of(side: usize) -> Self {
        match side {
            65.. => Self::BOOK,
            63.. => Self::PADDED,
            _ => Self::SMALL,
        }
    }

    /// The book's, for pictures of 65 × 65 and more.
    pub const BOOK: Self = Self {
        stem: Window::new(11, 4, 1),
        channels: [96, 256, 384, 384, 256],
        hidden: 4096,
    };

    /// The book's with one more row and column of padding in front, for pictures of 63 × 63 and more.
    pub const PADDED: Self = Self {
        stem: Window::new(11, 4, 2),
        ..Self::BOOK
    };

    /// Half the channels, a quarter of the units and a smaller first window, for pictures of 28 × 28.
    pub const SMALL: Self = Self {
        stem: Window::new(5, 2, 3),
        channels: [48, 128, 192, 192, 128],
        hidden: 1024,
    };
}

/// Windows of the convolutions behind the first.
const WINDOWS: [Window; 4] = [
    Window::new(5, 1, 2),
    Window::new(3, 1, 1),
    Window::new(3, 1, 1),
    Window::new(3, 1, 1),
];

/// The poolings': the largest of 3 × 3, which overlap.
const POOL: Window = Window::new(3, 2, 0);

/// Convolutions with ReLU, poolings behind the first, second and fifth, then the dense layers.
pub struct AlexNet {
    convolutions: [Conv2d; 5],
    head: DenseHead,
}

impl AlexNet {
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
        let [a, b, c, d, e] = sizes.channels;
        let [second, third, fourth, fifth] = WINDOWS;
        let conv = |window: Window, from, to, name: &str| {
            window.conv2d(from, to, initializer, vb.pp(name))
        };
        let left = POOL.places(POOL.places(POOL.places(sizes.stem.places(side))));
        let left = large_enough(NAME, side, left)?;
        Ok(Self {
            convolutions: [
                conv(sizes.stem, in_channels, a, "conv1")?,
                conv(second, a, b, "conv2")?,
                conv(third, b, c, "conv3")?,
                conv(fourth, c, d, "conv4")?,
                conv(fifth, d, e, "conv5")?,
            ],
            head: DenseHead::new(e * left * left, sizes.hidden, num_outputs, initializer, &vb)?,
        })
    }

    fn layers_t(&self, x: &Tensor, mode: Mode) -> candle_core::Result<Outputs> {
        let pool = |h: &Tensor| max_pool2d(h, &Pool2d::new(POOL.kernel).stride(POOL.stride));
        let [conv1, conv2, conv3, conv4, conv5] = &self.convolutions;
        let layers = Outputs::first("conv1", conv1.forward(x)?)
            .then("relu1", relu)?
            .then("pool1", pool)?
            .then("conv2", |h| conv2.forward(h))?
            .then("relu2", relu)?
            .then("pool2", pool)?
            .then("conv3", |h| conv3.forward(h))?
            .then("relu3", relu)?
            .then("conv4", |h| conv4.forward(h))?
            .then("relu4", relu)?
            .then("conv5", |h| conv5.forward(h))?
            .then("relu5", relu)?
            .then("pool3", pool)?;
        self.head.after(layers, mode)
    }
}

impl Network for AlexNet {
    /// `[B, C, side, side] -> [B, K]`: logits.
    fn forward_t(&self, x: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
        self.layers_t(x, mode)?.last()
    }

    fn layers(&self, x: &Tensor) -> candle_core::Result<Vec<(String, Tensor)>> {
        Ok(self.layers_t(x, Mode::Evaluate)?.all())
    }
}
