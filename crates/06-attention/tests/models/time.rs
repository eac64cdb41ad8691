//! Time steps: a token after the other is the whole, and nothing comes from the future.

use anyhow::{Result, ensure};
use attention::encoder::EncoderEnd;
use attention::encoder_decoder::{Translator, at_time_step};
use attention::seq2seq::{Context as Beside, Seq2Seq};
use candle_core::{DType, Tensor};
use d2l::nn::{Dropout, Mode, Step, observed};

use crate::{
    DEVICE, EVALUATE, INIT, MODELS, SIZES, TRAIN, batch, ensure_equal, f64_params, gap, tokens,
};

/// The same `decode` reads a whole sentence, and one token after the other from the state before.
#[test]
fn token_by_token_is_the_whole() -> Result<()> {
    let [source, lens, input, _] = batch()?;
    for (name, build) in MODELS {
        let model = build(SIZES, EncoderEnd::Padding, &f64_params())?;
        let whole = model.forward(&source, &lens, &input, EVALUATE)?;
        let mut state = model.encode(&source, &lens, EVALUATE)?;
        let mut steps = Vec::new();
        for t in 0..4 {
            let (logits, after) = model.decode(&input.narrow(1, t, 1)?, state, EVALUATE)?;
            steps.push(logits);
            state = after;
        }
        ensure_equal(name, &whole, &Tensor::cat(&steps, 1)?)?;
    }
    Ok(())
}

/// d2l-ai/d2l-en#2134: in the Chinese edition the context is the state that the decoder is called with. That is the
/// encoder's where it is called once, and its own where it writes.
#[test]
fn the_context_that_changes_is_another_model_while_writing() -> Result<()> {
    let [source, lens, input, _] = batch()?;
    let logits = |beside: Beside| -> Result<[Tensor; 2]> {
        let model = Seq2Seq::new(SIZES, EncoderEnd::Padding, beside, &INIT, &f64_params())?;
        let whole = model.forward(&source, &lens, &input, EVALUATE)?;
        let state = model.encode(&source, &lens, EVALUATE)?;
        let (_, state) = model.decode(&input.narrow(1, 0, 1)?, state, EVALUATE)?;
        let (second, _) = model.decode(&input.narrow(1, 1, 1)?, state, EVALUATE)?;
        Ok([whole, second])
    };
    let ([whole, second], [other_whole, other_second]) =
        (logits(Beside::Encoder)?, logits(Beside::State)?);
    ensure_equal("while learning", &whole, &other_whole)?;
    ensure_equal("encoder", &whole.narrow(1, 1, 1)?, &second)?;
    let gap = gap(&second, &other_second)?;
    ensure!(gap > 1e-3, "while writing they differ by {gap} only");
    Ok(())
}

#[test]
fn a_token_to_come_changes_no_earlier_logit() -> Result<()> {
    let [source, lens, input, _] = batch()?;
    let other = Tensor::cat(&[input.narrow(1, 0, 2)?, tokens((3, 2), 9, 8)?], 1)?;
    for (name, build) in MODELS {
        let model = build(SIZES, EncoderEnd::Padding, &f64_params())?;
        let [a, b] = [&input, &other].map(|x| model.forward(&source, &lens, x, TRAIN));
        let (a, b) = (a?, b?);
        ensure_equal(name, &a.narrow(1, 0, 2)?, &b.narrow(1, 0, 2)?)?;
        ensure!(
            gap(&a.narrow(1, 2, 2)?, &b.narrow(1, 2, 2)?)? > 1e-3,
            "{name}"
        );
    }
    Ok(())
}

/// d2l-ai/d2l-en#1013: the query is the state before the token is read. So the first weights don't depend on the first
/// token, and the second do.
#[test]
fn bahdanaus_query_is_the_state_before_the_step() -> Result<()> {
    let [source, lens, input, _] = batch()?;
    let first = tokens((3, 1), 9, 20)?;
    let other = Tensor::cat(&[&first, &input.narrow(1, 1, 3)?], 1)?;
    ensure!(first.to_vec2::<u32>()? != input.narrow(1, 0, 1)?.to_vec2::<u32>()?);
    for (name, build) in [MODELS[0], MODELS[2]] {
        let model = build(SIZES, EncoderEnd::Padding, &f64_params())?;
        let weights = |x: &Tensor| -> Result<Vec<Tensor>> {
            let (_, seen) = observed(|| model.forward(&source, &lens, x, EVALUATE))?;
            let reports = seen.attention().iter();
            Ok(reports.map(|(_, weights)| weights.clone()).collect())
        };
        let (a, b) = (weights(&input)?, weights(&other)?);
        ensure!(a.len() == 4 && a[0].dims() == [3, 1, 6], "{name}");
        ensure_equal(name, &a[0], &b[0])?;
        ensure!(
            gap(&a[1], &b[1])? > 1e-6,
            "{name}: the second weights are equal too"
        );
    }
    Ok(())
}

#[test]
fn each_time_step_drops_other_numbers() -> Result<()> {
    let dropout = Dropout::new(0.5, "attention.dropout")?;
    let ones = Tensor::ones((8, 8), DType::F64, &DEVICE)?;
    let mut seen: Vec<Vec<f64>> = Vec::new();
    for step in 1..4 {
        for t in 0..3 {
            let mode = Mode::Train(Step { seed: 0, epoch: 1, step });
            let dropped = dropout.forward_t(&ones, at_time_step(mode, t, 3))?;
            let dropped: Vec<f64> = dropped.flatten_all()?.to_vec1()?;
            ensure!(!seen.contains(&dropped), "step {step}, t {t}");
            seen.push(dropped);
        }
    }
    Ok(())
}
