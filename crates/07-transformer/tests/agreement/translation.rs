//! The translator: PyTorch's numbers, padding, the decoder's cache, the book's evaluation.

use anyhow::{Result, ensure};
use attention::encoder_decoder::Translator;
use candle_core::Tensor;
use d2l::nn::{Mode, ParamStore};
use d2l::testing::check_translator_against_golden;
use transformer::translation::Evaluation;
use transformer::translation::network::{Parts, Transformer};

use crate::{DEVICE, RULE, SIZES, TRAIN, difference, golden, parts, sentences, tokens, translator};

#[test]
fn the_translator_agrees_with_pytorch() -> Result<()> {
    let parts = parts("")?;
    let build = |params: &ParamStore| Ok(Transformer::new(SIZES, parts, &RULE, params)?);
    let forward = |model: &Transformer, [source, lens, input]: [&Tensor; 3], mode| {
        model.forward(source, lens, input, mode)
    };
    check_translator_against_golden(&golden("translation"), build, forward)
}

#[test]
fn more_padding_changes_nothing() -> Result<()> {
    let [source, lens, input] = sentences()?;
    for breaks in ["", "pre-norm", "no-position"] {
        let (_, model) = translator(SIZES, parts(breaks)?)?;
        let logits = model.forward(&source, &lens, &input, Mode::Evaluate)?;
        let padding = tokens((4, 3), 11, 7)?; // any tokens: nobody looks at them
        let longer = Tensor::cat(&[&source, &padding], 1)?;
        let off = difference(
            &logits,
            &model.forward(&longer, &lens, &input, Mode::Evaluate)?,
        )?;
        ensure!(off < 1e-12, "{breaks}: more source changes logits by {off}");
        // Behind the target too.
        let longer = Tensor::cat(&[&input, &tokens((4, 2), 13, 8)?], 1)?;
        let others = model.forward(&source, &lens, &longer, Mode::Evaluate)?;
        let off = difference(&logits, &others.narrow(1, 0, 6)?)?;
        ensure!(off < 1e-12, "{breaks}: more target changes logits by {off}");
        // The token after a sentence's end may be any.
        let rows: Vec<Vec<u32>> = source.to_vec2()?;
        let mut rows = rows;
        rows[2][1] = (rows[2][1] + 1) % 11;
        let other = Tensor::new(rows, &DEVICE)?;
        let off = difference(
            &logits,
            &model.forward(&other, &lens, &input, Mode::Evaluate)?,
        )?;
        ensure!(off == 0.0, "{breaks}: padding is looked at: {off}");
    }
    Ok(())
}

#[test]
fn the_decoders_cache_changes_nothing_and_it_sees_no_future() -> Result<()> {
    let [source, lens, input] = sentences()?;
    for breaks in ["", "pre-norm", "no-position,no-scale"] {
        let (_, model) = translator(SIZES, parts(breaks)?)?;
        let whole = model.forward(&source, &lens, &input, Mode::Evaluate)?;
        for steps in [&[1; 6][..], &[2, 4], &[5, 1]] {
            let mut state = model.encode(&source, &lens, Mode::Evaluate)?;
            let (mut first, mut logits) = (0, Vec::new());
            for &count in steps {
                let x = input.narrow(1, first, count)?;
                let (part, after) = model.decode(&x, state, Mode::Evaluate)?;
                (state, first) = (after, first + count);
                logits.push(part);
            }
            let off = difference(&whole, &Tensor::cat(&logits, 1)?)?;
            ensure!(off < 1e-12, "{breaks} {steps:?}: {off}");
        }
        let mut rows: Vec<Vec<u32>> = input.to_vec2()?;
        rows.iter_mut().for_each(|row| row[4] = (row[4] + 1) % 13);
        let other = Tensor::new(rows, &DEVICE)?;
        let others = model.forward(&source, &lens, &other, Mode::Evaluate)?;
        let leak = difference(&whole.narrow(1, 0, 4)?, &others.narrow(1, 0, 4)?)?;
        ensure!(leak == 0.0, "{breaks}: {leak}");
    }
    Ok(())
}

/// Out of training the book's decoder reads a translation without a causal mask, and gives every token that it writes
/// position 0.
#[test]
fn the_books_decoder_evaluates_otherwise_and_trains_the_same() -> Result<()> {
    let [source, lens, input] = sentences()?;
    let book = Parts { evaluation: Evaluation::Book, ..parts("")? };
    let ((_, ours), (_, books)) = (translator(SIZES, parts("")?)?, translator(SIZES, book)?);
    let both = |mode| -> Result<f64> {
        let [a, b] = [&ours, &books].map(|model| model.forward(&source, &lens, &input, mode));
        difference(&a?, &b?)
    };
    ensure!(both(TRAIN)? == 0.0);
    ensure!(both(Mode::Evaluate)? > 1e-3);
    // The same token twice: at position 0 each time only the past tells them apart.
    let x = input.narrow(1, 0, 1)?;
    let state = books.encode(&source, &lens, Mode::Evaluate)?;
    let (first, state) = books.decode(&x, state, Mode::Evaluate)?;
    let (second, _) = books.decode(&x, state, Mode::Evaluate)?;
    ensure!(
        difference(&first, &second)? < 1e-12,
        "a mean of equal values is the value"
    );
    Ok(())
}
