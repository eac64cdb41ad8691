//! All models compute what PyTorch computes.

use std::path::Path;

use anyhow::{Context, Result};
use d2l::next_token_loss;
use d2l::nn::{Initializer, ParamStore, cross_entropy, mse_loss};
use recurrent::autoregressive::series::TAU;
use recurrent::autoregressive::{Autoregressive, Kind};
use recurrent::language_model::Recurrent;
use recurrent::names::NameClassifier;
use recurrent::rnn_model::Cell;
use recurrent::word_lm::{Output, Size, WordModel};

use crate::{MODELS, SIZES, model_of};

/// PyTorch has layers for these, or computes them in the golden files' program: the rest of [`MODELS`] has none.
const IN_PYTORCH: usize = 19;

#[test]
fn every_model_agrees_with_pytorch() -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/golden");
    for (name, implementation, build, structure) in MODELS.into_iter().take(IN_PYTORCH) {
        let file = folder.join(format!("{name}-{implementation}.json"));
        let build = |params: &ParamStore| Ok(model_of(build, implementation, structure, params)?);
        d2l::testing::check_against_golden(&file, build, next_token_loss)
            .with_context(|| format!("{name} {implementation}"))?;
    }
    Ok(())
}

#[test]
fn the_autoregressive_models_agree_with_pytorch() -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/golden");
    for (name, kind, num_hiddens) in [
        ("perceptron", Kind::Mlp, 10),
        ("linear", Kind::Mlp, 0),
        ("rnn", Kind::Rnn, 10),
        ("gru", Kind::Gru, 10),
        ("lstm", Kind::Lstm, 10),
    ] {
        let file = folder.join(format!("autoregressive-{name}.json"));
        let build = |params: &ParamStore| {
            let sizes = (TAU, num_hiddens);
            Ok(Autoregressive::new(
                kind,
                sizes,
                &Initializer::Zeros,
                params,
            )?)
        };
        d2l::testing::check_against_golden(&file, build, mse_loss).context(name)?;
    }
    Ok(())
}

/// The sizes of the golden file, with an output layer of this kind.
fn word_model(
    output: Output,
    vocab_size: usize,
    params: &ParamStore,
) -> candle_core::Result<WordModel> {
    let (_, h, _, _) = SIZES;
    let size = Size {
        cell: Cell::Lstm,
        embedding_dim: h,
        num_hiddens: h,
        num_layers: 2,
        dropout: 0.0,
        output,
    };
    WordModel::new(size, vocab_size, &Initializer::PytorchDefault, params)
}

#[test]
fn the_models_of_names_and_words_agree_with_pytorch() -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/golden");
    let (v, h, _, _) = SIZES;
    let words = |params: &ParamStore| -> Result<Box<dyn Recurrent>> {
        Ok(Box::new(word_model(Output::Tied, v, params)?))
    };
    d2l::testing::check_against_golden(&folder.join("word-lm.json"), words, next_token_loss)?;
    let init = Initializer::PytorchDefault;
    let names = |params: &ParamStore| Ok(NameClassifier::new(Cell::Rnn, (h, h), &init, params)?);
    let file = folder.join("names-classifier.json");
    d2l::testing::check_against_golden(&file, names, cross_entropy)
}
