//! The two searches for a translation, on the book's example too.

use anyhow::{Context, Result, ensure};
use attention::decoding::{Limits, beam_search, greedy};
use attention::encoder::EncoderEnd;
use attention::encoder_decoder::{State, Translator};
use candle_core::Tensor;
use d2l::nn::Mode;

use crate::{DEVICE, LIMITS, MODELS, SIZES, f64_params, tokens};

fn sentence(salt: u32) -> Result<[Tensor; 2]> {
    Ok([tokens((1, 6), 7, salt)?, Tensor::new(&[4u32], &DEVICE)?])
}

#[test]
fn a_beam_of_one_is_the_greedy_search() -> Result<()> {
    for (name, build) in MODELS {
        let model = build(SIZES, EncoderEnd::Padding, &f64_params())?;
        for salt in 0..20 {
            let source = sentence(salt)?;
            let one = greedy(&*model, &source, LIMITS)?;
            let beam = beam_search(&*model, &source, LIMITS, 1)?;
            ensure!(beam.len() == 1 && beam[0].tokens == one, "{name} {salt}");
            ensure!(one.len() <= LIMITS.longest);
            let ended = one.last() == Some(&LIMITS.end);
            ensure!(
                ended || one.len() == LIMITS.longest,
                "{name} {salt}: {one:?}"
            );
        }
    }
    Ok(())
}

/// zh 9.8.1, en 10.8.1: the tokens A, B, C and the end mark. What follows depends on what stands before.
struct Table;

const A: u32 = 0;
const B: u32 = 1;
const C: u32 = 2;
const END: u32 = 3;
const BEGIN: u32 = 4;

impl Translator for Table {
    fn encode(&self, _: &Tensor, valid_lens: &Tensor, _: Mode) -> candle_core::Result<State> {
        Ok(State { encoder: vec![valid_lens.clone()], carried: vec![] })
    }

    /// The state is what has been read.
    fn decode(
        &self,
        x: &Tensor,
        mut state: State,
        _: Mode,
    ) -> candle_core::Result<(Tensor, State)> {
        state.carried.push(x.flatten_all()?);
        let read = Tensor::cat(&state.carried, 0)?.to_vec1::<u32>()?;
        let probabilities = match read[1..] {
            [] => [0.5, 0.2, 0.2, 0.1],
            [A] => [0.1, 0.4, 0.3, 0.2],
            [A, B] => [0.2, 0.2, 0.4, 0.2],
            [A, C] => [0.1, 0.6, 0.2, 0.1],
            [A, B, C] => [0.0, 0.2, 0.2, 0.6],
            [A, C, B] => [0.1, 0.2, 0.1, 0.6],
            _ => [0.25; 4],
        };
        let logits = probabilities.map(|p: f64| p.max(1e-30).ln());
        Ok((Tensor::new(&[[logits]], &DEVICE)?, state))
    }
}

#[test]
fn a_beam_finds_the_books_likelier_sentence() -> Result<()> {
    let limits = Limits { begin: BEGIN, end: END, longest: 4 };
    let source = sentence(0)?;
    ensure!(greedy(&Table, &source, limits)? == [A, B, C, END]); // 0.5 · 0.4 · 0.4 · 0.6 = 0.048
    let found = beam_search(&Table, &source, limits, 2)?;
    let best = found.first().context("a sentence")?;
    ensure!(best.tokens == [A, C, B, END], "{:?}", best.tokens);
    ensure!((best.log_probability.exp() - 0.5 * 0.3 * 0.6 * 0.6).abs() < 1e-12);
    let score = 0.054f64.ln() / 4f64.powf(0.75);
    ensure!((best.score() - score).abs() < 1e-12);
    ensure!(
        found
            .windows(2)
            .all(|pair| pair[0].score() >= pair[1].score())
    );
    Ok(())
}
