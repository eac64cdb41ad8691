//! Data from a known polynomial, to be fitted with polynomials of too low, right and too high a degree. D2L zh 4.4,
//! en 3.6.

use anyhow::{Result, ensure};
use d2l_random::{Purpose, Stream};

use crate::regression::examples_of;
use crate::{Provenance, Splits};

/// Draws `train` and `valid` examples of
///
/// y = Σ w_i xⁱ/i! + ε,  x ~ N(0, 1),  ε ~ N(0, `noise`²)
///
/// with w = `coefficients`, and gives the model the first `terms` of the features 1, x, x²/2!, x³/3!, …: X is
/// `[examples, terms]`, y `[examples, 1]`. The points don't depend on `terms`, so models of different degrees see the
/// same points. Each part has its own random streams for x and ε.
///
/// # Errors
///
/// If there are no coefficients or no terms, a number is not finite, or `noise` is negative.
pub fn synthetic_polynomial(
    seed: u64,
    coefficients: &[f64],
    noise: f64,
    terms: usize,
    train: usize,
    valid: usize,
) -> Result<Splits<2>> {
    ensure!(
        !coefficients.is_empty() && coefficients.iter().all(|w| w.is_finite()),
        "found coefficients {coefficients:?}, wanted one or more finite numbers"
    );
    ensure!(terms > 0, "found 0 terms, wanted 1 or more");
    ensure!(
        noise.is_finite() && noise >= 0.0,
        "found noise {noise}, wanted a standard deviation of 0 or more"
    );
    let draw = |split: &str, examples: usize| {
        let x_name = format!("synthetic-polynomial {split} x");
        let noise_name = format!("synthetic-polynomial {split} noise");
        let x = Stream::once(seed, Purpose::Data, &x_name).normals(0.0, 1.0, examples);
        let epsilon = Stream::once(seed, Purpose::Data, &noise_name).normals(0.0, noise, examples);
        let y: Vec<f32> = x
            .iter()
            .zip(&epsilon)
            .map(|(&x, &epsilon)| {
                let features = polynomial_features(f64::from(x), coefficients.len());
                let xw: f64 = features.iter().zip(coefficients).map(|(x, w)| x * w).sum();
                (xw + f64::from(epsilon)) as f32
            })
            .collect();
        let features: Vec<f32> = x
            .iter()
            .flat_map(|&x| polynomial_features(f64::from(x), terms))
            .map(|feature| feature as f32)
            .collect();
        examples_of(features, terms, y)
    };
    let (train, valid) = (draw("train", train)?, draw("valid", valid)?);
    Ok(Splits {
        provenance: Provenance::synthetic("synthetic-polynomial", &[&train, &valid]),
        train,
        valid,
    })
}

