//! By hand, with the library, and in PyTorch: the same numbers.

use std::path::Path;

use anyhow::{Result, ensure};
use candle_core::{DType, Device};
use d2l::nn::testing::{check_gradients, every_parameter_has_a_gradient, filled};
use d2l::nn::{Initializer, Mode, Network, ParamStore, backward, mse_loss};
use linear_regression::{concise, scratch};

const DEVICE: Device = Device::Cpu;

#[test]
fn concise_agrees_with_pytorch() -> Result<()> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/reference/golden/linear-regression.json");
    let build =
        |params: &ParamStore| concise::LinearRegression::new(2, &Initializer::Zeros, params);
    d2l::testing::check_against_golden(&golden, build, mse_loss)
}

/// `w` is the transposed `linear.weight`, `b` is `linear.bias`, and the loss by hand is half of the library's.
#[test]
fn scratch_and_concise_agree() -> Result<()> {
    let (by_hand, library) = (
        ParamStore::with_dtype(0, DType::F64, &DEVICE),
        ParamStore::with_dtype(0, DType::F64, &DEVICE),
    );
    let scratch = scratch::LinearRegression::new(2, &Initializer::PytorchDefault, &by_hand)?;
    let concise = concise::LinearRegression::new(2, &Initializer::PytorchDefault, &library)?;
    for ((_, here), (_, there)) in by_hand.parameters().iter().zip(library.parameters()) {
        here.set(&there.as_tensor().reshape(here.shape())?)?;
    }
    let (x, y) = (
        filled((7, 2), 1, 2.0, DType::F64, &DEVICE)?,
        filled((7, 1), 2, 2.0, DType::F64, &DEVICE)?,
    );
    let ours = scratch.forward(&x, Mode::Evaluate)?;
    let theirs = concise.forward(&x, Mode::Evaluate)?;
    let gap = (&ours - &theirs)?.abs()?.max_all()?.to_scalar::<f64>()?;
    ensure!(gap < 1e-14, "outputs differ by {gap}");

    let (ours, theirs) = (scratch::squared_loss(&ours, &y)?, mse_loss(&theirs, &y)?);
    let gap = (ours.to_scalar::<f64>()? * 2.0 - theirs.to_scalar::<f64>()?).abs();
    ensure!(gap < 1e-14, "losses differ by {gap}");
    let (ours, theirs) = (backward(&ours)?, backward(&theirs)?);
    every_parameter_has_a_gradient(&by_hand, &ours)?;
    every_parameter_has_a_gradient(&library, &theirs)?;
    for ((name, here), (_, there)) in by_hand.parameters().iter().zip(library.parameters()) {
        let (Some(ours), Some(theirs)) = (ours.get(here), theirs.get(&there)) else {
            continue;
        };
        let gap = ((ours * 2.0)? - theirs.reshape(ours.shape())?)?
            .abs()?
            .max_all()?
            .to_scalar::<f64>()?;
        ensure!(gap < 1e-14, "gradients of {name} differ by {gap}");
    }
    Ok(())
}

#[test]
fn the_loss_by_hand_has_the_gradient_of_its_definition() -> Result<()> {
    let params = ParamStore::with_dtype(0, DType::F64, &DEVICE);
    let model = scratch::LinearRegression::new(2, &Initializer::PytorchDefault, &params)?;
    let (x, y) = (
        filled((5, 2), 1, 2.0, DType::F64, &DEVICE)?,
        filled((5, 1), 2, 2.0, DType::F64, &DEVICE)?,
    );
    let parameters: Vec<_> = params
        .parameters()
        .into_iter()
        .map(|(_, parameter)| parameter)
        .collect();
    check_gradients(
        &parameters,
        || scratch::squared_loss(&model.forward(&x, Mode::Evaluate)?, &y),
        1e-6,
    )
}
