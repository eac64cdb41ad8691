//! K-fold cross-validation: every example is held out once. D2L zh 4.10, en 5.7.

use anyhow::{Result, ensure};

use crate::Dataset;

/// Cuts `data` into `folds` contiguous parts. Part `fold`, counted from 0, is for evaluation, all others for training.
/// Both keep the file's order.
///
/// A fold has `len / folds` examples, and the last fold also has the remainder. The book leaves the remainder out (zh)
/// or never holds it out (en); its 1,460 houses make five folds of 292 without a remainder.
///
/// # Errors
///
/// If there are fewer than two folds, more folds than examples, or no such fold.
pub fn k_fold<const N: usize>(
    data: &Dataset<N>,
    folds: usize,
    fold: usize,
) -> Result<(Dataset<N>, Dataset<N>)> {
    let len = data.len();
    ensure!(
        folds >= 2 && folds <= len,
        "found {folds} folds of {len} examples, wanted at least 2 folds and at least 1 example in each"
    );
    ensure!(
        fold < folds,
        "found fold {fold}, wanted one from 0 to {}",
        folds - 1
    );
    let size = len / folds;
    let begin = fold * size;
    let end = if fold + 1 == folds { len } else { begin + size };
    let valid: Vec<usize> = (begin..end).collect();
    let train: Vec<usize> = (0..begin).chain(end..len).collect();
    Ok((data.rows(&train)?, data.rows(&valid)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Column;

    fn data(n: u8) -> Dataset<1> {
        Dataset::new([Column::Labels((0..n).collect())]).unwrap()
    }

    fn labels(data: &Dataset<1>) -> Vec<u8> {
        match data.column(0) {
            Column::Labels(labels) => labels.clone(),
            _ => panic!("wanted labels"),
        }
    }

    #[test]
    fn every_example_is_held_out_once() -> Result<()> {
        for (n, folds) in [(10, 5), (11, 3), (7, 7), (5, 2)] {
            let mut held_out = Vec::new();
            for fold in 0..folds {
                let (train, valid) = k_fold(&data(n), folds, fold)?;
                let mut both = [labels(&train), labels(&valid)].concat();
                both.sort_unstable();
                assert_eq!(both, labels(&data(n)));
                held_out.extend(labels(&valid));
            }
            assert_eq!(held_out, labels(&data(n)));
        }
        Ok(())
    }

    #[test]
    fn folds_are_contiguous_and_the_last_takes_the_rest() -> Result<()> {
        let (train, valid) = k_fold(&data(8), 3, 1)?;
        assert_eq!(labels(&train), [0, 1, 4, 5, 6, 7]);
        assert_eq!(labels(&valid), [2, 3]);
        let (train, valid) = k_fold(&data(8), 3, 2)?;
        assert_eq!(labels(&train), [0, 1, 2, 3]);
        assert_eq!(labels(&valid), [4, 5, 6, 7]);
        Ok(())
    }

    #[test]
    fn folds_that_cannot_be_are_errors() {
        for (folds, fold) in [(0, 0), (1, 0), (9, 0), (2, 2), (8, usize::MAX)] {
            assert!(k_fold(&data(8), folds, fold).is_err(), "{folds} {fold}");
        }
        assert!(k_fold(&data(0), 2, 0).is_err());
    }
}
