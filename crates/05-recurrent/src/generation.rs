//! A trained model writes a text, character by character. D2L zh 8.5.3, en 9.5.5.

use anyhow::{Result, bail};
use candle_core::{Device, Tensor};
use d2l::data::{Level, Vocabulary, letters, tokenize};
use d2l::nn::{Mode, no_grad};
use d2l::random::{Purpose, Stream};
use d2l::{Decoding, check_interrupt, with_default};

use crate::language_model::{Recurrent, State};

/// What the trained model writes, and how.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Text", mut_arg("temperature", |arg| with_default(arg, "0")))]
pub struct Writing {
    /// The text that the trained model continues [default: time traveller]
    #[arg(long, value_name = "TEXT", value_parser = with_letters)]
    pub prefix: Option<String>,
    /// Characters that it writes [default: 50]
    #[arg(long, value_name = "N")]
    pub num_predictions: usize,
    /// How each is chosen.
    #[command(flatten)]
    pub decoding: Decoding,
}

impl Writing {
    /// The book's.
    pub const BOOK: Self = Self {
        prefix: None,
        num_predictions: 50,
        decoding: Decoding::GREEDY,
    };
}

/// What the book's models continue.
const PREFIX: &str = "time traveller";

/// Reads a text that has a letter.
fn with_letters(text: &str) -> Result<String, String> {
    match text.contains(|c: char| c.is_ascii_alphabetic()) {
        true => Ok(text.to_string()),
        false => Err("wanted a letter at least to start from".to_string()),
    }
}

/// What to tell the reader about a prefix that the model doesn't read as it was given: which characters the vocabulary
/// lacks, and what the model starts from.
pub fn changed_prefix(writing: &Writing, vocabulary: &Vocabulary) -> Option<String> {
    let given = writing.prefix.as_deref()?.to_lowercase();
    let read = letters(&given);
    if read == given {
        return None;
    }
    let mut unknown: Vec<String> = Vec::new();
    for character in tokenize(&given, Level::Character) {
        let name = format!("{character:?}");
        if vocabulary.id(character) == vocabulary.unknown() && !unknown.contains(&name) {
            unknown.push(name);
        }
    }
    Some(match unknown.is_empty() {
        true => format!("the model starts from {read:?}"),
        false => format!(
            "the vocabulary has no {}: the model starts from {read:?}",
            unknown.join(", ")
        ),
    })
}

/// The prefix, cleaned as the text was, and what the model writes after it. `seed` decides the draws.
///
/// The model reads the prefix from a state of zeros. Then each character that it writes is its next input.
///
/// # Errors
/// If the prefix is empty.
pub fn generate(
    model: &dyn Recurrent,
    vocabulary: &Vocabulary,
    writing: &Writing,
    seed: u64,
    device: &Device,
) -> Result<String> {
    let prefix = letters(writing.prefix.as_deref().unwrap_or(PREFIX));
    let mut tokens: Vec<u32> = tokenize(&prefix, Level::Character)
        .into_iter()
        .map(|token| vocabulary.id(token))
        .collect();
    let mut draws = Stream::once(seed, Purpose::Sample, "text").rng();
    let next = |o: &[f32]| writing.decoding.choose(o, &mut draws);
    continue_tokens(model, &mut tokens, writing.num_predictions, next, device)?;
    let text = tokens.iter().map(|&token| vocabulary.token(token));
    Ok(text.collect())
}

/// Appends `count` tokens that the model writes after `tokens`; `next` chooses each by its logits `[V]`.
///
/// # Errors
/// If there are no tokens.
pub fn continue_tokens(
    model: &dyn Recurrent,
    tokens: &mut Vec<u32>,
    count: usize,
    mut next: impl FnMut(&[f32]) -> u32,
    device: &Device,
) -> Result<()> {
    let Some(last_of_prefix) = tokens.len().checked_sub(1) else {
        bail!("found an empty prefix, wanted a letter at least for the model to start from");
    };
    let mut state: Option<State> = None;
    for place in 0..last_of_prefix + count {
        let Some(&token) = tokens.get(place) else {
            break;
        };
        check_interrupt()?;
        let x = Tensor::new(&[[token]], device)?; // [1, 1]
        let (o, after) = no_grad(|| model.forward_from(&x, state.as_deref(), Mode::Evaluate))?;
        // Candle records a model by hand all the same: without this the graph of the whole text would stay in memory.
        state = Some(after.iter().map(Tensor::detach).collect());
        if place >= last_of_prefix {
            let o: Vec<f32> = o.flatten_all()?.to_vec1()?;
            tokens.push(next(&o));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_the_vocabulary_lacks_are_named() {
        let vocabulary = Vocabulary::by_frequency(["a", "b", "c", "f", " "], 0, &[]);
        let changed = |prefix: &str| {
            let prefix = Some(prefix.to_string());
            changed_prefix(&Writing { prefix, ..Writing::BOOK }, &vocabulary)
        };
        assert_eq!(changed("Cab a"), None);
        assert_eq!(
            changed("café 42 2b").as_deref(),
            Some(r#"the vocabulary has no "é", "4", "2": the model starts from "caf b""#)
        );
        assert_eq!(
            changed("a  b").as_deref(),
            Some(r#"the model starts from "a b""#)
        );
        assert_eq!(changed_prefix(&Writing::BOOK, &vocabulary), None);
    }
}
