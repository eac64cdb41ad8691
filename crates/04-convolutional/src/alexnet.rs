//! AlexNet: five convolutions and three dense layers, with ReLU and dropout. With it the age of deep learning began.
//! D2L zh 7.1, en 8.1; Krizhevsky et al. 2012, "ImageNet classification with deep convolutional neural networks".

use anyhow::Result;
use candle_core::{Module, Tensor};
use d2l::PresetName::{En, Zh};
use d2l::nn::{Conv2d, Initializer, Mode, Network, ParamStore, Pool2d, max_pool2d, relu};
use d2l::{Model, Preset, Recipe, Run, probability};
use serde::Serialize;

use crate::dense_head::{DROPOUT, DenseHead};
use crate::layers::{Kernel, large_enough};
use crate::pictures::{self, Enlarged, Shape};

const ZH: Recipe = Recipe {
    epochs: 10,
    batch_size: 128,
    learning_rate: 0.01,
    initializer: Initializer::Xavier,
    ..Recipe::SGD
};
const EN: Recipe = Recipe { initializer: Initializer::PytorchDefault, ..ZH };
const QUICK: Recipe = Recipe {
    batch_size: 64,
    learning_rate: 0.05,
    initializer: Initializer::Kaiming,
    ..ZH
};
/// The experiments.
pub const PRESETS: &[Preset<Options>] = &[
    Preset::quick(1, "zh 7.1", QUICK, Options::book(Enlarged::STORED)),
    Preset::new(Zh, "zh 7.1", ZH, Options::book(Enlarged::to(224))),
    Preset::new(En, "en 8.1", EN, Options::book(Enlarged::to(224))),
];

/// Five convolutions with ReLU, pooling behind the first, the second and the fifth, then the dense layers.
pub struct AlexNet {
    conv1: Conv2d,
    conv2: Conv2d,
    conv3: Conv2d,
    conv4: Conv2d,
    conv5: Conv2d,
    head: DenseHead,
}

impl AlexNet {
    /// For square pictures. From 63 × 63 pixels on it is the book's network; smaller pictures get a smaller one.
    ///
    /// # Errors
    /// If the pooling layers leave nothing of the pictures.
    pub fn new(
        shape: Shape,
        options: &Options,
        init: &Initializer,
        params: &ParamStore,
    ) -> Result<Self> {
        let vb = params.builder();
        let sizes = Sizes::of(shape.side);
        let [c1, c2, c3, c4, c5] = sizes.channels;
        let conv = |kernel: Kernel, inputs, outputs, name| {
            kernel.conv2d(inputs, outputs, init, vb.pp(name))
        };
        let same3 = Kernel::new(3).padding(1);
        Ok(Self {
            conv1: conv(sizes.stem, shape.channels, c1, "conv1")?,
            conv2: conv(Kernel::new(5).padding(2), c1, c2, "conv2")?,
            conv3: conv(same3, c2, c3, "conv3")?,
            conv4: conv(same3, c3, c4, "conv4")?,
            conv5: conv(same3, c4, c5, "conv5")?,
            head: DenseHead::new(
                [
                    c5 * sizes.last_side(shape.side)?.pow(2),
                    sizes.hiddens,
                    shape.classes,
                ],
                options.dropout,
                init,
                &vb,
            )?,
        })
    }
}

impl Network for AlexNet {
    /// `[B, C, S, S] -> [B, K]`: logits. The shapes are those of pictures of 224 × 224 pixels.
    fn forward(&self, x: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
        let pool = |h: &Tensor| max_pool2d(h, &Pool2d::new(3).stride(2));
        let h = pool(&relu(&self.conv1.forward(x)?)?)?; // [B, 96, 26, 26]
        let h = pool(&relu(&self.conv2.forward(&h)?)?)?; // [B, 256, 12, 12]
        let h = relu(&self.conv3.forward(&h)?)?; // [B, 384, 12, 12]
        let h = relu(&self.conv4.forward(&h)?)?;
        let h = pool(&relu(&self.conv5.forward(&h)?)?)?; // [B, 256, 5, 5]
        self.head.forward(&h, mode)
    }
}

/// What depends on the size of the pictures.
struct Sizes {
    /// Kernel of the first convolution.
    stem: Kernel,
    /// Channels of the five convolutions.
    channels: [usize; 5],
    /// Units of each of the two hidden dense layers.
    hiddens: usize,
}

impl Sizes {
    /// The book's for 65 × 65 pixels and more, from 63 × 63 on with more padding in the first convolution. Smaller
    /// pictures get a smaller first kernel, half the channels and a quarter of the units.
    fn of(side: usize) -> Self {
        let book = Self {
            stem: Kernel::new(11).stride(4).padding(1),
            channels: [96, 256, 384, 384, 256],
            hiddens: 4096,
        };
        match side {
            65.. => book,
            63.. => Self { stem: book.stem.padding(2), ..book },
            _ => Self {
                stem: Kernel::new(5).stride(2).padding(3),
                channels: [48, 128, 192, 192, 128],
                hiddens: 1024,
            },
        }
    }

    /// The side behind the last pooling layer: 5 of 224.
    fn last_side(&self, side: usize) -> Result<usize> {
        let pooled = |side: usize| side.saturating_sub(1) / 2; // regions of 3 × 3 with stride 2
        let left = pooled(pooled(pooled(self.stem.positions(side))));
        large_enough(side, left)
    }
}

/// What the exercises change.
#[derive(Clone, Debug, clap::Args, Serialize)]
#[command(next_help_heading = "Model")]
pub struct Options {
    /// Probability that a unit of a hidden dense layer is dropped
    #[arg(long, value_name = "P", value_parser = probability)]
    pub dropout: f64,
    /// What it is trained on.
    #[command(flatten)]
    #[serde(flatten)]
    pub pictures: Enlarged,
}

impl Options {
    /// The book's network, for these pictures.
    pub const fn book(pictures: Enlarged) -> Self {
        Self { dropout: DROPOUT, pictures }
    }
}

/// AlexNet in the chapter's list.
pub fn model() -> Model {
    let about =
        "AlexNet: five convolutions and three dense layers with dropout (D2L zh 7.1, en 8.1)";
    Model::new("alexnet", about, train, &[], PRESETS)
}

fn train(run: &mut Run, options: &Options) -> Result<()> {
    let Enlarged { side, pictures } = &options.pictures;
    pictures::train(run, pictures, *side, |shape, init, params| {
        AlexNet::new(shape, options, init, params)
    })
}
