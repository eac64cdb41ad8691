//! Induction heads: how a Transformer finds the token that followed the same token the last time. Elhage et al. 2021,
//! "A mathematical framework for Transformer circuits"; Olsson et al. 2022, arXiv:2209.11895.
//!
//! A sequence is a row of different random tokens, repeated until the window is full:
//!
//! r_1 … r_p r_1 … r_p r_1 …
//!
//! The length p of the row is random too, so that positions don't say where to look. From the second round on, each
//! token can be known: it is the one after the earlier place of its predecessor. One layer cannot find it: its query
//! knows the current token and its keys know theirs, but no key knows which token came before it. Two layers can: a
//! head of the first notes at every position which token came before it, and a head of the second looks for the
//! position whose predecessor is the current token. That is the induction head.

use anyhow::{Result, ensure};
use candle_core::{D, DType, Tensor};
use d2l::data::{Column, Dataset, Provenance, Splits};
use d2l::nn::{CrossEntropyOptions, Mode, Network, Step, cross_entropy_with, no_grad, observed};
use d2l::plot::{Matrix, heat_map};
use d2l::random::{Purpose, Rng, Stream};
use d2l::{Run, Scores, Task};

use super::network::Gpt;

/// Sequences to train on and held out.
const SEQUENCES: (usize, usize) = (8192, 512);
/// Sequences over which attention is averaged.
const LOOKED_AT: usize = 64;
/// A target that cannot be known and does not count.
const UNKNOWN: u32 = u32::MAX;

/// The number of different tokens for windows of `context` tokens.
pub const fn vocab_size(context: usize) -> usize {
    context
}

/// A sequence of `length` tokens and the length p of the row that it repeats: from a quarter to half of `length`.
pub fn sequence(stream: Stream, length: usize) -> (Vec<u32>, usize) {
    let vocabulary = vocab_size(length);
    let p = Stream { step: 1, ..stream }
        .rng()
        .random_range(length / 4..=length / 2);
    let row = stream.permutation(vocabulary);
    let tokens = (0..length).map(|i| row[i % p] as u32);
    (tokens.collect(), p)
}

/// The sequences in windows of `context` tokens, with the next token of each token, or `UNKNOWN` in the first round.
///
/// # Errors
/// If the windows are too short for two rounds.
pub fn splits(seed: u64, context: usize) -> Result<Splits<2>> {
    ensure!(
        context >= 8,
        "--context {context}: found no room for a row and its repetition, wanted 8 or more"
    );
    let part = |name: &str, count: usize| -> Result<Dataset<2>> {
        let (mut x, mut y) = (Vec::new(), Vec::new());
        for number in 0..count {
            let stream = Stream { epoch: number, ..Stream::once(seed, Purpose::Data, name) };
            let (tokens, p) = sequence(stream, context);
            let next = |i: usize| match i < p {
                true => UNKNOWN,
                false => tokens[(i + 1) % p],
            };
            y.extend((0..context).map(next));
            x.extend(&tokens);
        }
        let column = |values| Column::Tokens { values, shape: vec![context] };
        Dataset::new([column(x), column(y)])
    };
    let (train, valid) = (
        part("repeats", SEQUENCES.0)?,
        part("held-out repeats", SEQUENCES.1)?,
    );
    Ok(Splits {
        provenance: Provenance::synthetic("repeats", &[&train, &valid]),
        train,
        valid,
    })
}

/// Prediction of the tokens that can be known: their cross-entropy and accuracy.
pub struct Repeats(pub Gpt);

impl Repeats {
    /// The mean loss of a batch and the mean accuracy, both over its known targets.
    fn judge(&self, [x, y]: &[Tensor; 2], mode: Mode) -> candle_core::Result<(Tensor, Tensor)> {
        let logits = self.0.forward(x, mode)?;
        let options = CrossEntropyOptions {
            ignore_index: Some(UNKNOWN),
            ..CrossEntropyOptions::default()
        };
        let loss = cross_entropy_with(&logits, y, options)?;
        let count = |which: &Tensor| which.to_dtype(DType::F32)?.sum_all();
        let hits = count(&logits.detach().argmax(D::Minus1)?.eq(y)?)?;
        Ok((loss, (hits / count(&y.ne(UNKNOWN)?)?)?))
    }
}

impl Task<2> for Repeats {
    fn training_loss(
        &self,
        batch: &[Tensor; 2],
        step: Step,
        scores: &mut Scores,
    ) -> candle_core::Result<Tensor> {
        let (loss, accuracy) = self.judge(batch, Mode::Train(step))?;
        scores.add_mean("accuracy", &accuracy, batch[0].dim(0)?)?;
        Ok(loss)
    }

    fn evaluate(&self, batch: &[Tensor; 2], scores: &mut Scores) -> candle_core::Result<()> {
        let (loss, accuracy) = self.judge(batch, Mode::Evaluate)?;
        scores.add_mean("accuracy", &accuracy, batch[0].dim(0)?)?;
        scores.add_mean("loss", &loss, batch[0].dim(0)?)
    }
}

/// Where a head looks, on average over the tokens that repeat others.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    /// Counted from 0.
    pub layer: usize,
    /// Counted from 0.
    pub head: usize,
    /// Its attention to the position after the earlier place of the same token.
    pub induction: f64,
    /// Its attention to the position before its own.
    pub previous: f64,
}

