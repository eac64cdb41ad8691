//! The models of chapter 05 beside the book's: the classifier of names, and the language model of words at the size of
//! PyTorch's example, without dropout.

use anyhow::Result;
use candle_core::{Device, Tensor};
use d2l::data::{NAME_END, NAME_SYMBOLS};
use d2l::nn::testing::hash;
use d2l::nn::{Initializer, ParamGroup, ParamStore, Sgd, cross_entropy};
use recurrent::language_model::Recurrent;
use recurrent::names::NameClassifier;
use recurrent::rnn_model::Cell;
use recurrent::word_lm::{Output, Size, WordModel};

use super::attention::LENGTH_SALT;
use super::models::{INPUT_SALT, on_batch};
use super::{CLASS_SALT, classes};
use crate::{BatchLoss, Training, Work};

/// 64 names of 4 to 19 letters in 18 languages. Gradients clipped to norm 3.
pub(super) fn names_classifier() -> Result<Box<dyn Work>> {
    const NAMES: u32 = 64;
    const STEPS: u32 = 20;
    let params = ParamStore::new(0, &Device::Cpu);
    let init = Initializer::PytorchDefault;
    let network = NameClassifier::new(Cell::Rnn, (128, 18), &init, &params)?;
    let symbol = |i: u32| match i % STEPS < 4 + hash(i / STEPS, LENGTH_SALT) % 16 {
        true => hash(i, INPUT_SALT) % (NAME_SYMBOLS as u32 - 1),
        false => NAME_END,
    };
    let x = Tensor::from_iter((0..NAMES * STEPS).map(symbol), &Device::Cpu)?;
    let x = x.reshape((NAMES as usize, STEPS as usize))?;
    let loss = on_batch(network, cross_entropy, [x, classes(NAMES, 18)?]);
    by_sgd(loss, params, 0.15, 3.0)
}

/// 20 rows of 35 words of WikiText-2's 33,278. Gradients clipped to norm 0.25.
pub(super) fn word_lm() -> Result<Box<dyn Work>> {
    const WORDS: u32 = 33_278;
    let size = Size {
        cell: Cell::Lstm,
        embedding_dim: 200,
        num_hiddens: 200,
        num_layers: 2,
        dropout: 0.0,
        output: Output::Untied,
    };
    let params = ParamStore::new(0, &Device::Cpu);
    let init = Initializer::PytorchDefault;
    let network = WordModel::new(size, WORDS as usize, &init, &params)?;
    let words = |salt: u32| {
        let words = (0..20 * 35).map(|i| hash(i, salt) % WORDS);
        Tensor::from_iter(words, &Device::Cpu)?.reshape((20, 35))
    };
    let (x, y) = (words(INPUT_SALT)?, words(CLASS_SALT)?);
    let loss: BatchLoss = Box::new(move |mode| Ok(network.loss_from([&x, &y], None, mode)?.0));
    by_sgd(loss, params, 20.0, 0.25)
}

fn by_sgd(
    loss: BatchLoss,
    params: ParamStore,
    learning_rate: f64,
    clip: f64,
) -> Result<Box<dyn Work>> {
    let group = ParamGroup::new(params.parameters());
    let sgd = Box::new(Sgd::new(vec![group], learning_rate, 0.0, false)?);
    Ok(Box::new(Training::new(loss, params, sgd, Some(clip))))
}
