//! How a text is cut into minibatches. D2L zh 8.3.4, en 9.3.3.

use anyhow::{Result, bail};
use candle_core::{Device, Tensor};
use d2l::data::{
    Corpus, Dataset, Provenance, Splits, random_partition, sequential_partition, windows,
};
use d2l::random::Rng;
use d2l::{Run, Settings};
use serde::Serialize;

use crate::hyperparameters::Options;

/// Which text windows make a minibatch, and from which state they start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sampling {
    /// Each row continues its row of the minibatch before, and starts from its state.
    Sequential,
    /// Text windows side by side, in random order, from a state of zeros.
    Random,
    /// A text window at every token, in random order, from a state of zeros. Half as many more are held out.
    Windows,
}

/// The first `count` text windows for training, and half as many that follow for validation.
pub fn overlapping_windows(corpus: &Corpus, count: usize, num_steps: usize) -> Result<Splits<2>> {
    let part = |starts: std::ops::Range<usize>| {
        windows(&corpus.tokens, &starts.collect::<Vec<_>>(), num_steps)
    };
    Ok(Splits {
        train: part(0..count)?,
        valid: part(count..count + count / 2)?,
        provenance: corpus.provenance.clone(),
    })
}

/// The held-out text is so many times shorter than the training text: enough to say a perplexity to some hundredths, and
/// read in a few milliseconds.
pub const HELD_OUT: usize = 4;

/// A text and the text that follows it, as tokens.
pub struct Parts<'a> {
    /// What the model is trained on.
    pub train: &'a [u32],
    /// What it is evaluated on.
    pub held_out: &'a [u32],
    /// Where both came from, for the log.
    pub provenance: &'a Provenance,
}

impl<'a> Parts<'a> {
    /// The first `count` tokens of a text for training, and a quarter as many that follow them for evaluation.
    fn first(corpus: &'a Corpus, count: usize) -> Self {
        let (train, rest) = corpus.tokens.split_at(count.min(corpus.tokens.len()));
        let held_out = &rest[..rest.len().min(count / HELD_OUT)];
        Self { train, held_out, provenance: &corpus.provenance }
    }
}

/// A text that every epoch cuts anew, from an offset that it draws, and a text that follows it. All epochs have the same
/// number of minibatches.
pub struct Minibatches {
    train: Text,
    held_out: Text,
}

impl Minibatches {
    /// Cuts the first tokens of the text, as many as the options say, and those that follow them.
    ///
    /// # Errors
    /// As [`Minibatches::of`].
    pub fn new(
        corpus: &Corpus,
        options: &Options,
        settings: &Settings,
    ) -> Result<(Self, Splits<2>)> {
        let parts = Parts::first(corpus, options.max_tokens);
        Self::of(&parts, (options.sampling, options.num_steps), settings)
    }

    /// Cuts the texts into windows of `num_steps`, as many as `--examples` says. The log describes them by the splits.
    ///
    /// # Errors
    /// If the training text is too short for a minibatch.
    pub fn of(
        parts: &Parts,
        (sampling, num_steps): (Sampling, usize),
        settings: &Settings,
    ) -> Result<(Self, Splits<2>)> {
        let text = |tokens: &[u32]| Text {
            tokens: tokens.to_vec(),
            num_steps,
            rows: 1,
            carries_state: sampling == Sampling::Sequential,
        };
        let (mut train, mut held_out) = (text(parts.train), text(parts.held_out));
        let splits = |[train, held_out]: [(&Text, usize); 2]| -> Result<Splits<2>> {
            Ok(Splits {
                train: train.0.side_by_side(train.1)?,
                valid: held_out.0.side_by_side(held_out.1)?,
                provenance: parts.provenance.clone(),
            })
        };
        let [all, all_held_out] = [train.windows(0), held_out.windows(0)];
        let wanted = settings.first_examples(splits([(&train, all), (&held_out, all_held_out)])?);
        if wanted.train.len() < all {
            train
                .tokens
                .truncate((wanted.train.len() + 1) * num_steps + 1);
        }
        held_out.tokens.truncate(wanted.valid.len() * num_steps + 1);

        let offset = train.largest_offset();
        train.rows = settings.recipe.batch_size.min(train.windows(offset));
        held_out.rows = settings.recipe.batch_size.min(held_out.windows(0));
        // As many minibatches as fit after the largest offset.
        let count = train.in_order(offset).len();
        if count == 0 {
            bail!(
                "found a text of {} tokens, wanted at least {} for text windows of {num_steps}",
                train.tokens.len(),
                offset + 1 + num_steps
            );
        }
        let cut = held_out.in_order(0).len() * held_out.rows;
        let splits = splits([(&train, count * train.rows), (&held_out, cut)])?;
        Ok((Self { train, held_out }, splits))
    }

