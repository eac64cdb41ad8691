//! What can be seen inside GPT: its layers' predictions, and heads that look for repeats.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use candle_core::Tensor;
use d2l::nn::{Initializer, Mode, Network, ParamStore};
use transformer::breaks::Breaks;
use transformer::gpt::network::{Gpt, Size};
use transformer::gpt::repeats;

use crate::{DEVICE, GPT, difference, gpt, tokens};

/// After the last block the lens shows what the model says; after the embedding no token sees another.
#[test]
fn the_logit_lens_ends_with_the_models_logits() -> Result<()> {
    let (_, model) = gpt("")?;
    let x = tokens((1, 6), GPT.vocab_size, 1)?;
    let layers = model.logit_lens(&x)?;
    ensure!(layers.len() == 1 + GPT.num_layers, "{}", layers.len());
    let whole = model.forward(&x, Mode::Evaluate)?;
    ensure!(difference(&layers[GPT.num_layers], &whole)? == 0.0);
    ensure!(difference(&layers[1], &whole)? > 1e-3);
    Ok(())
}

#[test]
fn repeats_are_rows_of_different_tokens() -> Result<()> {
    let splits = repeats::splits(5, 16)?;
    let [x, y] = splits.train.batch(&(0..50).collect::<Vec<_>>(), &DEVICE)?;
    let (x, y) = (x.to_vec2::<u32>()?, y.to_vec2::<u32>()?);
    let mut rounds = BTreeSet::new();
    for (tokens, targets) in x.iter().zip(&y) {
        let p = tokens.iter().skip(1).position(|token| *token == tokens[0]);
        let p = p.context("a second round")? + 1;
        ensure!((4..=8).contains(&p), "{p}");
        rounds.insert(p);
        let different: BTreeSet<_> = tokens[..p].iter().collect();
        ensure!(different.len() == p, "{tokens:?}");
        for i in p..16 {
            ensure!(tokens[i] == tokens[i - p], "{tokens:?}");
            // What follows is what followed the last time.
            ensure!(targets[i] == tokens[i - p + 1], "{tokens:?} {targets:?}");
        }
        ensure!(
            targets[..p].iter().all(|&target| target == u32::MAX),
            "{targets:?}"
        );
    }
    ensure!(rounds.len() == 5, "{rounds:?}");
    ensure!(repeats::splits(0, 7).is_err());
    Ok(())
}

/// All parameters are 0, so every query looks at all i + 1 positions up to its own alike.
#[test]
fn a_head_that_looks_everywhere_has_the_mean_of_its_weights_as_scores() -> Result<()> {
    let size = Size { vocab_size: 16, context: 16, ..GPT };
    let params = ParamStore::new(0, &DEVICE);
    let model = Gpt::new(size, Breaks::default(), &Initializer::Zeros, &params)?;
    let x = Tensor::from_iter((0..16u32).map(|i| i % 6), &DEVICE)?.unsqueeze(0)?;
    let wanted = (6..16).map(|i| 1.0 / f64::from(i + 1)).sum::<f64>() / 10.0;
    let heads = repeats::heads(&model, &x)?;
    ensure!(heads.len() == 4, "{heads:?}");
    for head in heads {
        ensure!(
            (head.induction - wanted).abs() < 1e-6,
            "{head:?}, wanted {wanted}"
        );
        ensure!(
            (head.previous - wanted).abs() < 1e-6,
            "{head:?}, wanted {wanted}"
        );
    }
    Ok(())
}
