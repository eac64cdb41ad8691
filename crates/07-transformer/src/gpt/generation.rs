//! The model writes: it reads what it has written so far, and the next token is drawn.
//!
//! Keys and values of the tokens so far stay in a cache, so that a step computes those of one token only. Positions are
//! learned up to the end of the context. When it is full, the model goes on from the second half of it.

use anyhow::{Result, bail};
use candle_core::{Device, Tensor};
use d2l::nn::{Mode, no_grad};
use d2l::random::{Purpose, Rng, Stream};
use d2l::{at_least_one, at_least_zero, check_interrupt, probability};

use super::network::Gpt;

/// How the next token is chosen.
#[derive(Clone, Copy, Debug, clap::Args)]
#[command(next_help_heading = "Text")]
pub struct Sampling {
    /// 0 takes the most likely token each time. Above 0, tokens are drawn with the probabilities softmax(o / T) [default:
    /// 0.8]
    #[arg(long, value_name = "T", value_parser = at_least_zero)]
    pub temperature: f64,
    /// Draw among the N most likely tokens only [default: all]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub top_k: Option<usize>,
    /// Draw among the most likely tokens only, as few as have the probability P together [default: 1] (Holtzman et al.
    /// 2020, arXiv:1904.09751)
    #[arg(long, value_name = "P", value_parser = probability)]
    pub top_p: f64,
}

impl Sampling {
    /// The most likely token each time.
    pub const GREEDY: Self = Self { temperature: 0.0, top_k: None, top_p: 1.0 };

    /// The tokens that may be drawn, the most likely first, with their probabilities, for logits `[V]`.
    pub fn candidates(&self, logits: &[f32]) -> Vec<(u32, f64)> {
        let mut tokens: Vec<(u32, f64)> = (0..).zip(logits.iter().map(|&o| f64::from(o))).collect();
        tokens.sort_by(|a, b| b.1.total_cmp(&a.1)); // stable: of equal logits the first token's stays first
        let greedy = self.temperature == 0.0;
        tokens.truncate(if greedy {
            1
        } else {
            self.top_k.unwrap_or(usize::MAX)
        });
        let largest = tokens.first().map_or(0.0, |&(_, o)| o);
        let temperature = if greedy { 1.0 } else { self.temperature };
        for (_, o) in &mut tokens {
            *o = ((*o - largest) / temperature).exp();
        }
        normalize(&mut tokens);
        let mut sum = 0.0; // of those in front of a token
        let is_needed = |&&(_, p): &&(u32, f64)| {
            let needed = sum < self.top_p;
            sum += p;
            needed
        };
        let needed = tokens.iter().take_while(is_needed).count();
        tokens.truncate(needed.max(1));
        normalize(&mut tokens);
        tokens
    }

    /// The next token for logits `[V]`.
    pub fn choose(&self, logits: &[f32], draws: &mut impl Rng) -> u32 {
        let candidates = self.candidates(logits);
        let mut rest = draws.random::<f64>();
        for &(token, p) in &candidates {
            rest -= p;
            if rest < 0.0 {
                return token;
            }
        }
        candidates.last().map_or(0, |&(token, _)| token) // rounding left a rest
    }
}

/// Divides the probabilities by their sum.
fn normalize(tokens: &mut [(u32, f64)]) {
    let sum: f64 = tokens.iter().map(|&(_, p)| p).sum();
    for (_, p) in tokens {
        *p /= sum;
    }
}

