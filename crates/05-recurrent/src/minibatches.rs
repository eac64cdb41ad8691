//! How a text is cut into minibatches. D2L zh 8.3.4, en 9.3.3.

use anyhow::{Result, bail};
use candle_core::{Device, Tensor};
use d2l::data::{Corpus, Splits, random_partition, sequential_partition, windows};
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

/// A text that every epoch cuts anew, from an offset that it draws. All epochs have the same number of minibatches.
pub struct Minibatches {
    tokens: Vec<u32>,
    num_steps: usize,
    /// Text windows in a minibatch.
    rows: usize,
    carries_state: bool,
}

impl Minibatches {
    /// Cuts the first tokens of the text, as many as the options and `--examples` say. The log describes them by the
    /// splits.
    pub fn new(
        corpus: &Corpus,
        options: &Options,
        settings: &Settings,
    ) -> Result<(Self, Splits<2>)> {
        let num_steps = options.num_steps;
        let tokens = corpus.tokens.iter().copied().take(options.max_tokens);
        let mut all = Self {
            tokens: tokens.collect(),
            num_steps,
            rows: 1,
            carries_state: options.sampling == Sampling::Sequential,
        };
        let side_by_side = all.tokens.len().saturating_sub(1) / num_steps.max(1);
        let wanted = settings.first_examples(all.splits(side_by_side, corpus)?);
        let wanted = wanted.train.len();
        if wanted < side_by_side {
            all.tokens.truncate((wanted + 1) * num_steps + 1);
        }
        let offset = all.largest_offset();
        let usable = all.tokens.len().saturating_sub(offset + 1);
        all.rows = settings.recipe.batch_size.min(usable / num_steps.max(1));
        // As many minibatches as fit after the largest offset.
        let count = all.partition(offset, |n| (0..n).collect()).len();
        if count == 0 {
            bail!(
                "found a text of {} tokens, wanted at least {} for text windows of {num_steps}",
                all.tokens.len(),
                offset + 1 + num_steps
            );
        }
        let splits = all.splits(count * all.rows, corpus)?;
        Ok((all, splits))
    }

    /// Whether a minibatch starts from the state after the one before.
    pub fn carries_state(&self) -> bool {
        self.carries_state
    }

    /// So many text windows, with nothing held out.
    fn splits(&self, count: usize, corpus: &Corpus) -> Result<Splits<2>> {
        let starts: Vec<usize> = (0..count).map(|window| window * self.num_steps).collect();
        Ok(Splits {
            train: windows(&self.tokens, &starts, self.num_steps)?,
            valid: windows(&self.tokens, &[], self.num_steps)?,
            provenance: corpus.provenance.clone(),
        })
    }

    /// The book draws up to T for sequential sampling, and up to T - 1 for random sampling.
    fn largest_offset(&self) -> usize {
        if self.carries_state {
            self.num_steps
        } else {
            self.num_steps.saturating_sub(1)
        }
    }

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

    /// Where the text windows start in the minibatches of this epoch that are still to come.
    pub fn of_epoch(&self, run: &Run) -> Vec<Vec<usize>> {
        let starts = self.all_of_epoch(run).into_iter();
        let to_come = run.batches_to_come();
        starts.take(to_come.end).skip(to_come.start).collect()
    }

    /// Where the text windows start in all minibatches that fit into this epoch.
    pub fn all_of_epoch(&self, run: &Run) -> Vec<Vec<usize>> {
        let offset = run.shuffle("offset").map_or(0, |stream| {
            stream.rng().random_range(0..=self.largest_offset())
        });
        let permutation = |n| match run.shuffle("windows") {
            Some(stream) => stream.permutation(n),
            None => (0..n).collect(),
        };
        self.partition(offset, permutation)
    }

    /// The text windows at `starts`: tokens, and for each the token that follows it, both `[B, T]`.
    pub fn batch(&self, starts: &[usize], device: &Device) -> Result<[Tensor; 2]> {
        let windows = windows(&self.tokens, starts, self.num_steps)?;
        let rows: Vec<usize> = (0..starts.len()).collect();
        Ok(windows.batch(&rows, device)?)
    }
}
