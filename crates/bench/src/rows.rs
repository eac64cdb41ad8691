//! What is measured, one function per row. The twin of a row, with its batch and its count of operations, has the same
//! name in `scripts/bench/rows.py`.

use anyhow::Result;
use candle_core::{D, DType, Device, Module, Shape, Tensor, Var};
use convolutional::alexnet::{self, AlexNet};
use convolutional::densenet::{self, DenseNet};
use convolutional::googlenet::GoogLeNet;
use convolutional::lenet::concise::LeNet;
use convolutional::resnet::ResNet18;
use d2l::Loss;
use d2l::nn::testing::{filled, hash};
use d2l::nn::{
    Adadelta, Adagrad, Adam, AttentionOptions, Conv2dConfig, Initializer, Mode, Network,
    ParamGroup, ParamStore, RecurrentOptions, RmsProp, Sgd, Step, batch_norm, conv2d,
    cross_entropy, elu, embedding, gelu, group_norm, layer_norm, linear, mse_loss, relu,
    scaled_dot_product_attention, sigmoid, silu, softmax, softplus, tanh,
};
use d2l::{next_token_loss, usage};
use mlp::activation::Activation;
use mlp::concise::Mlp;
use recurrent::rnn_model::{Cell, RnnModel};

use crate::models::{EncoderBlock, WithoutDropout};
use crate::{Operation, Product, Training, Update, Work};

/// A line of the table.
pub struct Row {
    /// As in `scripts/bench/rows.py`.
    pub name: &'static str,
    /// Makes the model, its batch and its optimizer.
    pub build: fn() -> Result<Box<dyn Work>>,
}

/// All rows.
pub const ROWS: &[Row] = &[
    row("matrix-product", matrix_product),
    row("linear-regression", linear_regression),
    row("softmax", softmax_regression),
    row("mlp", mlp),
    row("lenet-128", || lenet(128)),
    row("lenet-256", || lenet(256)),
    row("resnet18-96", || resnet18((16, 1, 96, 96))),
    row("resnet18-32", || resnet18((64, 3, 32, 32))),
    row("alexnet-64", alexnet),
    row("googlenet-32", googlenet),
    row("densenet-32", densenet),
    row("rnn-32x35x256", || language_model(Cell::Rnn, 32, 35, 256)),
    row("gru-32x35x256", || language_model(Cell::Gru, 32, 35, 256)),
    row("lstm-32x35x256", || language_model(Cell::Lstm, 32, 35, 256)),
    row("rnn-1024x32x32", || language_model(Cell::Rnn, 1024, 32, 32)),
    row("gru-1024x32x32", || language_model(Cell::Gru, 1024, 32, 32)),
    row("lstm-1024x32x32", || {
        language_model(Cell::Lstm, 1024, 32, 32)
    }),
    row("transformer-block", transformer_block),
    row("linear", linear_layer),
    row("conv3x3-64x32", || convolution(64, 32)),
    row("conv3x3-128x16", || convolution(128, 16)),
    row("conv3x3-256x8", || convolution(256, 8)),
    row("conv3x3-512x4", || convolution(512, 4)),
    row("batch-norm", batch_normalisation),
    row("layer-norm", layer_normalisation),
    row("attention", || attention(false)),
    row("attention-causal", || attention(true)),
    row("batch-norm-relu", batch_normalisation_and_relu),
    row("group-norm", group_normalisation),
    row("sigmoid", || activation(sigmoid)),
    row("tanh", || activation(tanh)),
    row("relu", || activation(relu)),
    row("elu", || activation(|x| elu(x, 1.0))),
    row("gelu", || activation(gelu)),
    row("silu", || activation(silu)),
    row("softplus", || activation(softplus)),
    row("softmax-10000", softmax_of_rows),
    row("cross-entropy-10000", cross_entropy_of_rows),
    row("embedding-10000", embedding_of_rows),
    row("sgd-10m", sgd),
    row("sgd-momentum-10m", sgd_momentum),
    row("adagrad-10m", adagrad),
    row("rmsprop-10m", rmsprop),
    row("rmsprop-centered-10m", rmsprop_centered),
    row("adadelta-10m", adadelta),
    row("adam-10m", adam),
    row("adamw-10m", adamw),
];

const fn row(name: &'static str, build: fn() -> Result<Box<dyn Work>>) -> Row {
    Row { name, build }
}

/// The row of this name.
///
/// # Errors
/// Where there is none; the message lists all.
pub fn find(name: &str) -> Result<&'static Row> {
    let Some(row) = ROWS.iter().find(|row| row.name == name) else {
        let names: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
        usage!(
            "--model {name}: no such row; wanted one of {}",
            names.join(", ")
        )
    };
    Ok(row)
}

// --- Models -----------------------------------------------------------------------------------------------------------

/// Salts of the batch: inputs, targets of a regression, classes.
const INPUT_SALT: u32 = 1;
const TARGET_SALT: u32 = 9;
const CLASS_SALT: u32 = 99;

