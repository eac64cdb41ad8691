//! What is measured, one function per row. The twin of a row, with its batch and its count of operations, has the same
//! name in `scripts/bench/rows.py`.

use anyhow::Result;
use candle_core::{DType, Device, Module, Shape, Tensor, Var};
use d2l::Loss;
use d2l::nn::testing::{filled, hash};
use d2l::nn::{
    Adadelta, Adagrad, Adam, Initializer, Network, ParamGroup, ParamStore, RmsProp, Sgd,
    cross_entropy, linear, mse_loss,
};
use d2l::usage;
use mlp::activation::Activation;
use mlp::concise::Mlp;

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
    row("softmax", softmax),
    row("mlp", mlp),
    row("linear", linear_layer),
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
fn softmax() -> Result<Box<dyn Work>> {
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
