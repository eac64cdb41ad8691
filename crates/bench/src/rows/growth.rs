//! Rows whose names give their sizes: how time and memory grow with batch, sequence, width and depth.
//!
//! | name | sizes |
//! |---|---|
//! | `grow-mlp-BxWxD` | batch, width of the hidden layers, their number |
//! | `grow-lstm-BxTxW` | batch, time steps, hidden units |
//! | `grow-encoder-BxTxWxD` | batch, sequence, width, blocks of the Transformer's encoder, with heads of 64 numbers |

use anyhow::Result;
use candle_core::{Device, Tensor};
use d2l::nn::{Initializer, Mode, Network, ParamStore, cross_entropy};
use mlp::activation::Activation;
use mlp::concise::Mlp;
use recurrent::rnn_model::Cell;

use super::classes;
use super::models::{by_sgd, inputs, language_model, regression_by_adamw};
use crate::Work;
use crate::models::EncoderBlock;

const PIXELS: usize = 784;
const CLASSES: usize = 10;
const HEAD_WIDTH: usize = 64;
const LEARNING_RATE: f64 = 1e-3;

/// The work that a name with sizes stands for, if it is one.
pub(super) fn find(name: &str) -> Option<Result<Box<dyn Work>>> {
    let (model, sizes) = name.strip_prefix("grow-")?.split_once('-')?;
    let sizes: Vec<usize> = sizes
        .split('x')
        .map(|size| size.parse().ok())
        .collect::<Option<_>>()?;
    match (model, sizes.as_slice()) {
        ("mlp", &[batch, width, depth]) => Some(perceptron(batch, width, depth)),
        ("lstm", &[batch, steps, width]) => Some(language_model(
            Cell::Lstm,
            batch as u32,
            steps as u32,
            width,
        )),
        ("encoder", &[batch, steps, width, depth]) => Some(encoder([batch, steps, width], depth)),
        _ => None,
    }
}

/// As the row `mlp`, with hidden layers of one width.
fn perceptron(batch: usize, width: usize, depth: usize) -> Result<Box<dyn Work>> {
    let widths = [vec![PIXELS], vec![width; depth], vec![CLASSES]].concat();
    by_sgd(
        |params| {
            let initializer = Initializer::PytorchDefault;
            Mlp::new(&widths, Activation::Relu, &initializer, params)
        },
        cross_entropy,
        LEARNING_RATE,
        [
            inputs((batch, PIXELS))?,
            classes(batch as u32, CLASSES as u32)?,
        ],
    )
}

/// As the row `transformer-block`, with several blocks.
fn encoder(shape: [usize; 3], depth: usize) -> Result<Box<dyn Work>> {
    let [batch, steps, width] = shape;
    let params = ParamStore::new(0, &Device::Cpu);
    let block = |number: usize| {
        let vb = params.builder().pp("blocks").pp(number);
        EncoderBlock::new(width, width / HEAD_WIDTH, 4 * width, vb)
    };
    let network = Blocks((0..depth).map(block).collect::<Result<_>>()?);
    regression_by_adamw(network, params, 0.0, (batch, steps, width))
}

struct Blocks(Vec<EncoderBlock>);

impl Network for Blocks {
    fn forward(&self, x: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
        let mut x = x.clone();
        for block in &self.0 {
            x = block.forward(&x, mode)?;
        }
        Ok(x)
    }
}