/// The first `terms` of 1, x, x²/2!, x³/3!, …: without the factorials x¹⁹ would make gradients of 10⁹ at x = 3.
pub fn polynomial_features(x: f64, terms: usize) -> Vec<f64> {
    let mut feature = 1.0;
    let mut features = Vec::with_capacity(terms);
    for i in 0..terms {
        features.push(feature);
        feature *= x / (i + 1) as f64;
    }
    features
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Column, Dataset};

    /// The book's polynomial, zh 4.4.4.1.
    const COEFFICIENTS: [f64; 4] = [5.0, 1.2, -3.4, 5.6];

    fn floats(data: &Dataset<2>, column: usize) -> Vec<f64> {
        match data.column(column) {
            Column::Floats { values, .. } => values.iter().map(|&value| f64::from(value)).collect(),
            _ => panic!("wanted floats"),
        }
    }

    #[test]
    fn features_are_powers_over_factorials() {
        // numpy: np.power(-1.5, np.arange(6)) / [math.factorial(i) for i in range(6)]
        let wanted = [1.0, -1.5, 1.125, -0.5625, 0.2109375, -0.06328125];
        for (feature, wanted) in polynomial_features(-1.5, 6).into_iter().zip(wanted) {
            assert!((feature - wanted).abs() < 1e-15, "{feature} {wanted}");
        }
        // x¹⁹/19! at x = 2, with 19! written out.
        let last = polynomial_features(2.0, 20)[19];
        let wanted = 524_288.0 / 121_645_100_408_832_000.0;
        assert!((last / wanted - 1.0).abs() < 1e-14, "{last} {wanted}");
        assert!(polynomial_features(2.0, 0).is_empty());
    }

    #[test]
    fn targets_lie_on_the_polynomial_up_to_the_noise() -> Result<()> {
        let (n, noise) = (50_000, 0.1);
        let splits = synthetic_polynomial(3, &COEFFICIENTS, noise, 4, n, 0)?;
        let (x, y) = (floats(&splits.train, 0), floats(&splits.train, 1));
        let rest: Vec<f64> = x
            .chunks_exact(4)
            .zip(&y)
            .map(|(x, y)| y - x.iter().zip(COEFFICIENTS).map(|(x, w)| x * w).sum::<f64>())
            .collect();
        // Four standard errors each.
        let root = (n as f64).sqrt();
        let mean = rest.iter().sum::<f64>() / n as f64;
        let std = (rest.iter().map(|rest| rest * rest).sum::<f64>() / n as f64).sqrt();
        assert!(mean.abs() < 4.0 * noise / root, "mean of the noise {mean}");
        assert!(
            (std / noise - 1.0).abs() < 4.0 / (2.0 * n as f64).sqrt(),
            "noise {std}"
        );
        let x: Vec<f64> = x.chunks_exact(4).map(|features| features[1]).collect();
        let second = x.iter().map(|x| x * x).sum::<f64>() / n as f64;
        assert!(
            (second - 1.0).abs() < 4.0 * 2f64.sqrt() / root,
            "variance of x {second}"
        );
        let product = x.iter().zip(&rest).map(|(x, rest)| x * rest).sum::<f64>() / n as f64;
        assert!(
            product.abs() < 4.0 * noise / root,
            "noise follows x: {product}"
        );
        Ok(())
    }

    #[test]
    fn models_of_all_degrees_see_the_same_points() -> Result<()> {
        let draw = |terms| synthetic_polynomial(5, &COEFFICIENTS, 0.1, terms, 30, 20);
        let (line, high) = (draw(2)?, draw(20)?);
        for (line, high) in [(&line.train, &high.train), (&line.valid, &high.valid)] {
            assert_eq!(floats(line, 1), floats(high, 1));
            let first_two: Vec<f64> = floats(high, 0)
                .chunks_exact(20)
                .flat_map(|features| features[..2].to_vec())
                .collect();
            assert_eq!(floats(line, 0), first_two);
            assert_eq!(high.column(0).shape(), [20]);
        }
        Ok(())
    }

    #[test]
    fn a_seed_gives_the_same_data_and_another_seed_other_data() -> Result<()> {
        let draw =
            |seed, train, valid| synthetic_polynomial(seed, &COEFFICIENTS, 0.1, 4, train, valid);
        let here = draw(0, 10, 5)?;
        assert_eq!(here.provenance, draw(0, 10, 5)?.provenance);
        assert_ne!(here.provenance.sha256, draw(1, 10, 5)?.provenance.sha256);
        assert_ne!(floats(&here.train, 1)[..5], floats(&here.valid, 1)[..]);
        // The size of one part does not change the other.
        assert_eq!(floats(&here.valid, 1), floats(&draw(0, 20, 5)?.valid, 1));
        Ok(())
    }

    #[test]
    fn bad_numbers_are_errors() {
        assert!(synthetic_polynomial(0, &[], 0.1, 4, 1, 1).is_err());
        assert!(synthetic_polynomial(0, &[f64::NAN], 0.1, 4, 1, 1).is_err());
        assert!(synthetic_polynomial(0, &COEFFICIENTS, 0.1, 0, 1, 1).is_err());
        assert!(synthetic_polynomial(0, &COEFFICIENTS, -0.1, 4, 1, 1).is_err());
    }
}