/// The weights of one layer's attention, `[B, N, T, T]`.
struct Weights {
    values: Vec<f32>,
    heads: usize,
    steps: usize,
}

impl Weights {
    /// The weights with which `query` of a sequence looks at the keys.
    fn row(&self, sequence: usize, head: usize, query: usize) -> &[f32] {
        let start = ((sequence * self.heads + head) * self.steps + query) * self.steps;
        &self.values[start..][..self.steps]
    }
}

/// The attention of each layer for sequences `[B, T]`, from the layers' own reports.
fn attention(model: &Gpt, x: &Tensor) -> Result<Vec<Weights>> {
    let (_, observations) = no_grad(|| observed(|| model.forward(x, Mode::Evaluate)))?;
    let weights = |(_, weights): &(String, Tensor)| {
        let (_, heads, steps, _) = weights.dims4()?;
        let values = weights.flatten_all()?.to_vec1()?;
        Ok(Weights { values, heads, steps })
    };
    observations.attention().iter().map(weights).collect()
}

/// Scores of all heads on the sequences `[B, T]`, layer by layer.
pub fn heads(model: &Gpt, x: &Tensor) -> Result<Vec<Head>> {
    let sequences: Vec<Vec<u32>> = x.to_vec2()?;
    let mut scores = Vec::new();
    for (layer, weights) in attention(model, x)?.iter().enumerate() {
        for head in 0..weights.heads {
            let (mut induction, mut previous, mut count) = (0.0, 0.0, 0.0);
            for (number, tokens) in sequences.iter().enumerate() {
                for query in round(tokens)..tokens.len() {
                    let row = weights.row(number, head, query);
                    induction += f64::from(row[query + 1 - round(tokens)]);
                    previous += f64::from(row[query - 1]);
                    count += 1.0;
                }
            }
            scores.push(Head {
                layer,
                head,
                induction: induction / count,
                previous: previous / count,
            });
        }
    }
    Ok(scores)
}

/// The length p of the row that a sequence repeats.
fn round(tokens: &[u32]) -> usize {
    let first = tokens.first();
    let again = tokens.iter().skip(1).position(|token| Some(token) == first);
    again.map_or(tokens.len(), |place| place + 1)
}

/// Finds the induction head of a trained model, prints and draws it: `figures/induction-scores.svg` has the scores of
/// all heads, `figures/induction-head.svg` the attention of the best one over a held-out sequence, and
/// `figures/previous-token-head.svg` that of the head that looks most at the token before.
pub fn find(model: &Gpt, splits: &Splits<2>, run: &mut Run) -> Result<()> {
    let rows: Vec<usize> = (0..splits.valid.len().min(LOOKED_AT)).collect();
    let [x, _] = splits.valid.batch(&rows, &run.settings.device)?;
    let heads = heads(model, &x)?;
    let best = |score: fn(&Head) -> f64| {
        let all = heads.iter().copied();
        all.max_by(|a, b| score(a).total_cmp(&score(b)))
    };
    let both = best(|head| head.induction).zip(best(|head| head.previous));
    let Some((induction, previous)) = both else {
        return Ok(()); // no layers
    };
    run.record_final("induction.score", induction.induction);
    run.record_final("previous_token.score", previous.previous);
    let place = |head: Head| format!("block {}, head {}", head.layer + 1, head.head + 1);
    run.say(&format!(
        "heads   {}: {:.3} of its attention goes to what followed the token the last time\n        \
         {}: {:.3} of its attention goes to the token in front",
        place(induction),
        induction.induction,
        place(previous),
        previous.previous
    ));
    let layers = attention(model, &x.narrow(0, 0, 1)?)?;
    let tokens: Vec<u32> = x.get(0)?.to_vec1()?;
    let names: Vec<String> = tokens.iter().map(ToString::to_string).collect();
    let draw = |figure: &str, title: &str, head: Head| -> Result<()> {
        let (Some(path), Some(weights)) = (run.figure(figure)?, layers.get(head.layer)) else {
            return Ok(());
        };
        let queries = 0..weights.steps;
        let values = queries.flat_map(|query| weights.row(0, head.head, query));
        let values: Vec<f64> = values.copied().map(f64::from).collect();
        let matrix = Matrix { values: &values, rows: &names, columns: &names };
        let title = format!("{title}: {}", place(head));
        heat_map(&path, &title, "token", "looks at", &matrix, false)
    };
    draw("induction-head", "Induction head", induction)?;
    draw("previous-token-head", "Previous-token head", previous)?;
    draw_scores(&heads, run)
}

/// Draws the induction scores of all heads.
fn draw_scores(heads: &[Head], run: &Run) -> Result<()> {
    let Some(path) = run.figure("induction-scores")? else {
        return Ok(());
    };
    let count = |of: fn(&Head) -> usize| heads.iter().map(of).max().map_or(0, |last| last + 1);
    let names = |what: &str, count: usize| -> Vec<String> {
        (1..=count)
            .map(|number| format!("{what} {number}"))
            .collect()
    };
    let values: Vec<f64> = heads.iter().map(|head| head.induction).collect();
    let matrix = Matrix {
        values: &values,
        rows: &names("block", count(|head| head.layer)),
        columns: &names("head", count(|head| head.head)),
    };
    let title = "Attention to what followed the token the last time";
    heat_map(&path, title, "", "", &matrix, true)
}