    /// Whether a minibatch starts from the state after the one before.
    pub fn carries_state(&self) -> bool {
        self.train.carries_state
    }

    /// Where the text windows start in the minibatches of this epoch that are still to come.
    pub fn of_epoch(&self, run: &Run) -> Vec<Vec<usize>> {
        let starts = self.all_of_epoch(run).into_iter();
        let to_come = run.batches_to_come();
        starts.take(to_come.end).skip(to_come.start).collect()
    }

    /// Where the text windows start in all minibatches that fit into this epoch.
    pub fn all_of_epoch(&self, run: &Run) -> Vec<Vec<usize>> {
        let text = &self.train;
        let offset = run.shuffle("offset").map_or(0, |stream| {
            stream.rng().random_range(0..=text.largest_offset())
        });
        let permutation = |n| match run.shuffle("windows") {
            Some(stream) => stream.permutation(n),
            None => (0..n).collect(),
        };
        text.partition(offset, permutation)
    }

    /// The text windows at `starts`: tokens, and for each the token that follows it, both `[B, T]`.
    pub fn batch(&self, starts: &[usize], device: &Device) -> Result<[Tensor; 2]> {
        self.train.batch(starts, device)
    }

    /// The minibatches of the text that follows, the same in every epoch. There are none if it is too short.
    pub fn held_out(&self, device: &Device) -> impl Iterator<Item = Result<[Tensor; 2]>> {
        let starts = self.held_out.in_order(0).into_iter();
        starts.map(move |starts| self.held_out.batch(&starts, device))
    }
}

/// A text to be cut into minibatches.
struct Text {
    tokens: Vec<u32>,
    num_steps: usize,
    /// Text windows in a minibatch.
    rows: usize,
    carries_state: bool,
}

impl Text {
    /// The number of text windows side by side after the first `offset` tokens.
    fn windows(&self, offset: usize) -> usize {
        self.tokens.len().saturating_sub(offset + 1) / self.num_steps.max(1)
    }

    /// So many text windows.
    fn side_by_side(&self, count: usize) -> Result<Dataset<2>> {
        let starts: Vec<usize> = (0..count).map(|window| window * self.num_steps).collect();
        windows(&self.tokens, &starts, self.num_steps)
    }

    /// The book draws up to T for sequential sampling, and up to T - 1 for random sampling.
    fn largest_offset(&self) -> usize {
        if self.carries_state {
            self.num_steps
        } else {
            self.num_steps.saturating_sub(1)
        }
    }

    /// Where the text windows of each minibatch start.
    fn partition(
        &self,
        offset: usize,
        permutation: impl FnOnce(usize) -> Vec<usize>,
    ) -> Vec<Vec<usize>> {
        let (tokens, rows, num_steps) = (self.tokens.len(), self.rows, self.num_steps);
        if self.carries_state {
            sequential_partition(tokens, rows, num_steps, offset)
        } else {
            random_partition(tokens, rows, num_steps, offset, permutation)
        }
    }

    /// The same, with the windows in the order of the text.
    fn in_order(&self, offset: usize) -> Vec<Vec<usize>> {
        self.partition(offset, |n| (0..n).collect())
    }

    /// Inputs and targets of the text windows at `starts`.
    fn batch(&self, starts: &[usize], device: &Device) -> Result<[Tensor; 2]> {
        let windows = windows(&self.tokens, starts, self.num_steps)?;
        let rows: Vec<usize> = (0..starts.len()).collect();
        Ok(windows.batch(&rows, device)?)
    }
}
