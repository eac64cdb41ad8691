//! What padding changes: nothing, if the encoder ends on the word.

use anyhow::{Result, ensure};
use attention::encoder::EncoderEnd;
use candle_core::Tensor;

use crate::{DEVICE, EVALUATE, MODELS, SIZES, batch, ensure_equal, f64_params, gap, tokens};

/// Asked in pytorch/tutorials#3643. Where the encoder ends on the word, padding and what is in it change nothing; where it
/// ends on padding they change the state that the decoder starts from.
#[test]
fn padding_changes_nothing_if_the_encoder_ends_on_the_word() -> Result<()> {
    let [source, lens, input, _] = batch()?;
    let short = source.narrow(1, 0, 4)?;
    let short_lens = Tensor::new(&[2u32, 4, 4], &DEVICE)?;
    let long = Tensor::cat(&[&short, &tokens((3, 5), 7, 9)?], 1)?;
    ensure!(lens.dims() == short_lens.dims());
    for (name, build) in &MODELS[..2] {
        let gap = |end| -> Result<f64> {
            let model = build(SIZES, end, &f64_params())?;
            let [a, b] =
                [&short, &long].map(|source| model.forward(source, &short_lens, &input, EVALUATE));
            gap(&a?, &b?)
        };
        let (padding, word) = (gap(EncoderEnd::Padding)?, gap(EncoderEnd::Word)?);
        ensure!(
            word < 1e-12 && padding > 1e-3,
            "{name}: {word} and {padding}"
        );
    }
    Ok(())
}

/// Without padding both ends are the same place.
#[test]
fn both_ends_of_a_full_sentence_are_the_same() -> Result<()> {
    let [source, _, input, _] = batch()?;
    let lens = Tensor::new(&[6u32, 6, 6], &DEVICE)?;
    for (name, build) in &MODELS[..2] {
        let logits = |end| -> Result<Tensor> {
            let model = build(SIZES, end, &f64_params())?;
            Ok(model.forward(&source, &lens, &input, EVALUATE)?)
        };
        let (padding, word) = (logits(EncoderEnd::Padding)?, logits(EncoderEnd::Word)?);
        ensure_equal(name, &padding, &word)?;
    }
    Ok(())
}
