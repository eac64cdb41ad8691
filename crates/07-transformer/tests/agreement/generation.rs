//! The text that GPT writes: with a cache what it writes without, and the same for the same seed.

use anyhow::{Context, Result, ensure};
use candle_core::{D, Tensor};
use d2l::Decoding;
use d2l::nn::{Initializer, Mode, Network, ParamStore};
use transformer::breaks::Breaks;
use transformer::gpt::generation::generate;
use transformer::gpt::network::Gpt;

use crate::{DEVICE, GPT};

/// The most likely token each time, computed anew from the last tokens that the context holds.
fn generated_anew(model: &Gpt, prompt: &[u32], count: usize) -> Result<Vec<u32>> {
    let (mut tokens, mut first) = (prompt.to_vec(), 0);
    for _ in 0..count {
        if tokens.len() - first > model.context() {
            first = tokens.len() - model.context().div_ceil(2);
        }
        let x = Tensor::new(&tokens[first..], &DEVICE)?.unsqueeze(0)?;
        let logits = model.forward(&x, Mode::Evaluate)?;
        let best: Vec<u32> = logits.argmax(D::Minus1)?.flatten_all()?.to_vec1()?;
        tokens.push(*best.last().context("a token")?);
    }
    Ok(tokens)
}

fn generation_model() -> Result<Gpt> {
    let params = ParamStore::new(3, &DEVICE); // f32, as in a run
    Ok(Gpt::new(
        GPT,
        Breaks::default(),
        &Initializer::Normal { std: 1.0 },
        &params,
    )?)
}

#[test]
fn generation_with_a_cache_writes_what_recomputation_writes() -> Result<()> {
    let model = generation_model()?;
    let found = generate(&model, &[3, 1], 40, &Decoding::GREEDY, (0, &DEVICE))?;
    ensure!(found == generated_anew(&model, &[3, 1], 40)?, "{found:?}");
    // A prompt that is longer than the context: what doesn't fit is left out.
    let long = [1; 20];
    let found = generate(&model, &long, 3, &Decoding::GREEDY, (0, &DEVICE))?;
    ensure!(
        found == generated_anew(&model, &long, 3)? && found.len() == 23,
        "{found:?}"
    );
    Ok(())
}

#[test]
fn a_seed_writes_the_same_and_another_seed_something_else() -> Result<()> {
    let model = generation_model()?;
    let decoding = Decoding { temperature: 1.0, ..Decoding::GREEDY };
    let write = |seed| generate(&model, &[3], 60, &decoding, (seed, &DEVICE));
    ensure!(write(1)? == write(1)? && write(1)? != write(2)?);
    ensure!(generate(&model, &[], 1, &decoding, (0, &DEVICE)).is_err());
    Ok(())
}
