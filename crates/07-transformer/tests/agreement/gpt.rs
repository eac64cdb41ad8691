//! GPT: PyTorch's numbers, the causal mask, the cache.

use anyhow::{Context, Result, ensure};
use candle_core::Tensor;
use d2l::next_token_loss;
use d2l::nn::{Mode, Network, ParamStore};
use transformer::breaks::Breaks;
use transformer::gpt::network::Gpt;

use crate::{DEVICE, GPT, RULE, difference, golden, gpt, tokens};

#[test]
fn gpt_agrees_with_pytorch() -> Result<()> {
    let build = |params: &ParamStore| Ok(Gpt::new(GPT, Breaks::default(), &RULE, params)?);
    d2l::testing::check_against_golden(&golden("gpt"), build, next_token_loss)
}

/// Tokens `[2, 9]`, and the same with another token at each of the places from 1 on, one at a time.
fn changed(x: &Tensor) -> Result<Vec<(usize, Tensor)>> {
    let (batch, steps) = x.dims2()?;
    let rows: Vec<Vec<u32>> = x.to_vec2()?;
    let change = |place: usize| {
        let mut rows = rows.clone();
        rows.iter_mut()
            .for_each(|row| row[place] = (row[place] + 1) % GPT.vocab_size as u32);
        Ok((
            place,
            Tensor::new(rows.concat(), &DEVICE)?.reshape((batch, steps))?,
        ))
    };
    (1..steps).map(change).collect()
}

/// As asked in karpathy/nanoGPT#331, where a mask by hand leaked. Bit for bit: a hidden key's weight is a zero, which adds
/// nothing.
#[test]
fn a_future_token_changes_no_earlier_logit() -> Result<()> {
    let x = tokens((2, 9), GPT.vocab_size, 1)?;
    for breaks in ["", "post-norm", "no-position,no-scale"] {
        let (_, model) = gpt(breaks)?;
        // All at once, and in two parts through a cache.
        let at_once = |x: &Tensor| model.forward(x, Mode::Evaluate);
        let in_parts = |x: &Tensor| {
            let mut caches = model.caches();
            let first = model.forward_from(&x.narrow(1, 0, 4)?, &mut caches, Mode::Evaluate)?;
            let second = model.forward_from(&x.narrow(1, 4, 5)?, &mut caches, Mode::Evaluate)?;
            Tensor::cat(&[first, second], 1)
        };
        type Forward<'a> = &'a dyn Fn(&Tensor) -> candle_core::Result<Tensor>;
        let forwards: [Forward; 2] = [&at_once, &in_parts];
        for forward in forwards {
            let logits = forward(&x)?;
            for (place, other) in changed(&x)? {
                let others = forward(&other)?;
                let before = |logits: &Tensor| logits.narrow(1, 0, place);
                let leak = difference(&before(&logits)?, &before(&others)?)?;
                ensure!(
                    leak == 0.0,
                    "{breaks}: token {place} changes earlier logits by {leak}"
                );
                let own = difference(&logits.narrow(1, place, 1)?, &others.narrow(1, place, 1)?)?;
                ensure!(
                    own > 1e-3,
                    "{breaks}: token {place} doesn't change its own logits"
                );
            }
        }
    }
    Ok(())
}

#[test]
fn without_its_mask_gpt_sees_the_future() -> Result<()> {
    let (_, model) = gpt("no-mask")?;
    let x = tokens((2, 9), GPT.vocab_size, 1)?;
    let logits = model.forward(&x, Mode::Evaluate)?;
    for (place, other) in changed(&x)? {
        let others = model.forward(&other, Mode::Evaluate)?;
        let leak = difference(&logits.narrow(1, 0, place)?, &others.narrow(1, 0, place)?)?;
        ensure!(
            leak > 1e-3,
            "token {place} changes earlier logits by {leak} only"
        );
    }
    Ok(())
}

#[test]
fn gpts_cache_changes_nothing() -> Result<()> {
    let x = tokens((2, 9), GPT.vocab_size, 1)?;
    for breaks in ["", "post-norm", "no-position"] {
        let (_, model) = gpt(breaks)?;
        let whole = model.forward(&x, Mode::Evaluate)?;
        for parts in [&[1; 9][..], &[4, 5], &[1, 2, 3, 3], &[8, 1]] {
            let mut caches = model.caches();
            let (mut first, mut logits) = (0, Vec::new());
            for &steps in parts {
                let part = x.narrow(1, first, steps)?;
                logits.push(model.forward_from(&part, &mut caches, Mode::Evaluate)?);
                first += steps;
            }
            let off = difference(&whole, &Tensor::cat(&logits, 1)?)?;
            ensure!(off < 1e-12, "{breaks} {parts:?}: {off}");
        }
    }
    Ok(())
}

#[test]
fn a_full_context_is_refused() -> Result<()> {
    let (_, model) = gpt("")?;
    let mut caches = model.caches();
    model.forward_from(&tokens((1, 9), 7, 1)?, &mut caches, Mode::Evaluate)?;
    let error = model.forward_from(&tokens((1, 1), 7, 1)?, &mut caches, Mode::Evaluate);
    let error = error.err().context("no room")?.to_string();
    ensure!(
        error.contains("found 10 tokens, wanted 9 at most"),
        "{error}"
    );
    Ok(())
}
