//! How a language model chooses the next token. D2L zh 8.5.3, en 9.5.5; Holtzman et al. 2020, arXiv:1904.09751.

use anyhow::Result;
use d2l_random::Rng;

use crate::{at_least_one, at_least_zero, probability, usage};

/// How the next token is chosen.
#[derive(Clone, Copy, Debug, clap::Args)]
#[command(next_help_heading = "Text")]
pub struct Decoding {
    /// 0 takes the most likely token each time. Above 0, tokens are drawn with the probabilities softmax(o / T)
    #[arg(long, value_name = "T", value_parser = at_least_zero)]
    pub temperature: f64,
    /// Draw among the N most likely tokens only [default: all]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub top_k: Option<usize>,
    /// Draw only among the fewest most likely tokens whose probabilities add up to P [default: 1] (Holtzman et al.
    /// 2020, arXiv:1904.09751)
    #[arg(long, value_name = "P", value_parser = probability)]
    pub top_p: f64,
}

impl Decoding {
    /// The most likely token each time.
    pub const GREEDY: Self = Self { temperature: 0.0, top_k: None, top_p: 1.0 };

    /// Refuses flags that have no effect.
    ///
    /// # Errors
    /// A usage error if `--top-k` or `--top-p` is given although nothing is drawn.
    pub fn check(&self) -> Result<()> {
        let flag = match (self.top_k, self.top_p < 1.0) {
            (Some(k), _) => format!("--top-k {k}"),
            (None, true) => format!("--top-p {}", self.top_p),
            (None, false) => return Ok(()),
        };
        if self.temperature == 0.0 {
            usage!("{flag}: nothing is drawn at a temperature of 0; give --temperature 1 too");
        }
        Ok(())
    }

    /// The tokens that may be drawn, the most likely first, with their probabilities, for logits `[V]`.
    pub fn candidates(&self, logits: &[f32]) -> Vec<(u32, f64)> {
        let mut tokens: Vec<(u32, f64)> = (0..).zip(logits.iter().map(|&o| f64::from(o))).collect();
        tokens.sort_by(|a, b| b.1.total_cmp(&a.1)); // a stable sort: of equal logits, the first token's stays first
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
        let mut sum = 0.0; // of the tokens before this one
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
        candidates.last().map_or(0, |&(token, _)| token) // rounding left a remainder
    }
}

/// Divides the probabilities by their sum.
fn normalize(tokens: &mut [(u32, f64)]) {
    let sum: f64 = tokens.iter().map(|&(_, p)| p).sum();
    for (_, p) in tokens {
        *p /= sum;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use d2l_random::{Purpose, Stream};

    const ALL: Decoding = Decoding { temperature: 1.0, ..Decoding::GREEDY };

    /// ln of 1, 6, 2, 1: shares of 0.1, 0.6, 0.2, 0.1.
    fn logits() -> [f32; 4] {
        [1f32, 6.0, 2.0, 1.0].map(f32::ln)
    }

    fn shares(decoding: Decoding) -> Vec<(u32, f64)> {
        let rounded = |(token, p): (u32, f64)| (token, (p * 1e6).round() / 1e6);
        decoding
            .candidates(&logits())
            .into_iter()
            .map(rounded)
            .collect()
    }

    #[test]
    fn without_temperature_the_first_of_the_most_likely_is_taken() {
        assert_eq!(shares(Decoding::GREEDY), [(1, 1.0)]);
        let mut draws = Stream::once(0, Purpose::Sample, "test").rng();
        assert_eq!(
            Decoding::GREEDY.choose(&[0.1, 3.0, -2.0, 3.0], &mut draws),
            1
        );
    }

    #[test]
    fn temperature_sharpens_and_flattens() {
        assert_eq!(shares(ALL), [(1, 0.6), (2, 0.2), (0, 0.1), (3, 0.1)]);
        // Squares of the shares: 36, 4, 1, 1 of 42.
        let cold = shares(Decoding { temperature: 0.5, ..ALL });
        assert_eq!(
            cold,
            [(1, 0.857143), (2, 0.095238), (0, 0.02381), (3, 0.02381)]
        );
        let hot = shares(Decoding { temperature: 1e9, ..ALL });
        assert!(hot.iter().all(|&(_, p)| (p - 0.25).abs() < 1e-6), "{hot:?}");
    }

    #[test]
    fn top_k_keeps_so_many_and_top_p_so_much() {
        assert_eq!(
            shares(Decoding { top_k: Some(2), ..ALL }),
            [(1, 0.75), (2, 0.25)]
        );
        assert_eq!(shares(Decoding { top_k: Some(9), ..ALL }).len(), 4);
        assert_eq!(shares(Decoding { top_p: 0.0, ..ALL }), [(1, 1.0)]);
        assert_eq!(shares(Decoding { top_p: 0.5, ..ALL }), [(1, 1.0)]);
        assert_eq!(
            shares(Decoding { top_p: 0.7, ..ALL }),
            [(1, 0.75), (2, 0.25)]
        );
        assert_eq!(shares(Decoding { top_p: 1.0, ..ALL }).len(), 4);
        // Of the two that top-k leaves, the first has three quarters.
        let both = Decoding { top_k: Some(2), top_p: 0.7, ..ALL };
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

    #[test]
    fn what_narrows_a_draw_is_refused_where_nothing_is_drawn() {
        assert!(Decoding::GREEDY.check().is_ok());
        assert!(
            Decoding { top_k: Some(2), top_p: 0.5, ..ALL }
                .check()
                .is_ok()
        );
        for (decoding, flag) in [
            (Decoding { top_k: Some(2), ..Decoding::GREEDY }, "--top-k 2"),
            (Decoding { top_p: 0.5, ..Decoding::GREEDY }, "--top-p 0.5"),
        ] {
            let error = decoding.check().unwrap_err().to_string();
            assert!(error.starts_with(flag), "{error}");
        }
    }
}
