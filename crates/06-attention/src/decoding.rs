//! From logits to a sentence: the most likely token each time, or several sentences side by side.
//! D2L zh 9.7.5 and 9.8, en 10.7.6 and 10.8.

use candle_core::{DType, Result, Tensor};
use d2l::nn::{Mode, no_grad};

use crate::encoder_decoder::{State, Translator};

/// α of the length penalty. zh 9.8.3, en 10.8.3.
const LENGTH_PENALTY: f64 = 0.75;

/// The tokens with which a sentence begins and ends.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The token that the decoder reads first.
    pub begin: u32,
    /// The token that ends a sentence.
    pub end: u32,
    /// The largest number of tokens, including the last one.
    pub longest: usize,
}

/// The translation of `source` `[1, T]` with valid length `[1]`: at each step the most likely token, which the decoder reads
/// next. The last token is `end`, unless there are `longest`.
pub fn greedy(
    model: &dyn Translator,
    [source, valid_lens]: &[Tensor; 2],
    limits: Limits,
) -> Result<Vec<u32>> {
    let mut state = no_grad(|| model.encode(source, valid_lens, Mode::Evaluate))?;
    let mut tokens = Vec::new();
    let mut last = limits.begin;
    while tokens.len() < limits.longest && last != limits.end {
        let (log_probabilities, after) = next(model, last, state)?;
        state = after;
        let Some(&(token, _)) = most_likely(&log_probabilities, 1).first() else {
            break; // no vocabulary
        };
        tokens.push(token);
        last = token;
    }
    Ok(tokens)
}

/// A sentence that is being written, or is complete.
#[derive(Clone, Debug)]
pub struct Hypothesis {
    /// The tokens so far.
    pub tokens: Vec<u32>,
    /// Σ log P(y_t | y_1, …, y_{t-1}, source)
    pub log_probability: f64,
    /// The decoder's state before it reads the last token.
    state: State,
}

impl Hypothesis {
    /// log P / L^α for L tokens: without it the shortest sentence would win, since every token makes P smaller.
    pub fn score(&self) -> f64 {
        self.log_probability / (self.tokens.len().max(1) as f64).powf(LENGTH_PENALTY)
    }

    /// The sentence with one more token.
    fn continued(&self, token: u32, log_probability: f64, state: &State) -> Self {
        Self {
            tokens: [&self.tokens[..], &[token]].concat(),
            log_probability: self.log_probability + log_probability,
            state: state.clone(),
        }
    }
}

/// The translations of `source` `[1, T]` with valid length `[1]` that a beam of `width` finds, the best first.
///
/// At each step, the `width` most likely of all continuations are kept, each as a batch of its own. Those that end with
/// `end` are complete. (The book also counts unfinished sentences as candidates; here a candidate has ended or reached
/// `longest`, so a beam of 1 is the greedy search.)
pub fn beam_search(
    model: &dyn Translator,
    [source, valid_lens]: &[Tensor; 2],
    limits: Limits,
    width: usize,
) -> Result<Vec<Hypothesis>> {
    let mut beam = vec![Hypothesis {
        tokens: Vec::new(),
        log_probability: 0.0,
        state: no_grad(|| model.encode(source, valid_lens, Mode::Evaluate))?,
    }];
    let mut complete = Vec::new();
    while beam
        .first()
        .is_some_and(|one| one.tokens.len() < limits.longest)
    {
        let mut continuations = Vec::new();
        for one in &beam {
            let last = one.tokens.last().copied().unwrap_or(limits.begin);
            let (log_probabilities, after) = next(model, last, one.state.clone())?;
            let most_likely = most_likely(&log_probabilities, width).into_iter();
            continuations.extend(
                most_likely
                    .map(|(token, log_probability)| one.continued(token, log_probability, &after)),
            );
        }
        continuations.sort_by(|a, b| b.log_probability.total_cmp(&a.log_probability));
        continuations.truncate(width);
        let has_ended = |one: &Hypothesis| one.tokens.last() == Some(&limits.end);
        complete.extend(continuations.extract_if(.., |one| has_ended(one)));
        beam = continuations;
    }
    complete.extend(beam);
    complete.sort_by(|a, b| b.score().total_cmp(&a.score()));
    Ok(complete)
}

/// The log-probabilities of all tokens that can follow `last`, and the state after it.
fn next(model: &dyn Translator, last: u32, state: State) -> Result<(Vec<f64>, State)> {
    let [known, ..] = &state.encoder[..] else {
        candle_core::bail!("found a state without an encoder's outputs");
    };
    let x = Tensor::new(&[[last]], known.device())?; // [1, 1]
    let (logits, after) = no_grad(|| model.decode(&x, state, Mode::Evaluate))?;
    let logits: Vec<f64> = logits.flatten_all()?.to_dtype(DType::F64)?.to_vec1()?;
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = logits.iter().map(|o| (o - largest).exp()).sum();
    let log_sum = largest + sum.ln();
    // candle records a model written by hand: without this, the sentence's whole graph would stay in memory.
    let after = after.detach();
    Ok((logits.into_iter().map(|o| o - log_sum).collect(), after))
}

/// The `count` most likely tokens with their log-probabilities, the first of equally likely ones first.
fn most_likely(log_probabilities: &[f64], count: usize) -> Vec<(u32, f64)> {
    let mut tokens: Vec<(u32, f64)> = (0..).zip(log_probabilities.iter().copied()).collect();
    tokens.sort_by(|a, b| b.1.total_cmp(&a.1)); // stable
    tokens.truncate(count);
    tokens
}
