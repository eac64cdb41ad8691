//! A trained model writes a text, character by character. D2L zh 8.5.3, en 9.5.5.

use anyhow::{Result, bail};
use candle_core::{Device, Tensor};
use d2l::check_interrupt;
use d2l::data::{Level, Vocabulary, letters, tokenize};
use d2l::nn::{Mode, no_grad};
use d2l::random::{Purpose, Rng, Stream};

use crate::language_model::{Recurrent, State};

/// What the trained model writes, and how.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Text")]
pub struct Writing {
    /// The text that the trained model continues [default: time traveller]
    #[arg(long, value_name = "TEXT", value_parser = with_letters)]
    pub prefix: Option<String>,
    /// Characters that it writes [default: 50]
    #[arg(long, value_name = "N")]
    pub num_predictions: usize,
    /// 0 takes the most likely character each time. Above 0, characters are drawn with the probabilities
    /// softmax(o / T) [default: 0]
    #[arg(long, value_name = "T", value_parser = d2l::at_least_zero)]
    pub temperature: f64,
}

impl Writing {
    /// The book's.
    pub const BOOK: Self = Self { prefix: None, num_predictions: 50, temperature: 0.0 };
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

/// What the model starts from, if it is not the prefix as it was given: the text has no other characters than letters in
/// lower case and spaces.
pub fn changed_prefix(writing: &Writing) -> Option<String> {
    let given = writing.prefix.as_deref()?;
    let read = letters(given);
    (read != given.to_lowercase()).then_some(read)
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
    let next = |o: &[f32]| choose(o, writing.temperature, &mut draws);
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

/// The next token for the logits `[V]`.
pub(crate) fn choose(o: &[f32], temperature: f64, draws: &mut impl Rng) -> u32 {
    let largest = o.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let first_largest = || o.iter().position(|&o| o == largest).unwrap_or(0) as u32;
    if temperature <= 0.0 {
        return first_largest();
    }
    // The largest is subtracted first, so that no exponential overflows.
    let weight = |&o: &f32| (f64::from(o - largest) / temperature).exp();
    let sum: f64 = o.iter().map(weight).sum();
    let mut rest = draws.random::<f64>() * sum;
    for (token, o) in o.iter().enumerate() {
        rest -= weight(o);
        if rest < 0.0 {
            return token as u32;
        }
    }
    first_largest() // if rounding left a rest of 0 or more
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_with_other_characters_is_said_to_be_read_otherwise() {
        let changed = |prefix: &str| {
            let prefix = Some(prefix.to_string());
            changed_prefix(&Writing { prefix, ..Writing::BOOK })
        };
        assert_eq!(changed("Time traveller"), None);
        assert_eq!(changed("café 42 b").as_deref(), Some("caf b"));
        assert_eq!(changed_prefix(&Writing::BOOK), None);
    }

    #[test]
    fn without_temperature_the_first_of_the_largest_is_chosen() {
        let mut draws = Stream::once(0, Purpose::Sample, "test").rng();
        assert_eq!(choose(&[0.1, 3.0, -2.0, 3.0], 0.0, &mut draws), 1);
    }

    /// softmax([0, ln 3] / T): a share of 3 / 4 at T = 1, of 9 / 10 at T = ½.
    #[test]
    fn temperature_changes_the_shares() {
        let o = [0.0, 3f32.ln()];
        for (temperature, wanted) in [(1.0, 0.75), (0.5, 0.9)] {
            let mut draws = Stream::once(0, Purpose::Sample, "test").rng();
            let ones: u32 = (0..20_000)
                .map(|_| choose(&o, temperature, &mut draws))
                .sum();
            let share = f64::from(ones) / 20_000.0;
            assert!((share - wanted).abs() < 0.01, "{share}, wanted {wanted}");
        }
    }

    #[test]
    fn a_draw_never_leaves_the_vocabulary() {
        let mut draws = Stream::once(0, Purpose::Sample, "test").rng();
        let o = [f32::NEG_INFINITY, 80.0, -80.0, f32::NEG_INFINITY];
        for _ in 0..100 {
            assert_eq!(choose(&o, 1.0, &mut draws), 1);
            assert!(choose(&o, 1e6, &mut draws) < 4);
        }
    }
}
