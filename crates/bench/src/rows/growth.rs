//! Rows whose names give their sizes: how time and memory grow with batch, sequence, width and depth.
//!
//! | name | sizes |
//! |---|---|
//! | `grow-mlp-BxWxD` | batch, width of the hidden layers, their number |
//! | `grow-lstm-BxTxW` | batch, time steps, hidden units |
//! | `grow-encoder-BxTxWxD` | batch, sequence, width, blocks of the Transformer's encoder, with heads of 64 numbers |

use anyhow::Result;
use candle_core::{Device, Tensor};
use d2l::nn::{
    Adam, Initializer, Mode, Network, ParamGroup, ParamStore, Sgd, cross_entropy, mse_loss,
};
use mlp::activation::Activation;
use mlp::concise::Mlp;
use recurrent::rnn_model::Cell;

use super::classes;
use super::models::{inputs, language_model, on_batch, targets};
use crate::models::EncoderBlock;
use crate::{Training, Work};

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
    let params = ParamStore::new(0, &Device::Cpu);
    let widths = [vec![PIXELS], vec![width; depth], vec![CLASSES]].concat();
    let network = Mlp::new(
        &widths,
        Activation::Relu,
        &Initializer::PytorchDefault,
        &params,
    )?;
    let sgd = Sgd::new(
        vec![ParamGroup::new(params.parameters())],
        LEARNING_RATE,
        0.0,
        false,
    )?;
    let batch = [
        inputs((batch, PIXELS))?,
        classes(batch as u32, CLASSES as u32)?,
    ];
    let loss = on_batch(network, cross_entropy, batch);
    Ok(Box::new(Training::new(loss, params, Box::new(sgd), None)))
}

/// As the row `transformer-block`, with several blocks.
fn encoder([batch, steps, width]: [usize; 3], depth: usize) -> Result<Box<dyn Work>> {
    let params = ParamStore::new(0, &Device::Cpu);
    let block = |number: usize| {
        let vb = params.builder().pp("blocks").pp(number);
        EncoderBlock::new(width, width / HEAD_WIDTH, 4 * width, vb)
    };
    let network = Blocks((0..depth).map(block).collect::<Result<_>>()?);
    let adam = Adam::decoupled(vec![ParamGroup::new(params.parameters())], LEARNING_RATE)?;
    let batch = [
        inputs((batch, steps, width))?,
        targets((batch, steps, width))?,
    ];
    let loss = on_batch(network, mse_loss, batch);
    Ok(Box::new(Training::new(loss, params, Box::new(adam), None)))
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