/// Inputs in ±1.
fn inputs(shape: impl Into<Shape>) -> Result<Tensor> {
    Ok(filled(shape, INPUT_SALT, 2.0, DType::F32, &Device::Cpu)?)
}

/// Classes of a batch: `[B]`.
fn classes(batch: u32, classes: u32) -> Result<Tensor> {
    let targets = (0..batch).map(|i| hash(i, CLASS_SALT) % classes);
    Ok(Tensor::from_iter(targets, &Device::Cpu)?)
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
fn linear_regression() -> Result<Box<dyn Work>> {
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
fn softmax_regression() -> Result<Box<dyn Work>> {
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
fn mlp() -> Result<Box<dyn Work>> {
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
fn lenet(batch: usize) -> Result<Box<dyn Work>> {
    by_sgd(
        |params| LeNet::new((1, 28), 10, &Initializer::Xavier, params),
        cross_entropy,
        0.9,
        [inputs((batch, 1, 28, 28))?, classes(batch as u32, 10)?],
    )
}

/// D2L zh 7.6, en 8.6.
fn resnet18(shape: (usize, usize, usize, usize)) -> Result<Box<dyn Work>> {
    let (batch, channels, _, _) = shape;
    by_sgd(
        |params| ResNet18::new(channels, 10, &Initializer::Xavier, params),
        cross_entropy,
        1e-4, // at the book's rate, 0.05, PyTorch's own f32 and f64 part in the third step
        [inputs(shape)?, classes(batch as u32, 10)?],
    )
}

/// D2L zh 7.1, en 8.1, with pictures of 64 × 64.
fn alexnet() -> Result<Box<dyn Work>> {
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
fn googlenet() -> Result<Box<dyn Work>> {
    by_sgd(
        |params| GoogLeNet::new(3, 10, &Initializer::Kaiming, params),
        cross_entropy,
        1e-3,
        [inputs((64, 3, 32, 32))?, classes(64, 10)?],
    )
}

/// D2L zh 7.7, en 8.7, with pictures of 32 × 32.
fn densenet() -> Result<Box<dyn Work>> {
    by_sgd(
        |params| DenseNet::new(densenet::BLOCKS, 3, 10, &Initializer::Kaiming, params),
        cross_entropy,
        1e-3,
        [inputs((64, 3, 32, 32))?, classes(64, 10)?],
    )
}

/// D2L zh 8.6, 9.1, 9.2, en 9.6, 10.1, 10.2. Characters of a text: a vocabulary of 28, gradients clipped to norm 1.
fn language_model(cell: Cell, batch: u32, steps: u32, hiddens: usize) -> Result<Box<dyn Work>> {
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
fn transformer_block() -> Result<Box<dyn Work>> {
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

// --- Operations -------------------------------------------------------------------------------------------------------

/// Shows what the machine can do.
fn matrix_product() -> Result<Box<dyn Work>> {
    Ok(Box::new(Product::new(2048)?))
}

/// y = xWᵀ + b, with the gradient of x.
fn linear_layer() -> Result<Box<dyn Work>> {
    let params = ParamStore::new(0, &Device::Cpu);
    let layer = linear(784, 256, &Initializer::PytorchDefault, params.builder())?;
    let forward = move |[x]: &[Var; 1]| layer.forward(x);
    Ok(Box::new(Operation::new(
        [(256, 784)],
        (256, 256),
        params,
        forward,
    )?))
}

/// 3 × 3, batch 64, shape and number of channels unchanged.
fn convolution(channels: usize, side: usize) -> Result<Box<dyn Work>> {
    let params = ParamStore::new(0, &Device::Cpu);
    let same = Conv2dConfig::default().padding(1);
    let rule = Initializer::PytorchDefault;
    let layer = conv2d(channels, channels, 3, same, &rule, params.builder())?;
    let shape = (64, channels, side, side);
    let forward = move |[x]: &[Var; 1]| layer.forward(x);
    Ok(Box::new(Operation::new([shape], shape, params, forward)?))
}

/// 64 images of 64 channels.
const IMAGES: (usize, usize, usize, usize) = (64, 64, 32, 32);

/// For layers that behave otherwise while training.
const TRAIN: Mode = Mode::Train(Step {
    seed: 0,
    epoch: 0,
    step: 0,
});

fn batch_normalisation() -> Result<Box<dyn Work>> {
    let params = ParamStore::new(0, &Device::Cpu);
    let layer = batch_norm(64, params.builder())?;
    let forward = move |[x]: &[Var; 1]| layer.forward_t(x, TRAIN);
    Ok(Box::new(Operation::new([IMAGES], IMAGES, params, forward)?))
}

/// Both in one pass.
fn batch_normalisation_and_relu() -> Result<Box<dyn Work>> {
    let params = ParamStore::new(0, &Device::Cpu);
    let layer = batch_norm(64, params.builder())?;
    let forward = move |[x]: &[Var; 1]| layer.forward_t_relu(x, TRAIN);
    Ok(Box::new(Operation::new([IMAGES], IMAGES, params, forward)?))
}

/// Eight channels in a group.
fn group_normalisation() -> Result<Box<dyn Work>> {
    let params = ParamStore::new(0, &Device::Cpu);
    let layer = group_norm(8, 64, 1e-5, params.builder())?;
    let forward = move |[x]: &[Var; 1]| layer.forward(x);
    Ok(Box::new(Operation::new([IMAGES], IMAGES, params, forward)?))
}

/// A function of 1.2 million numbers.
fn activation(
    function: impl Fn(&Tensor) -> candle_core::Result<Tensor> + 'static,
) -> Result<Box<dyn Work>> {
    let params = ParamStore::new(0, &Device::Cpu);
    let shape = (1000, 1200);
    let forward = move |[x]: &[Var; 1]| function(x);
    Ok(Box::new(Operation::new([shape], shape, params, forward)?))
}

fn layer_normalisation() -> Result<Box<dyn Work>> {
    let params = ParamStore::new(0, &Device::Cpu);
    let layer = layer_norm(256, 1e-5, params.builder())?;
    let shape = (16, 128, 256);
    let forward = move |[x]: &[Var; 1]| layer.forward(x);
    Ok(Box::new(Operation::new([shape], shape, params, forward)?))
}

/// Four heads of 64 over 128 tokens.
fn attention(causal: bool) -> Result<Box<dyn Work>> {
    let params = ParamStore::new(0, &Device::Cpu);
    let shape = (16, 4, 128, 64);
    let forward = move |[q, k, v]: &[Var; 3]| {
        let options = AttentionOptions {
            causal,
            ..AttentionOptions::default()
        };
        let (output, _) = scaled_dot_product_attention(q, k, v, options)?;
        Ok(output)
    };
    Ok(Box::new(Operation::new(
        [shape; 3], shape, params, forward,
    )?))
}

/// Tokens of a batch, words of a vocabulary, numbers that stand for a word.
const LOGITS: (usize, usize) = (2048, 10_000);
const DIM: usize = 512;

fn softmax_of_rows() -> Result<Box<dyn Work>> {
    let params = ParamStore::new(0, &Device::Cpu);
    let forward = |[x]: &[Var; 1]| softmax(x, D::Minus1);
    Ok(Box::new(Operation::new([LOGITS], LOGITS, params, forward)?))
}

fn cross_entropy_of_rows() -> Result<Box<dyn Work>> {
    let params = ParamStore::new(0, &Device::Cpu);
    let y = classes(LOGITS.0 as u32, LOGITS.1 as u32)?;
    let forward = move |[x]: &[Var; 1]| cross_entropy(x, &y);
    let (logits, loss) = (Shape::from(LOGITS), Shape::from(()));
    Ok(Box::new(Operation::new([logits], loss, params, forward)?))
}

fn embedding_of_rows() -> Result<Box<dyn Work>> {
    let params = ParamStore::new(0, &Device::Cpu);
    let (tokens, words) = LOGITS;
    let layer = embedding(words, DIM, &Initializer::PytorchDefault, params.builder())?;
    let ids = classes(tokens as u32, words as u32)?;
    let forward = move |_: &[Var; 0]| layer.forward(&ids);
    Ok(Box::new(Operation::new(
        [],
        (tokens, DIM),
        params,
        forward,
    )?))
}

// --- Optimizers over ten million parameters ---------------------------------------------------------------------------

fn sgd() -> Result<Box<dyn Work>> {
    let make = |groups, rate| Ok(Sgd::new(groups, rate, 0.0, false)?);
    Ok(Box::new(Update::new(make)?))
}

fn sgd_momentum() -> Result<Box<dyn Work>> {
    let make = |groups, rate| Ok(Sgd::new(groups, rate, 0.9, false)?);
    Ok(Box::new(Update::new(make)?))
}

fn adagrad() -> Result<Box<dyn Work>> {
    let make = |groups, rate| Ok(Adagrad::new(groups, rate)?);
    Ok(Box::new(Update::new(make)?))
}

fn rmsprop() -> Result<Box<dyn Work>> {
    let make = |groups, rate| Ok(RmsProp::new(groups, rate, 0.9, 0.0, false)?);
    Ok(Box::new(Update::new(make)?))
}

fn rmsprop_centered() -> Result<Box<dyn Work>> {
    let make = |groups, rate| Ok(RmsProp::new(groups, rate, 0.9, 0.9, true)?);
    Ok(Box::new(Update::new(make)?))
}

fn adadelta() -> Result<Box<dyn Work>> {
    let make = |groups, rate| Ok(Adadelta::new(groups, rate)?);
    Ok(Box::new(Update::new(make)?))
}

fn adam() -> Result<Box<dyn Work>> {
    let make = |groups, rate| Ok(Adam::new(groups, rate)?);
    Ok(Box::new(Update::new(make)?))
}

fn adamw() -> Result<Box<dyn Work>> {
    let make = |groups, rate| Ok(Adam::decoupled(groups, rate)?);
    Ok(Box::new(Update::new(make)?))
}