/// `prompt` and `count` tokens that the model writes after it. `seed` decides the draws.
///
/// # Errors
/// If the prompt is empty.
pub fn generate(
    model: &Gpt,
    prompt: &[u32],
    count: usize,
    sampling: &Sampling,
    (seed, device): (u64, &Device),
) -> Result<Vec<u32>> {
    if prompt.is_empty() {
        bail!("found an empty prompt, wanted a token at least for the model to start from");
    }
    let mut draws = Stream::once(seed, Purpose::Sample, "text").rng();
    let mut tokens = prompt.to_vec();
    let mut caches = model.caches();
    // What the caches hold are the tokens from `first` to `read`.
    let (mut first, mut read) = (0, 0);
    for _ in 0..count {
        check_interrupt()?;
        if tokens.len() - first > model.context() {
            first = tokens.len() - model.context().div_ceil(2);
            read = first;
            caches = model.caches();
        }
        let x = Tensor::new(&tokens[read..], device)?.unsqueeze(0)?; // [1, T]
        let logits = no_grad(|| model.forward_from(&x, &mut caches, Mode::Evaluate))?;
        read = tokens.len();
        let last = logits.get_on_dim(1, x.dim(1)? - 1)?; // [1, V]
        let last: Vec<f32> = last.flatten_all()?.to_vec1()?;
        tokens.push(sampling.choose(&last, &mut draws));
    }
    Ok(tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Sampling = Sampling { temperature: 1.0, ..Sampling::GREEDY };

    /// ln of 1, 6, 2, 1: shares of 0.1, 0.6, 0.2, 0.1.
    fn logits() -> [f32; 4] {
        [1f32, 6.0, 2.0, 1.0].map(f32::ln)
    }

    fn shares(sampling: Sampling) -> Vec<(u32, f64)> {
        let rounded = |(token, p): (u32, f64)| (token, (p * 1e6).round() / 1e6);
        sampling
            .candidates(&logits())
            .into_iter()
            .map(rounded)
            .collect()
    }

    #[test]
    fn without_temperature_the_first_of_the_most_likely_is_taken() {
        assert_eq!(shares(Sampling::GREEDY), [(1, 1.0)]);
        let mut draws = Stream::once(0, Purpose::Sample, "test").rng();
        assert_eq!(
            Sampling::GREEDY.choose(&[0.1, 3.0, -2.0, 3.0], &mut draws),
            1
        );
    }

    #[test]
    fn temperature_sharpens_and_flattens() {
        assert_eq!(shares(ALL), [(1, 0.6), (2, 0.2), (0, 0.1), (3, 0.1)]);
        // Squares of the shares: 36, 4, 1, 1 of 42.
        let cold = shares(Sampling { temperature: 0.5, ..ALL });
        assert_eq!(
            cold,
            [(1, 0.857143), (2, 0.095238), (0, 0.02381), (3, 0.02381)]
        );
        let hot = shares(Sampling { temperature: 1e9, ..ALL });
        assert!(hot.iter().all(|&(_, p)| (p - 0.25).abs() < 1e-6), "{hot:?}");
    }

    #[test]
    fn top_k_keeps_so_many_and_top_p_so_much() {
        assert_eq!(
            shares(Sampling { top_k: Some(2), ..ALL }),
            [(1, 0.75), (2, 0.25)]
        );
        assert_eq!(shares(Sampling { top_k: Some(9), ..ALL }).len(), 4);
        assert_eq!(shares(Sampling { top_p: 0.0, ..ALL }), [(1, 1.0)]);
        assert_eq!(shares(Sampling { top_p: 0.5, ..ALL }), [(1, 1.0)]);
        assert_eq!(
            shares(Sampling { top_p: 0.7, ..ALL }),
            [(1, 0.75), (2, 0.25)]
        );
        assert_eq!(shares(Sampling { top_p: 1.0, ..ALL }).len(), 4);
        // Of the two that top-k leaves, the first has three quarters.
        let both = Sampling { top_k: Some(2), top_p: 0.7, ..ALL };
        assert_eq!(shares(both), [(1, 1.0)]);
    }

    #[test]
    fn draws_have_the_shares() {
        let mut draws = Stream::once(0, Purpose::Sample, "test").rng();
        let mut counts = [0f64; 4];
        for _ in 0..20_000 {
            counts[ALL.choose(&logits(), &mut draws) as usize] += 1.0 / 20_000.0;
        }
        for (found, wanted) in counts.into_iter().zip([0.1, 0.6, 0.2, 0.1]) {
            assert!((found - wanted).abs() < 0.01, "{counts:?}");
        }
    }

    #[test]
    fn what_has_no_probability_is_never_drawn() {
        let mut draws = Stream::once(0, Purpose::Sample, "test").rng();
        let logits = [f32::NEG_INFINITY, 80.0, -80.0, f32::NEG_INFINITY];
        for _ in 0..100 {
            assert_eq!(ALL.choose(&logits, &mut draws), 1);
        }
    }
}
