//! Training steps of the chapters' models, with the book's optimizers and learning rates where nothing else is said.

use anyhow::Result;
use candle_core::{DType, Device, Shape, Tensor};
use convolutional::alexnet::{self, AlexNet};
use convolutional::densenet::{self, DenseNet};
use convolutional::googlenet::GoogLeNet;
use convolutional::lenet::concise::LeNet;
use convolutional::resnet::ResNet18;
use d2l::nn::testing::{filled, hash};
use d2l::nn::{
    Adam, Initializer, Network, ParamGroup, ParamStore, RecurrentOptions, Sgd, cross_entropy,
    mse_loss,
};
use d2l::{Loss, next_token_loss};
use mlp::activation::Activation;
use mlp::concise::Mlp;
use recurrent::rnn_model::{Cell, RnnModel};

use super::{CLASS_SALT, classes};
use crate::models::{EncoderBlock, WithoutDropout};
use crate::{Training, Work};

/// Salts of inputs and of a regression's targets.
const INPUT_SALT: u32 = 1;
const TARGET_SALT: u32 = 9;

/// Inputs in ±1.
fn inputs(shape: impl Into<Shape>) -> Result<Tensor> {
    Ok(filled(shape, INPUT_SALT, 2.0, DType::F32, &Device::Cpu)?)
}

/// A model that SGD trains, as in the book's chapters on it.
fn by_sgd<M: Network + 'static>(
    build: impl Fn(&ParamStore) -> Result<M>,
    loss: Loss,
    learning_rate: f64,
    batch: [Tensor; 2],
) -> Result<Box<dyn Work>> {
    let params = ParamStore::new(0, &Device::Cpu);
    let network = build(&params)?;
    let group = ParamGroup::new(params.parameters());
    Ok(Box::new(Training {
        network,
        optimizer: Box::new(Sgd::new(vec![group], learning_rate, 0.0, false)?),
        params,
        clip: None,
        loss,
        batch,
        last_loss: None,
        steps: 0,
    }))
}

/// D2L zh 3.3, en 3.5.
pub(super) fn linear_regression() -> Result<Box<dyn Work>> {
    let targets = filled((10, 1), TARGET_SALT, 2.0, DType::F32, &Device::Cpu)?;
    by_sgd(
        |params| {
            linear_regression::concise::LinearRegression::new(
                2,
                &Initializer::PytorchDefault,
                params,
            )
        },
        mse_loss,
        0.03,
        [inputs((10, 2))?, targets],
    )
}

/// D2L zh 3.7, en 4.5.
pub(super) fn softmax_regression() -> Result<Box<dyn Work>> {
    by_sgd(
        |params| {
            let initializer = Initializer::PytorchDefault;
            softmax_regression::concise::SoftmaxRegression::new(784, 10, &initializer, params)
        },
        cross_entropy,
        0.1,
        [inputs((256, 1, 28, 28))?, classes(256, 10)?],
    )
}

/// D2L zh 4.3, en 5.2.
pub(super) fn mlp() -> Result<Box<dyn Work>> {
    by_sgd(
        |params| {
            let widths = [784, 256, 10];
            Mlp::new(
                &widths,
                Activation::Relu,
                &Initializer::PytorchDefault,
                params,
            )
        },
        cross_entropy,
        0.1,
        [inputs((256, 1, 28, 28))?, classes(256, 10)?],
    )
}

/// D2L zh 6.6, en 7.6.
pub(super) fn lenet(batch: usize) -> Result<Box<dyn Work>> {
    by_sgd(
        |params| LeNet::new((1, 28), 10, &Initializer::Xavier, params),
        cross_entropy,
        0.9,
        [inputs((batch, 1, 28, 28))?, classes(batch as u32, 10)?],
    )
}

/// D2L zh 7.6, en 8.6.
pub(super) fn resnet18(shape: (usize, usize, usize, usize)) -> Result<Box<dyn Work>> {
    let (batch, channels, _, _) = shape;
    by_sgd(
        |params| ResNet18::new(channels, 10, &Initializer::Xavier, params),
        cross_entropy,
        1e-4, // at the book's rate, 0.05, PyTorch's own f32 and f64 part in the third step
        [inputs(shape)?, classes(batch as u32, 10)?],
    )
}

/// D2L zh 7.1, en 8.1, with pictures of 64 × 64.
pub(super) fn alexnet() -> Result<Box<dyn Work>> {
    by_sgd(
        |params| {
            let sizes = alexnet::Sizes::PADDED;
            let model = AlexNet::new(sizes, (3, 64), 10, &Initializer::Kaiming, params)?;
            Ok(WithoutDropout(model))
        },
        cross_entropy,
        0.01,
        [inputs((32, 3, 64, 64))?, classes(32, 10)?],
    )
}

/// D2L zh 7.4, en 8.4, with pictures of 32 × 32.
pub(super) fn googlenet() -> Result<Box<dyn Work>> {
    by_sgd(
        |params| GoogLeNet::new(3, 10, &Initializer::Kaiming, params),
        cross_entropy,
        1e-3,
        [inputs((64, 3, 32, 32))?, classes(64, 10)?],
    )
}

/// D2L zh 7.7, en 8.7, with pictures of 32 × 32.
pub(super) fn densenet() -> Result<Box<dyn Work>> {
    by_sgd(
        |params| DenseNet::new(densenet::BLOCKS, 3, 10, &Initializer::Kaiming, params),
        cross_entropy,
        1e-3,
        [inputs((64, 3, 32, 32))?, classes(64, 10)?],
    )
}

/// D2L zh 8.6, 9.1, 9.2, en 9.6, 10.1, 10.2. Characters of a text: a vocabulary of 28, gradients clipped to norm 1.
pub(super) fn language_model(
    cell: Cell,
    batch: u32,
    steps: u32,
    hiddens: usize,
) -> Result<Box<dyn Work>> {
    const VOCABULARY: u32 = 28;
    let params = ParamStore::new(0, &Device::Cpu);
    let (sizes, options) = ((VOCABULARY as usize, hiddens), RecurrentOptions::default());
    let network = RnnModel::new(cell, sizes, options, &Initializer::PytorchDefault, &params)?;
    let group = ParamGroup::new(params.parameters());
    let tokens = |salt: u32| {
        let tokens = (0..batch * steps).map(|i| hash(i, salt) % VOCABULARY);
        Tensor::from_iter(tokens, &Device::Cpu)?.reshape((batch as usize, steps as usize))
    };
    Ok(Box::new(Training {
        network,
        optimizer: Box::new(Sgd::new(vec![group], 1.0, 0.0, false)?),
        params,
        clip: Some(1.0),
        loss: next_token_loss,
        batch: [tokens(INPUT_SALT)?, tokens(CLASS_SALT)?],
        last_loss: None,
        steps: 0,
    }))
}

/// A block of D2L zh 10.7, en 11.7, with the norms in front.
pub(super) fn transformer_block() -> Result<Box<dyn Work>> {
    let params = ParamStore::new(0, &Device::Cpu);
    let network = EncoderBlock::new(256, 4, 1024, &params)?;
    let group = ParamGroup {
        weight_decay: 0.01,
        ..ParamGroup::new(params.parameters())
    };
    let shape = (16, 128, 256);
    let targets = filled(shape, TARGET_SALT, 2.0, DType::F32, &Device::Cpu)?;
    Ok(Box::new(Training {
        network,
        optimizer: Box::new(Adam::decoupled(vec![group], 1e-3)?),
        params,
        clip: None,
        loss: mse_loss,
        batch: [inputs(shape)?, targets],
        last_loss: None,
        steps: 0,
    }))
}
