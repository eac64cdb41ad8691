//! What is learned from pairs of sentences: the editions' losses, and a translation with its weights.

use anyhow::{Result, ensure};
use attention::encoder::EncoderEnd;
use attention::encoder_decoder::Sizes;
use attention::translation::{Lesson, LossKind};
use candle_core::Tensor;
use d2l::data::translation::{ParallelText, TranslationOptions, english_french};
use d2l::data::{Choice, Column, Dataset, TextEdition};

use crate::{DEVICE, EVALUATE, MODELS, SIZES, f64_params};

fn text(edition: TextEdition, num_train: usize) -> Result<ParallelText> {
    let options = TranslationOptions {
        num_train,
        num_valid: 20,
        ..TranslationOptions::book(edition)
    };
    Ok(english_french(options, Choice::Builtin, "none".as_ref())?.data)
}

/// The minimized loss, the logged loss, a token's cross-entropy and the number of tokens of some pairs, where what
/// follows the valid length of a target is `padding`.
fn losses(loss: LossKind, padding: u32) -> Result<[f64; 4]> {
    let text = text(TextEdition::Zh, 40)?;
    let columns = [0, 1, 2, 3].map(|i| text.splits.train.column(i).clone());
    let [source, source_lens, target, target_lens] = columns;
    let (Column::Tokens { mut values, shape }, Column::Tokens { values: lens, .. }) =
        (target, target_lens.clone())
    else {
        anyhow::bail!("tokens");
    };
    for (row, len) in values.chunks_mut(10).zip(&lens) {
        row[*len as usize..].fill(padding);
    }
    let target = Column::Tokens { values, shape };
    let data = Dataset::new([source, source_lens, target, target_lens])?;
    let sizes = Sizes {
        vocabularies: [text.source_vocabulary.len(), text.target_vocabulary.len()],
        ..SIZES
    };
    let model = MODELS[0].1(sizes, EncoderEnd::Padding, &f64_params())?;
    let lesson = Lesson { model: &*model, text: &text, loss };
    let rows: Vec<usize> = (3..30).collect();
    let found = lesson.losses(&data, &rows, &DEVICE, EVALUATE)?;
    let tokens: u32 = rows.iter().map(|&row| lens[row]).sum();
    ensure!(found.tokens == tokens as usize);
    ensure!(
        found.counted
            == if loss == LossKind::Padding {
                270
            } else {
                found.tokens
            }
    );
    let number = |loss: &Tensor| loss.to_scalar::<f64>();
    Ok([
        number(&found.objective)?,
        number(&found.printed)?,
        number(&found.cross_entropy)?,
        f64::from(tokens),
    ])
}

/// zh 9.7.3 prints a tenth of the cross-entropy of a token and minimizes the sum; en 10.7.5 has the mean. en 11.4 alone
/// counts padding.
#[test]
fn losses_are_the_editions_and_count_no_padding() -> Result<()> {
    let near = |a: f64, b: f64| (a - b).abs() < 1e-12 * b.abs();
    for (kind, steps) in [(LossKind::Sentences, 10.0), (LossKind::Tokens, 1.0)] {
        let [objective, printed, cross_entropy, tokens] = losses(kind, 1)?;
        let other = losses(kind, 5)?;
        ensure!(
            other == [objective, printed, cross_entropy, tokens],
            "{other:?}"
        );
        let wanted = match kind {
            LossKind::Sentences => printed * tokens,
            _ => printed,
        };
        ensure!(
            near(printed * steps, cross_entropy),
            "{printed} {cross_entropy}"
        );
        ensure!(near(objective, wanted), "{objective} {wanted}");
    }
    let [objective, printed, cross_entropy, _] = losses(LossKind::Padding, 1)?;
    let [_, other, same, _] = losses(LossKind::Padding, 5)?;
    ensure!(objective == printed && printed != other && cross_entropy == same);
    Ok(())
}

#[test]
fn translations_come_with_their_weights() -> Result<()> {
    let text = text(TextEdition::Zh, 40)?;
    let sizes = Sizes {
        vocabularies: [text.source_vocabulary.len(), text.target_vocabulary.len()],
        ..SIZES
    };
    for (name, build) in [MODELS[0], MODELS[2]] {
        let model = build(sizes, EncoderEnd::Padding, &f64_params())?;
        let lesson = Lesson { model: &*model, text: &text, loss: LossKind::Sentences };
        for beam in [1, 3] {
            let found = lesson.translate("Go on, Tom!", beam, &DEVICE)?;
            ensure!(
                found.source.len() == 6 && found.source[5] == "<eos>",
                "{found:?}"
            );
            let [(layer, weights)] = &found.attention[..] else {
                anyhow::bail!("{name}: {:?}", found.attention);
            };
            ensure!(layer == "decoder.attention");
            ensure!(
                weights.dims() == [1, found.target.len(), 10],
                "{name}: {weights}"
            );
        }
    }
    Ok(())
}
