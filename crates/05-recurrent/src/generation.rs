//! Text that a trained model writes, character by character. D2L zh 8.5.3, en 9.5.5.

use anyhow::{Result, bail};
use candle_core::{Device, Tensor};
use d2l::data::{Level, Vocabulary, letters, tokenize};
use d2l::nn::Mode;
use d2l::random::{Purpose, Rng, Stream};

use crate::language_model::{Recurrent, State};

/// How to write.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Writing {
    /// Characters behind the prefix.
    pub num_predictions: usize,
    /// 0 takes the most likely character each time. Above it, a character is drawn, with the probabilities
    /// softmax(o / temperature).
    pub temperature: f64,
    /// Decides the draws.
    pub seed: u64,
}

/// `prefix`, cleaned as the text was, and what the model writes behind it.
///
/// The model reads the prefix from a state of zeros; then each character that it writes is its next input.
///
/// # Errors
/// Where the prefix is empty.
pub fn generate(
    model: &impl Recurrent,
    vocabulary: &Vocabulary,
    prefix: &str,
    writing: &Writing,
    device: &Device,
) -> Result<String> {
    let prefix = letters(prefix);
    let mut tokens: Vec<u32> = tokenize(&prefix, Level::Character)
        .into_iter()
        .map(|token| vocabulary.id(token))
        .collect();
    let Some(behind_prefix) = tokens.len().checked_sub(1) else {
        bail!("found an empty prefix, wanted a letter at least for the model to start from");
    };
    let mut draws = Stream::once(writing.seed, Purpose::Sample, "text").rng();
    let mut state: Option<State> = None;
    for place in 0..behind_prefix + writing.num_predictions {
        let Some(&token) = tokens.get(place) else {
            break;
        };
        let x = Tensor::new(&[[token]], device)?; // [1, 1]
        let (o, after) = model.forward(&x, state.as_deref(), Mode::Evaluate)?;
        // Without its history, or the text's whole graph would stay in memory.
        state = Some(after.iter().map(Tensor::detach).collect());
        if place >= behind_prefix {
            let o: Vec<f32> = o.flatten_all()?.to_vec1()?;
            tokens.push(choose(&o, writing.temperature, &mut draws));
        }
    }
    let text = tokens.iter().map(|&token| vocabulary.token(token));
    Ok(text.collect())
}

/// The next token of logits `[V]`.
fn choose(o: &[f32], temperature: f64, draws: &mut impl Rng) -> u32 {
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
    first_largest() // rounding left nothing to fall below
}

#[cfg(test)]
mod tests {
    use super::*;

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
