//! DenseNet: every layer of a block sees the outputs of all layers before it; between the blocks channels and sides are
//! halved. D2L zh 7.7, en 8.7; Huang et al. 2017, <https://arxiv.org/abs/1608.06993>.

use anyhow::Result;
use candle_core::{Module, Tensor};
use candle_nn::VarBuilder;
use d2l::PresetName::{En, Zh};
use d2l::nn::{
    BatchNorm, Conv2d, Initializer, Linear, Mode, Network, ParamStore, Pool2d, avg_pool2d,
    batch_norm, block, concat, global_avg_pool2d, linear, max_pool2d,
};
use d2l::{Model, Preset, Recipe, Run};

use crate::layers::Kernel;
use crate::pictures::{self, Enlarged, Shape};

const ZH: Recipe = Recipe {
    epochs: 10,
    batch_size: 256,
    learning_rate: 0.1,
    initializer: Initializer::Xavier,
    ..Recipe::SGD
};
const EN: Recipe = Recipe {
    batch_size: 128,
    learning_rate: 0.01,
    initializer: Initializer::PytorchDefault,
    ..ZH
};
const QUICK: Recipe = Recipe { batch_size: 64, ..ZH };
/// The experiments.
pub const PRESETS: &[Preset<Enlarged>] = &[
    Preset::quick(1, "zh 7.7", QUICK, Enlarged::STORED),
    Preset::new(Zh, "zh 7.7", ZH, Enlarged::to(96)),
    Preset::new(En, "en 8.7", EN, Enlarged::to(96)),
];

/// A convolution and a pooling layer that make the picture small, dense blocks with a transition behind each but the
/// last, a mean over the picture, and a linear layer.
pub struct DenseNet {
    conv: Conv2d,
    norm: BatchNorm,
    blocks: Vec<Vec<Layer>>,
    transitions: Vec<Layer>,
    last_norm: BatchNorm,
    output: Linear,
}

/// Channels of the first convolution, layers of a dense block, and channels that each of them adds.
const STEM: usize = 64;
const LAYERS: usize = 4;
const GROWTH: usize = 32;

/// Blocks for pictures of this side: the book's four, or three, since a third transition leaves nothing of 28 × 28.
fn num_blocks(side: usize) -> usize {
    if side < 29 { 3 } else { 4 }
}

impl DenseNet {
    /// For square pictures.
    pub fn new(shape: Shape, init: &Initializer, params: &ParamStore) -> Result<Self> {
        let vb = params.builder();
        let layer = |kernel, inputs, outputs, name: String| {
            Layer::new(kernel, inputs, outputs, init, vb.pp(name))
        };
        let mut channels = STEM;
        let (mut blocks, mut transitions) = (Vec::new(), Vec::new());
        let last = num_blocks(shape.side);
        for number in 1..=last {
            let mut block = Vec::new();
            for place in 0..LAYERS {
                let (kernel, name) = (Kernel::new(3).padding(1), format!("dense{number}.{place}"));
                block.push(layer(kernel, channels, GROWTH, name)?);
                channels += GROWTH;
            }
            blocks.push(block);
            if number < last {
                let name = format!("transition{number}");
                transitions.push(layer(Kernel::new(1), channels, channels / 2, name)?);
                channels /= 2;
            }
        }
        let stem = Kernel::new(7).stride(2).padding(3);
        Ok(Self {
            conv: stem.conv2d(shape.channels, STEM, init, vb.pp("stem.conv"))?,
            norm: batch_norm(STEM, vb.pp("stem.norm"))?,
            blocks,
            transitions,
            last_norm: batch_norm(channels, vb.pp("last_norm"))?,
            output: linear(channels, shape.classes, init, vb.pp("output"))?,
        })
    }
}

impl Network for DenseNet {
    /// `[B, C, S, S] -> [B, K]`: logits.
    fn forward(&self, x: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
        let mut h = block("stem", || {
            let h = self.norm.forward_t_relu(&self.conv.forward(x)?, mode)?;
            max_pool2d(&h, &Pool2d::new(3).stride(2).padding(1))
        })?;
        let mut transitions = self.transitions.iter();
        for (number, layers) in (1..).zip(&self.blocks) {
            h = block(format_args!("dense{number}"), || {
                let with_output = |h, layer: &Layer| concat(&[&h, &layer.forward(&h, mode)?], 1);
                layers.iter().try_fold(h, with_output)
            })?;
            if let Some(transition) = transitions.next() {
                h = block(format_args!("transition{number}"), || {
                    avg_pool2d(&transition.forward(&h, mode)?, &Pool2d::new(2), true)
                })?;
            }
        }
        let h = self.last_norm.forward_t_relu(&h, mode)?;
        let h = global_avg_pool2d(&h)?.flatten_from(1)?;
        self.output.forward(&h)
    }
}

/// Batch normalisation and ReLU, then a convolution. In this order layers that share an input normalise it each for
/// themselves.
struct Layer {
    norm: BatchNorm,
    conv: Conv2d,
}

impl Layer {
    fn new(
        kernel: Kernel,
        inputs: usize,
        outputs: usize,
        init: &Initializer,
        vb: VarBuilder,
    ) -> candle_core::Result<Self> {
        Ok(Self {
            norm: batch_norm(inputs, vb.pp("norm"))?,
            conv: kernel.conv2d(inputs, outputs, init, vb.pp("conv"))?,
        })
    }

    fn forward(&self, x: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
        self.conv.forward(&self.norm.forward_t_relu(x, mode)?)
    }
}

/// DenseNet in the chapter's list.
pub fn model() -> Model {
    let about = "DenseNet: every layer sees the outputs of all before it (D2L zh 7.7, en 8.7)";
    Model::new("densenet", about, train, &[], PRESETS)
}

fn train(run: &mut Run, options: &Enlarged) -> Result<()> {
    pictures::train(run, &options.pictures, options.side, DenseNet::new)
}
