//! Training steps of the chapters' models, with the book's optimizers and learning rates unless noted otherwise; and the
//! evaluation of a minibatch.

use anyhow::Result;
use candle_core::{DType, Device, Shape, Tensor};
use convolutional::alexnet::{self, AlexNet};
use convolutional::densenet::DenseNet;
use convolutional::googlenet::GoogLeNet;
use convolutional::lenet::{self, concise::LeNet};
use convolutional::pictures::{self, Enlarged};
use convolutional::resnet::{self, ResNet18};
use d2l::nn::testing::{filled, hash};
use d2l::nn::{Adam, Initializer, Network, ParamGroup, ParamStore, Sgd, cross_entropy, mse_loss};
use d2l::{Implementation, Loss, next_token_loss};
use mlp::activation::Activation;
use mlp::concise::Mlp;
use recurrent::experiment::Build;
use recurrent::language_model::Recurrent;
use recurrent::rnn_model::{Cell, RnnModel};
use recurrent::structure::Structure;

use super::{CLASS_SALT, classes};
use crate::models::{EncoderBlock, WithoutDropout};
use crate::{BatchLoss, Evaluation, Training, Work};

/// Salts of inputs and of a regression's targets.
pub(super) const INPUT_SALT: u32 = 1;
const TARGET_SALT: u32 = 9;

/// Inputs in ±1.
pub(super) fn inputs(shape: impl Into<Shape>) -> Result<Tensor> {
    Ok(filled(shape, INPUT_SALT, 2.0, DType::F32, &Device::Cpu)?)
}

/// A regression's targets, in ±1.
fn targets(shape: impl Into<Shape>) -> Result<Tensor> {
    Ok(filled(shape, TARGET_SALT, 2.0, DType::F32, &Device::Cpu)?)
}

/// Square pictures in ten classes.
pub(super) fn pictures(channels: usize, side: usize) -> pictures::Shape {
    pictures::Shape { channels, ..pictures::Shape::grey(side) }
}

/// The loss of a network's outputs on a batch of inputs and targets.
pub(super) fn on_batch<M: Network + 'static>(
    network: M,
    loss: Loss,
    [x, y]: [Tensor; 2],
) -> BatchLoss {
    Box::new(move |mode| loss(&network.forward(&x, mode)?, &y))
}

/// A model that SGD trains, as in the book's chapters on it.
pub(super) fn by_sgd<M: Network + 'static>(
    build: impl Fn(&ParamStore) -> Result<M>,
    loss: Loss,
    learning_rate: f64,
    batch: [Tensor; 2],
) -> Result<Box<dyn Work>> {
    let params = ParamStore::new(0, &Device::Cpu);
    let network = build(&params)?;
    let group = ParamGroup::new(params.parameters());
    let sgd = Box::new(Sgd::new(vec![group], learning_rate, 0.0, false)?);
    let loss = on_batch(network, loss, batch);
    Ok(Box::new(Training::new(loss, params, sgd, None)))
}

/// A model that is used.
fn evaluated<M: Network + 'static>(
    params: ParamStore,
    network: M,
    loss: Loss,
    batch: [Tensor; 2],
) -> Result<Box<dyn Work>> {
    let loss = on_batch(network, loss, batch);
    Ok(Box::new(Evaluation::new(loss, params)))
}

/// D2L zh 3.3, en 3.5.
pub(super) fn linear_regression() -> Result<Box<dyn Work>> {
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
        [inputs((10, 2))?, targets((10, 1))?],
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
        |params| {
            let options = lenet::Options::BOOK;
            LeNet::new(
                pictures::Shape::grey(28),
                &options,
                &Initializer::Xavier,
                params,
            )
        },
        cross_entropy,
        0.9,
        [inputs((batch, 1, 28, 28))?, classes(batch as u32, 10)?],
    )
}

/// D2L zh 7.6, en 8.6.
pub(super) fn resnet18(shape: (usize, usize, usize, usize)) -> Result<Box<dyn Work>> {
    by_sgd(
        |params| resnet18_for(shape, params),
        cross_entropy,
        1e-4, // at the book's rate, 0.05, PyTorch's own f32 and f64 diverge in the third step
        [inputs(shape)?, classes(shape.0 as u32, 10)?],
    )
}

/// For pictures `[B, C, S, S]`.
fn resnet18_for(
    (_, channels, side, _): (usize, usize, usize, usize),
    params: &ParamStore,
) -> Result<ResNet18> {
    let options = resnet::Options::book(Enlarged::STORED);
    ResNet18::new(
        pictures(channels, side),
        &options,
        &Initializer::Xavier,
        params,
    )
}

/// The evaluation of [`resnet18`]'s batch.
pub(super) fn evaluate_resnet18(shape: (usize, usize, usize, usize)) -> Result<Box<dyn Work>> {
    let batch = shape.0;
    let params = ParamStore::new(0, &Device::Cpu);
    let network = resnet18_for(shape, &params)?;
    let batch = [inputs(shape)?, classes(batch as u32, 10)?];
    evaluated(params, network, cross_entropy, batch)
}

