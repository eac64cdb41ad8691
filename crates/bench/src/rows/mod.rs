//! The rows of the table, one function each. The PyTorch reference of a row, with its batch and its count of operations,
//! has the same name in `scripts/bench/rows.py`.
//!
//! - `models`: training steps of the chapters' models, and evaluations
//! - `language`: those of chapter 05
//! - `attention`: those of chapters 06 and 07
//! - `operations`: single layers, functions and losses, forward and backward
//! - `optimizers`: their steps over ten million parameters
//! - `growth`: models whose sizes are in the row's name

mod attention;
mod growth;
mod language;
mod models;
mod operations;
mod optimizers;

use anyhow::Result;
use candle_core::{Device, Tensor};
use d2l::data::Augmentation;
use d2l::data::augment::colour::Jitter;
use d2l::nn::testing::hash;
use d2l::nn::{elu, gelu, relu, sigmoid, silu, softplus, tanh};
use d2l::usage;
use recurrent::rnn_model::Cell;

use crate::{Pictures, Work};
use attention::*;
use language::*;
use models::*;
use operations::*;
use optimizers::*;

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
    row("rnn-by-hand-32x35x512", || {
        by_hand(recurrent::rnn::network, 32, 35, 512)
    }),
    row("gru-by-hand-32x35x256", || {
        by_hand(recurrent::gru::network, 32, 35, 256)
    }),
    row("lstm-by-hand-32x35x256", || {
        by_hand(recurrent::lstm::network, 32, 35, 256)
    }),
    row("names-classifier", names_classifier),
    row("word-lm", word_lm),
    row("transformer-block", transformer_block),
    row("seq2seq-zh", || seq2seq(ZH)),
    row("seq2seq-en", || seq2seq(EN)),
    row("bahdanau-zh", || bahdanau(ZH)),
    row("bahdanau-en", || bahdanau(EN)),
    row("translation-zh", || transformer(ZH)),
    row("translation-en", || transformer(EN)),
    row("gpt-6x384", gpt),
    row("gpt-6x384-writes", gpt_writes),
    row("vit-28", vit),
    row("evaluate-resnet18-32", || {
        evaluate_resnet18((64, 3, 32, 32))
    }),
    row("evaluate-lstm-1024x32x32", || {
        evaluate_language_model(Cell::Lstm, 1024, 32, 32)
    }),
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
    row("pictures-28-to-96", || {
        Ok(Box::new(Pictures::resized(256, [1, 28, 28], 96)?))
    }),
    row("pictures-32-to-224", || {
        Ok(Box::new(Pictures::resized(64, [3, 32, 32], 224)?))
    }),
    row("pictures-crop-flip", || {
        let changes = FLIPPED_AND_CROPPED;
        Ok(Box::new(Pictures::augmented(256, [3, 32, 32], changes)?))
    }),
    row("pictures-crop-flip-colour", || {
        let changes = Augmentation { colour: Some(Jitter::BOOK), ..FLIPPED_AND_CROPPED };
        Ok(Box::new(Pictures::augmented(256, [3, 32, 32], changes)?))
    }),
];

/// Of the minibatches of pictures.
const FLIPPED_AND_CROPPED: Augmentation =
    Augmentation { crop: Some(Augmentation::PADDING), flip: true, colour: None };

const fn row(name: &'static str, build: fn() -> Result<Box<dyn Work>>) -> Row {
    Row { name, build }
}

/// Makes the row of this name: one of [`ROWS`], or a model whose sizes the name gives.
///
/// # Errors
/// If there is none; the message lists all rows.
pub fn build(name: &str) -> Result<Box<dyn Work>> {
    if let Some(row) = ROWS.iter().find(|row| row.name == name) {
        return (row.build)();
    }
    if let Some(work) = growth::find(name) {
        return work;
    }
    let names: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
    usage!(
        "--model {name}: no such row; wanted grow-MODEL-SIZES or one of {}",
        names.join(", ")
    )
}

/// The salt of the classes.
const CLASS_SALT: u32 = 99;

/// Classes of a batch: `[B]`.
fn classes(batch: u32, classes: u32) -> Result<Tensor> {
    let targets = (0..batch).map(|i| hash(i, CLASS_SALT) % classes);
    Ok(Tensor::from_iter(targets, &Device::Cpu)?)
}
