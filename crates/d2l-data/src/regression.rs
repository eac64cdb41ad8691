//! Data for linear regression, drawn from a known line: y = Xw + b + ε. D2L zh 3.2, en 3.3.

use anyhow::{Result, ensure};
use d2l_random::{Purpose, Stream};

use crate::{Column, Dataset, Provenance, Splits};

/// Draws `train` and `valid` examples of
///
/// y = Xw + b + ε,  X ~ N(0, 1),  ε ~ N(0, `noise`²)
///
/// with w = `weight`, b = `bias`; X is `[examples, D]` for D weights, y `[examples, 1]`. Each part has its own random
/// streams for X and ε, so the size of one part does not change the other.
///
/// # Errors
///
/// If there are no weights, a number is not finite, or `noise` is negative.
pub fn synthetic_regression(
    seed: u64,
    weight: &[f64],
    bias: f64,
    noise: f64,
    train: usize,
    valid: usize,
) -> Result<Splits<2>> {
    ensure!(!weight.is_empty(), "found no weights, wanted at least one");
    ensure!(
        bias.is_finite() && weight.iter().all(|w| w.is_finite()),
        "found weights {weight:?} and bias {bias}, wanted finite numbers"
    );
    ensure!(
        noise.is_finite() && noise >= 0.0,
        "found noise {noise}, wanted a standard deviation of 0 or more"
    );
    let draw = |split: &str, examples: usize| -> Result<Dataset<2>> {
        let x_name = format!("synthetic-regression {split} x");
        let noise_name = format!("synthetic-regression {split} noise");
        let x =
            Stream::once(seed, Purpose::Data, &x_name).normals(0.0, 1.0, examples * weight.len());
        let epsilon = Stream::once(seed, Purpose::Data, &noise_name).normals(0.0, noise, examples);
        let y = x.chunks_exact(weight.len()).zip(&epsilon);
        let y: Vec<f32> = y
            .map(|(x, &epsilon)| {
                let xw: f64 = x.iter().zip(weight).map(|(&x, w)| f64::from(x) * w).sum();
                (xw + bias + f64::from(epsilon)) as f32
            })
            .collect();
        examples_of(x, weight.len(), y)
    };
    let (train, valid) = (draw("train", train)?, draw("valid", valid)?);
    Ok(Splits {
        provenance: Provenance::synthetic("synthetic-regression", &[&train, &valid]),
        train,
        valid,
    })
}

/// Examples of `width` features each, `[N, width]`, and a target, `[N, 1]`.
pub(crate) fn examples_of(
    features: Vec<f32>,
    width: usize,
    targets: Vec<f32>,
) -> Result<Dataset<2>> {
    Dataset::new([
        Column::Floats { values: features, shape: vec![width] },
        Column::Floats { values: targets, shape: vec![1] },
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEIGHT: [f64; 2] = [2.0, -3.4];

    fn floats(data: &Dataset<2>, column: usize) -> Vec<f64> {
        match data.column(column) {
            Column::Floats { values, .. } => values.iter().map(|&value| f64::from(value)).collect(),
            _ => panic!("wanted floats"),
        }
    }

    fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
        let n = values.len() as f64;
        values.sum::<f64>() / n
    }

    #[test]
    fn features_and_noise_have_the_stated_moments() -> Result<()> {
        let (n, noise) = (50_000, 0.1);
        let splits = synthetic_regression(3, &WEIGHT, 4.2, noise, n, 0)?;
        let (x, y) = (floats(&splits.train, 0), floats(&splits.train, 1));
        assert_eq!(splits.train.column(0).shape(), [2]);
        assert_eq!(splits.train.column(1).shape(), [1]);

        // Four standard errors each.
        let root = (n as f64).sqrt();
        for feature in 0..2 {
            let column: Vec<f64> = x.iter().skip(feature).step_by(2).copied().collect();
            let (first, second) = (
                mean(column.iter().copied()),
                mean(column.iter().map(|x| x * x)),
            );
            assert!(first.abs() < 4.0 / root, "mean {first}");
            assert!(
                (second - 1.0).abs() < 4.0 * 2f64.sqrt() / root,
                "variance {second}"
            );
        }
        let product = mean(x.chunks_exact(2).map(|x| x[0] * x[1]));
        assert!(product.abs() < 4.0 / root, "covariance {product}");

        let rest: Vec<f64> = x
            .chunks_exact(2)
            .zip(&y)
            .map(|(x, y)| y - 4.2 - x[0] * WEIGHT[0] - x[1] * WEIGHT[1])
            .collect();
        let (first, second) = (
            mean(rest.iter().copied()),
            mean(rest.iter().map(|rest| rest * rest)),
        );
        assert!(
            first.abs() < 4.0 * noise / root,
            "mean of the noise {first}"
        );
        assert!(
            (second.sqrt() / noise - 1.0).abs() < 4.0 / (2.0 * n as f64).sqrt(),
            "noise {}",
            second.sqrt()
        );
        for feature in 0..2 {
            let product = mean(
                x.chunks_exact(2)
                    .zip(&rest)
                    .map(|(x, rest)| x[feature] * rest),
            );
            assert!(
                product.abs() < 4.0 * noise / root,
                "noise follows feature {feature}: {product}"
            );
        }
        Ok(())
    }

    #[test]
    fn a_seed_gives_the_same_data_and_another_seed_other_data() -> Result<()> {
        let draw =
            |seed, train, valid| synthetic_regression(seed, &WEIGHT, 4.2, 0.01, train, valid);
        let here = draw(0, 10, 5)?;
        assert_eq!(here.provenance, draw(0, 10, 5)?.provenance);
        assert_ne!(here.provenance.sha256, draw(1, 10, 5)?.provenance.sha256);
        assert_ne!(floats(&here.train, 0)[..10], floats(&here.valid, 0)[..]);
        // The size of one part does not change the other.
        assert_eq!(floats(&here.valid, 1), floats(&draw(0, 20, 5)?.valid, 1));
        assert_eq!(
            floats(&here.train, 1),
            floats(&draw(0, 20, 0)?.train, 1)[..10]
        );
        Ok(())
    }

    #[test]
    fn without_noise_the_line_is_exact() -> Result<()> {
        let splits = synthetic_regression(0, &WEIGHT, 4.2, 0.0, 100, 0)?;
        let (x, y) = (floats(&splits.train, 0), floats(&splits.train, 1));
        for (x, y) in x.chunks_exact(2).zip(y) {
            assert_eq!(
                y,
                f64::from((x[0] * WEIGHT[0] + x[1] * WEIGHT[1] + 4.2) as f32)
            );
        }
        assert!(splits.valid.is_empty());
        Ok(())
    }

    #[test]
    fn bad_numbers_are_errors() {
        assert!(synthetic_regression(0, &[], 4.2, 0.01, 1, 1).is_err());
        assert!(synthetic_regression(0, &[f64::NAN], 4.2, 0.01, 1, 1).is_err());
        assert!(synthetic_regression(0, &WEIGHT, f64::INFINITY, 0.01, 1, 1).is_err());
        assert!(synthetic_regression(0, &WEIGHT, 4.2, -0.01, 1, 1).is_err());
    }
}
