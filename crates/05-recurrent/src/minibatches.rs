//! How a text is cut into minibatches. D2L zh 8.3.4, en 9.3.3.

use anyhow::{Result, bail};
use candle_core::{Device, Tensor};
use d2l::Run;
use d2l::data::{Corpus, Splits, random_partition, sequential_partition, windows};
use d2l::random::Rng;

/// Which windows of the text are in a minibatch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Sampling {
    /// Each row goes on where it stopped in the minibatch before, and takes the state along.
    Sequential,
    /// Windows side by side, in random order; the state starts from zero.
    Random,
    /// A window at every token, in random order; the state starts from zero. Half as many more are held out.
    Windows,
}

impl Sampling {
    /// As on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sequential => "sequential",
            Self::Random => "random",
            Self::Windows => "windows",
        }
    }
}

/// The first `count` windows of the text to train on, and half as many more that follow to validate on.
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

/// A text that every epoch cuts anew, from an offset that it draws: equally many minibatches in each.
pub struct Minibatches {
    tokens: Vec<u32>,
    num_steps: usize,
    /// Windows in a minibatch.
    rows: usize,
    /// Minibatches in an epoch: as many as fit behind the largest offset.
    count: usize,
    carries_state: bool,
}

impl Minibatches {
    /// The first `max_tokens` tokens, cut into windows of `num_steps`; of these the first `--examples`.
    pub fn new(
        corpus: &Corpus,
        (max_tokens, num_steps): (usize, usize),
        sampling: Sampling,
        run: &Run,
    ) -> Result<(Self, Splits<2>)> {
        let tokens = corpus.tokens.iter().copied().take(max_tokens);
        let mut all = Self {
            tokens: tokens.collect(),
            num_steps,
            rows: 1,
            count: 0,
            carries_state: sampling == Sampling::Sequential,
        };
        let side_by_side = all.tokens.len().saturating_sub(1) / num_steps.max(1);
        let wanted = run
            .first_examples(all.splits(side_by_side, corpus)?)
            .train
            .len();
        if wanted < side_by_side {
            all.tokens.truncate((wanted + 1) * num_steps + 1);
        }
        let usable = all.tokens.len().saturating_sub(all.largest_offset() + 1);
        all.rows = run.batch_size().min(usable / num_steps.max(1));
        all.count = all
            .partition(all.largest_offset(), |n| (0..n).collect())
            .len();
        if all.count == 0 {
            bail!(
                "found a text of {} tokens, wanted {} at least for windows of {num_steps}",
                all.tokens.len(),
                all.largest_offset() + 1 + num_steps
            );
        }
        let splits = all.splits(all.count * all.rows, corpus)?;
        Ok((all, splits))
    }

    /// Whether a minibatch starts from the state that the one before left.
    pub fn carry_state(&self) -> bool {
        self.carries_state
    }

    /// What the log says of the text: so many windows, nothing held out.
    fn splits(&self, count: usize, corpus: &Corpus) -> Result<Splits<2>> {
        let starts: Vec<usize> = (0..count).map(|window| window * self.num_steps).collect();
        Ok(Splits {
            train: windows(&self.tokens, &starts, self.num_steps)?,
            valid: windows(&self.tokens, &[], self.num_steps)?,
            provenance: corpus.provenance.clone(),
        })
    }

    /// The book draws up to T where rows go on, and up to T - 1 where they don't.
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

    /// Where the windows of the running epoch's minibatches start; after an interruption, of those that are still to
    /// come.
    pub fn of_epoch(&self, run: &Run) -> Vec<Vec<usize>> {
        if run.epoch() == 0 {
            return Vec::new(); // `--epochs 0`
        }
        let offset = run.shuffle("offset").map_or(0, |stream| {
            stream.rng().random_range(0..=self.largest_offset())
        });
        let permutation = |n| match run.shuffle("windows") {
            Some(stream) => stream.permutation(n),
            None => (0..n).collect(),
        };
        let starts = self.partition(offset, permutation);
        let to_come = starts.into_iter().take(self.count);
        to_come.skip(run.batches_done()).collect()
    }

    /// Tokens and those that follow them, for windows at `starts`: both `[B, T]`.
    pub fn batch(&self, starts: &[usize], device: &Device) -> Result<[Tensor; 2]> {
        let windows = windows(&self.tokens, starts, self.num_steps)?;
        let rows: Vec<usize> = (0..starts.len()).collect();
        Ok(windows.batch(&rows, device)?)
    }
}
