//! The closed form finds known lines and agrees with numpy.

use anyhow::{Result, ensure};
use candle_core::Device;
use d2l::data::{Column, Dataset, synthetic_regression};
use linear_regression::closed_form::ClosedForm;

fn data(features: usize, x: &[f32], y: &[f32]) -> Result<Dataset<2>> {
    Dataset::new([
        Column::Floats { values: x.to_vec(), shape: vec![features] },
        Column::Floats { values: y.to_vec(), shape: vec![1] },
    ])
}

#[test]
fn a_line_without_noise_is_found() -> Result<()> {
    let data = synthetic_regression(0, &[2.0, -3.4, 0.5], 4.2, 0.0, 100, 0)?;
    let found = ClosedForm::of(&data.train)?;
    // The targets are rounded to f32.
    let distance = found.distance(&[2.0, -3.4, 0.5], 4.2);
    ensure!(distance < 1e-6, "{found:?} is {distance} away");
    Ok(())
}

/// Numbers of
/// `numpy.linalg.lstsq(numpy.array([[1, 2, 1], [2, 1, 1], [3, 5, 1], [4, -2, 1], [0.5, 3, 1], [-1, 0.25, 1]]),
/// numpy.array([3, -1, 4, 1, 5, 0.125]))`.
#[test]
fn numpy_finds_the_same_line() -> Result<()> {
    let x = [
        1.0, 2.0, 2.0, 1.0, 3.0, 5.0, 4.0, -2.0, 0.5, 3.0, -1.0, 0.25,
    ];
    let found = ClosedForm::of(&data(2, &x, &[3.0, -1.0, 4.0, 1.0, 5.0, 0.125])?)?;
    let distance = found.distance(
        &[0.11154410934146625, 0.6807071049361801],
        0.7947983734327355,
    );
    ensure!(distance < 1e-12, "{found:?} is {distance} away");
    Ok(())
}

#[test]
fn no_step_away_from_it_lowers_the_squared_error() -> Result<()> {
    let data = synthetic_regression(3, &[2.0, -3.4], 4.2, 0.5, 50, 0)?.train;
    let best = ClosedForm::of(&data)?;
    let all: Vec<usize> = (0..data.len()).collect();
    let [x, y] = data.batch(&all, &Device::Cpu)?;
    let (x, y): (Vec<Vec<f32>>, Vec<Vec<f32>>) = (x.to_vec2()?, y.to_vec2()?);
    let error = |weight: &[f64], bias: f64| -> f64 {
        let squares = x.iter().zip(&y).map(|(x, y)| {
            let product: f64 = x.iter().zip(weight).map(|(&x, w)| f64::from(x) * w).sum();
            (product + bias - f64::from(y[0])).powi(2)
        });
        squares.sum()
    };
    let least = error(&best.weight, best.bias);
    ensure!(least > 1.0, "the noise leaves an error: {least}");
    for direction in 0..3 {
        for step in [-1e-3, 1e-3] {
            let mut other = best.clone();
            match other.weight.get_mut(direction) {
                Some(weight) => *weight += step,
                None => other.bias += step,
            }
            ensure!(
                error(&other.weight, other.bias) > least,
                "{direction} {step}"
            );
        }
    }
    Ok(())
}

#[test]
fn the_distance_is_that_of_all_parameters_together() {
    let line = ClosedForm { weight: vec![1.0, 2.0], bias: 3.0 };
    assert_eq!(line.distance(&[1.0, 2.0], 3.0), 0.0);
    assert_eq!(line.distance(&[3.0, 5.0], 9.0), 7.0); // 2, 3, 6
}

#[test]
fn a_matrix_without_an_inverse_is_named() -> Result<()> {
    let cases = [
        data(2, &[1.0, 2.0, 3.0, 4.0], &[1.0, 2.0])?, // 2 examples, 3 unknowns
        data(2, &[1.0, 2.0, 2.0, 4.0, 3.0, 6.0, 4.0, 8.0], &[1.0; 4])?, // the second is twice the first
        data(1, &[5.0, 5.0, 5.0], &[1.0; 3])?, // a constant feature is a second bias
    ];
    for case in cases {
        let error = ClosedForm::of(&case).expect_err("there is no single best line");
        ensure!(format!("{error:#}").contains("no inverse"), "{error:#}");
    }
    Ok(())
}
