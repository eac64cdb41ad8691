//! Text windows of a sequence of tokens, and the book's ways to put them into minibatches.
//!
//! D2L zh 8.3.4, en 9.3.3. A text window that starts at s has the tokens s … s + T - 1 as inputs, and the tokens s + 1
//! … s + T as targets.

use anyhow::{Result, ensure};

use crate::{Column, Dataset};

/// Sequential partitioning: the starts of each minibatch's text windows. zh 8.3.4.2.
///
/// From `offset` on the text is cut into `batch_size` parts of equal length, one for each row of the minibatches. Row i
/// of a minibatch continues row i of the one before, so that a state can be carried over.
///
/// ```
/// // 0 … 34 from offset 0 in two parts of 17 tokens, T = 5.
/// let starts = d2l_data::sequential_partition(35, 2, 5, 0);
/// assert_eq!(starts, [[0, 17], [5, 22], [10, 27]]);
/// ```
pub fn sequential_partition(
    tokens: usize,
    batch_size: usize,
    num_steps: usize,
    offset: usize,
) -> Vec<Vec<usize>> {
    let part = tokens.saturating_sub(offset + 1) / batch_size.max(1);
    let batches = part / num_steps.max(1);
    let start = |batch: usize, row: usize| offset + row * part + batch * num_steps;
    (0..batches)
        .map(|batch| (0..batch_size).map(|row| start(batch, row)).collect())
        .collect()
}

/// Random sampling: the starts of each minibatch's text windows. zh 8.3.4.1.
///
/// From `offset` on, the text is cut into adjacent text windows. `permutation` is given their number and returns their
/// order. Windows that don't fill a minibatch are left out.
pub fn random_partition(
    tokens: usize,
    batch_size: usize,
    num_steps: usize,
    offset: usize,
    permutation: impl FnOnce(usize) -> Vec<usize>,
) -> Vec<Vec<usize>> {
    let count = tokens.saturating_sub(offset + 1) / num_steps.max(1);
    let starts = permutation(count)
        .into_iter()
        .map(|window| offset + window * num_steps);
    let starts: Vec<usize> = starts.collect();
    starts
        .chunks_exact(batch_size.max(1))
        .map(<[usize]>::to_vec)
        .collect()
}

/// Inputs and targets of the text windows at `starts`: both `[windows, T]`.
///
/// # Errors
/// If a text window goes beyond the tokens, or has no time steps.
pub fn windows(tokens: &[u32], starts: &[usize], num_steps: usize) -> Result<Dataset<2>> {
    ensure!(
        num_steps > 0,
        "found text windows of 0 time steps, wanted at least one"
    );
    let column = |shift: usize| -> Result<Column> {
        let mut values = Vec::with_capacity(starts.len() * num_steps);
        for start in starts {
            let from = start + shift;
            let Some(window) = tokens.get(from..from + num_steps) else {
                anyhow::bail!(
                    "found {} tokens, wanted {} for a text window at {start}",
                    tokens.len(),
                    start + num_steps + 1
                );
            };
            values.extend_from_slice(window);
        }
        let shape = vec![num_steps];
        Ok(Column::Tokens { values, shape })
    };
    Dataset::new([column(0)?, column(1)?])
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    /// The book's example: 0 … 34, batches of two, five time steps; the book draws the offset.
    #[test]
    fn rows_of_a_sequential_partition_go_on_in_the_next_minibatch() -> Result<()> {
        // (35 - 3 - 1) / 2 = 15 tokens in each part, three windows of five.
        let starts = sequential_partition(35, 2, 5, 3);
        assert_eq!(starts, [[3, 18], [8, 23], [13, 28]]);
        let tokens: Vec<u32> = (0..35).collect();
        let [x, y] = windows(&tokens, &starts[1], 5)?.batch(&[0, 1], &Device::Cpu)?;
        assert_eq!(
            x.to_vec2::<u32>()?,
            [[8, 9, 10, 11, 12], [23, 24, 25, 26, 27]]
        );
        assert_eq!(
            y.to_vec2::<u32>()?,
            [[9, 10, 11, 12, 13], [24, 25, 26, 27, 28]]
        );
        Ok(())
    }

    #[test]
    fn a_random_partition_has_windows_side_by_side_in_another_order() {
        // (35 - 4 - 1) / 5 = 6 windows, at 4, 9, …, 29.
        let starts = random_partition(35, 2, 5, 4, |n| (0..n).rev().collect());
        assert_eq!(starts, [[29, 24], [19, 14], [9, 4]]);
        // Three of the seven windows of 0 … 34 don't fill a minibatch of four.
        let starts = random_partition(37, 4, 5, 0, |n| (0..n).collect());
        assert_eq!(starts, [[0, 5, 10, 15]]);
    }

    /// The sizes of the book's own text: eight minibatches whatever the offset.
    #[test]
    fn ten_thousand_characters_are_eight_minibatches() {
        for offset in 0..=35 {
            assert_eq!(sequential_partition(10_000, 32, 35, offset).len(), 8);
        }
        for offset in 0..35 {
            let starts = random_partition(10_000, 32, 35, offset, |n| (0..n).collect());
            assert_eq!((starts.len(), starts[7].len()), (8, 32));
        }
    }

    #[test]
    fn too_short_a_text_has_no_minibatches_and_no_windows() {
        assert!(sequential_partition(5, 2, 5, 0).is_empty());
        assert!(sequential_partition(0, 2, 5, 3).is_empty());
        assert!(random_partition(3, 2, 5, 9, |n| (0..n).collect()).is_empty());
        let error = windows(&[1, 2, 3], &[0], 3).unwrap_err().to_string();
        assert!(error.contains("found 3 tokens, wanted 4"), "{error}");
        assert!(windows(&[1, 2, 3], &[0], 0).is_err());
    }
}
