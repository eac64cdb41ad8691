//! All models: gradients of every parameter, shapes, and a state that is handed on.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use candle_core::Tensor;
use d2l::Implementation::{Concise, Scratch};
use d2l::data::{Choice, names};
use d2l::nn::testing::every_parameter_has_a_gradient;
use d2l::nn::{Initializer, Mode, Network, backward, cross_entropy, observed};
use d2l::{Scores, Task, next_token_loss};
use recurrent::language_model::Recurrent;
use recurrent::names::{NameClassifier, NameGenerator};
use recurrent::rnn_model::Cell;
use recurrent::word_lm::{Output, Size, WordModel};

use crate::{
    BIDIRECTIONAL, DEVICE, MODELS, SIZES, TRAIN, ensure_near, f64_params, model_of, tokens,
};

/// Enough words for the adaptive softmax to have groups, and a token of each.
#[test]
fn the_loss_of_words_is_that_of_the_logits_and_every_parameter_gets_a_gradient() -> Result<()> {
    const WORDS: u32 = 40;
    let (batch, steps) = (8, 10);
    let tokens = |salt: u32| -> Result<Tensor> {
        let tokens = (0..(batch * steps) as u32).map(|i| (i * salt) % WORDS);
        Ok(Tensor::from_iter(tokens, &DEVICE)?.reshape((batch, steps))?)
    };
    let (x, y) = (tokens(7)?, tokens(3)?);
    for output in [Output::Tied, Output::Untied, Output::Adaptive] {
        let params = f64_params();
        let (_, h, _, _) = SIZES;
        let size = Size {
            cell: Cell::Gru,
            embedding_dim: 4 * h,
            num_hiddens: 4 * h, // narrow vectors of the rarest words need sixteen units
            num_layers: 2,
            dropout: 0.0,
            output,
        };
        let init = Initializer::PytorchDefault;
        let model = WordModel::new(size, WORDS as usize, &init, &params)?;
        let (_, state) = model.forward_from(&x, None, TRAIN)?;
        let (o, _) = model.forward_from(&x, Some(&state), Mode::Evaluate)?;
        let (loss, _) = model.loss_from([&x, &y], Some(&state), Mode::Evaluate)?;
        ensure!(o.dims() == [batch, steps, WORDS as usize], "{:?}", o.dims());
        ensure_near("loss", &loss, &next_token_loss(&o, &y)?)?;
        let (loss, _) = model.loss_from([&x, &y], None, TRAIN)?;
        every_parameter_has_a_gradient(&params, &backward(&loss)?)?;
    }
    Ok(())
}

#[test]
fn every_parameter_of_the_models_of_names_gets_a_gradient() -> Result<()> {
    let names = names(Choice::Builtin, Path::new(""))?.data;
    let rows: Vec<usize> = (0..names.languages.len() * 200).step_by(7).collect();
    let init = Initializer::PytorchDefault;
    let languages = names.languages.len();
    for cell in [Cell::Rnn, Cell::Gru, Cell::Lstm] {
        let params = f64_params();
        let network = NameClassifier::new(cell, (6, languages), &init, &params)?;
        let [x, y] = names.for_classification()?.train.batch(&rows, &DEVICE)?;
        let loss = cross_entropy(&network.forward(&x, TRAIN)?, &y)?;
        every_parameter_has_a_gradient(&params, &backward(&loss)?)?;

        let params = f64_params();
        let network = NameGenerator::new(cell, (6, languages), 0.1, &init, &params)?;
        let batch = names.for_generation()?.train.batch(&rows, &DEVICE)?;
        let Mode::Train(step) = TRAIN else { continue };
        let loss = network.training_loss(&batch, step, &mut Scores::default())?;
        every_parameter_has_a_gradient(&params, &backward(&loss)?)?;
    }
    Ok(())
}

/// A model that starts from the state after the first half computes what it computes for the whole text.
#[test]
fn two_halves_with_the_state_between_them_are_the_whole() -> Result<()> {
    let x = tokens(1)?;
    let halves = [x.narrow(1, 0, 2)?, x.narrow(1, 2, 4)?];
    for (name, implementation, build, structure) in MODELS {
        if name == BIDIRECTIONAL {
            continue; // its second direction begins at the end
        }
        let params = f64_params();
        let model = model_of(build, implementation, structure, &params)?;
        let (whole, _) = model.forward_from(&x, None, Mode::Evaluate)?;
        let (first, state) = model.forward_from(&halves[0], None, Mode::Evaluate)?;
        let (second, _) = model.forward_from(&halves[1], Some(&state), Mode::Evaluate)?;
        let both = Tensor::cat(&[first, second], 1)?;
        ensure_near(&format!("{name} {implementation}"), &whole, &both)?;
    }
    Ok(())
}

#[test]
fn every_parameter_gets_a_gradient_and_outputs_have_their_shapes() -> Result<()> {
    let (v, h, batch, steps) = SIZES;
    let (x, y) = (tokens(1)?, tokens(2)?);
    for (name, implementation, build, structure) in MODELS {
        let name_of_model = format!("{name} {implementation}");
        let params = f64_params();
        let model = model_of(build, implementation, structure, &params)?;
        let (o, observations) = observed(|| model.forward(&x, TRAIN))?;
        ensure!(
            o.dims() == [batch, steps, v],
            "{name_of_model}: {:?}",
            o.dims()
        );
        every_parameter_has_a_gradient(&params, &backward(&next_token_loss(&o, &y)?)?)?;
        let layers = observations.rows(&[&x]);
        let found: Vec<(&str, &[usize])> = layers
            .iter()
            .map(|layer| (layer.name.as_str(), layer.output.dims()))
            .collect();
        let directions = if name == BIDIRECTIONAL { 2 } else { 1 };
        let hidden = [batch, steps, h * directions];
        let logits = [batch, steps, v];
        let vector = [batch, steps, structure.embedding_dim.unwrap_or(v)];
        let vectors: (&str, &[usize]) = match structure.embedding_dim {
            Some(_) => ("embedding", &vector),
            None => ("one_hot", &vector),
        };
        let wanted: &[(&str, &[usize])] = match implementation {
            Scratch => &[vectors, ("rnn", &hidden)],
            Concise => &[vectors, ("rnn", &hidden), ("linear", &logits)],
        };
        ensure!(found == wanted, "{name_of_model}: {found:?}");
        if implementation == Concise {
            let last = layers.last().context("layers")?;
            ensure_near(&name_of_model, &last.output, &o)?;
        }
    }
    Ok(())
}
