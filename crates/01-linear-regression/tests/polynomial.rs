//! The polynomials agree with PyTorch, and the right degree finds the weights that made the data.

use std::path::Path;

use anyhow::{Result, ensure};
use candle_core::{Device, Tensor};
use d2l::data::{Dataset, synthetic_polynomial};
use d2l::nn::{
    Initializer, Mode, Network, Optimizer, ParamGroup, ParamStore, Sgd, backward, mse_loss,
};
use linear_regression::polynomial::Polynomial;

const DEVICE: Device = Device::Cpu;
/// zh 4.4.4.1.
const COEFFICIENTS: [f64; 4] = [5.0, 1.2, -3.4, 5.6];

#[test]
fn the_model_agrees_with_pytorch() -> Result<()> {
    let golden =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/golden/polynomial.json");
    let build = |params: &ParamStore| Polynomial::new(20, &Initializer::Zeros, params);
    d2l::testing::check_against_golden(&golden, build, mse_loss)
}

/// Losses on training and validation data and the weights after 400 epochs, the book's number.
fn trained(terms: usize) -> Result<(f64, f64, Vec<f32>)> {
    let data = synthetic_polynomial(0, &COEFFICIENTS, 0.1, terms, 100, 100)?;
    let params = ParamStore::new(0, &DEVICE);
    let model = Polynomial::new(terms, &Initializer::PytorchDefault, &params)?;
    let loss = |[x, y]: &[Tensor; 2]| mse_loss(&model.forward(x, Mode::Evaluate)?, y);
    let whole = |data: &Dataset<2>| -> Result<f64> {
        let batch = data.batch(&(0..data.len()).collect::<Vec<_>>(), &DEVICE)?;
        Ok(f64::from(loss(&batch)?.to_scalar::<f32>()?))
    };
    let before = whole(&data.train)?;
    let mut sgd = Sgd::new(vec![ParamGroup::new(params.parameters())], 0.01, 0.0, false)?;
    for _ in 0..400 {
        for batch in data.train.batches((0..100).collect(), 10, &DEVICE) {
            sgd.step(&backward(&loss(&batch?)?)?)?;
        }
    }
    let (train, valid) = (whole(&data.train)?, whole(&data.valid)?);
    ensure!(train < before, "the loss was {before} and is {train}");
    let (_, weight) = &params.parameters()[0];
    Ok((train, valid, weight.flatten_all()?.to_vec1()?))
}

#[test]
fn the_right_degree_finds_the_weights_and_a_line_cannot() -> Result<()> {
    let (train, valid, weight) = trained(4)?;
    ensure!(train < 0.02 && valid < 0.02, "cubic: {train} {valid}");
    for (found, wanted) in weight.iter().zip(COEFFICIENTS) {
        ensure!((f64::from(*found) - wanted).abs() < 0.2, "{weight:?}");
    }
    let (train, valid, _) = trained(2)?;
    ensure!(train > 1.0 && valid > 1.0, "linear: {train} {valid}");
    let (train, valid, weight) = trained(20)?;
    ensure!(train < 0.02 && valid > train, "degree 19: {train} {valid}");
    ensure!(weight.len() == 20 && weight[4..].iter().any(|w| w.abs() > 0.05));
    Ok(())
}