/// D2L zh 7.1, en 8.1, with pictures of 64 × 64.
pub(super) fn alexnet() -> Result<Box<dyn Work>> {
    by_sgd(
        |params| {
            let options = alexnet::Options::book(Enlarged::STORED);
            let model = AlexNet::new(pictures(3, 64), &options, &Initializer::Kaiming, params)?;
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
        |params| GoogLeNet::new(pictures(3, 32), &Initializer::Kaiming, params),
        cross_entropy,
        1e-3,
        [inputs((64, 3, 32, 32))?, classes(64, 10)?],
    )
}

/// D2L zh 7.7, en 8.7, with pictures of 32 × 32.
pub(super) fn densenet() -> Result<Box<dyn Work>> {
    by_sgd(
        |params| DenseNet::new(pictures(3, 32), &Initializer::Kaiming, params),
        cross_entropy,
        1e-3,
        [inputs((64, 3, 32, 32))?, classes(64, 10)?],
    )
}

/// Characters of a text.
pub(super) const VOCABULARY: u32 = 28;

/// Tokens and their successors, `[B, T]` both.
pub(super) fn tokens(batch: u32, steps: u32) -> Result<[Tensor; 2]> {
    let tokens = |salt: u32| {
        let tokens = (0..batch * steps).map(|i| hash(i, salt) % VOCABULARY);
        Tensor::from_iter(tokens, &Device::Cpu)?.reshape((batch as usize, steps as usize))
    };
    Ok([tokens(INPUT_SALT)?, tokens(CLASS_SALT)?])
}

fn rnn_model(cell: Cell, hiddens: usize, params: &ParamStore) -> Result<Box<dyn Recurrent>> {
    let sizes = (VOCABULARY as usize, Structure::new(hiddens, 1));
    let network = RnnModel::new(cell, sizes, &Initializer::PytorchDefault, params)?;
    Ok(Box::new(network))
}

/// D2L zh 8.6, 9.1, 9.2, en 9.6, 10.1, 10.2. Gradients clipped to norm 1.
pub(super) fn language_model(
    cell: Cell,
    batch: u32,
    steps: u32,
    hiddens: usize,
) -> Result<Box<dyn Work>> {
    let params = ParamStore::new(0, &Device::Cpu);
    let network = rnn_model(cell, hiddens, &params)?;
    trained_on_text(network, params, tokens(batch, steps)?)
}

/// The models by hand of D2L zh 8.5, 9.1, 9.2, en 9.5, 10.1, 10.2. Gradients clipped to norm 1.
pub(super) fn by_hand(
    build: Build,
    batch: u32,
    steps: u32,
    hiddens: usize,
) -> Result<Box<dyn Work>> {
    let params = ParamStore::new(0, &Device::Cpu);
    let sizes = (VOCABULARY as usize, Structure::new(hiddens, 1));
    let init = Initializer::PytorchDefault;
    let network = build(Implementation::Scratch, sizes, &init, &params)?;
    trained_on_text(network, params, tokens(batch, steps)?)
}

fn trained_on_text(
    network: Box<dyn Recurrent>,
    params: ParamStore,
    tokens: [Tensor; 2],
) -> Result<Box<dyn Work>> {
    let group = ParamGroup::new(params.parameters());
    let sgd = Box::new(Sgd::new(vec![group], 1.0, 0.0, false)?);
    let loss = on_batch(network, next_token_loss, tokens);
    Ok(Box::new(Training::new(loss, params, sgd, Some(1.0))))
}

/// The evaluation of [`language_model`]'s batch.
pub(super) fn evaluate_language_model(
    cell: Cell,
    batch: u32,
    steps: u32,
    hiddens: usize,
) -> Result<Box<dyn Work>> {
    let params = ParamStore::new(0, &Device::Cpu);
    let network = rnn_model(cell, hiddens, &params)?;
    evaluated(params, network, next_token_loss, tokens(batch, steps)?)
}

/// A block of D2L zh 10.7, en 11.7, with the norms in front.
pub(super) fn transformer_block() -> Result<Box<dyn Work>> {
    let params = ParamStore::new(0, &Device::Cpu);
    let network = EncoderBlock::new(256, 4, 1024, params.builder())?;
    regression_by_adamw(network, params, 0.01, (16, 128, 256))
}

/// A network whose outputs have its inputs' shape, `[B, T, H]`, that AdamW trains.
pub(super) fn regression_by_adamw<M: Network + 'static>(
    network: M,
    params: ParamStore,
    weight_decay: f64,
    shape: (usize, usize, usize),
) -> Result<Box<dyn Work>> {
    let group = ParamGroup { weight_decay, ..ParamGroup::new(params.parameters()) };
    let adam = Box::new(Adam::decoupled(vec![group], 1e-3)?);
    let loss = on_batch(network, mse_loss, [inputs(shape)?, targets(shape)?]);
    Ok(Box::new(Training::new(loss, params, adam, None)))
}
