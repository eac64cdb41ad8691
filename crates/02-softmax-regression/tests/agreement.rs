//! By hand, with the library, and in PyTorch: the same numbers.

use std::path::Path;

use anyhow::{Result, ensure};
use candle_core::{DType, Device, Tensor};
use d2l::nn::testing::{check_gradients, every_parameter_has_a_gradient, filled};
use d2l::nn::{Initializer, Mode, Network, ParamStore, backward, cross_entropy};
use softmax_regression::{concise, scratch};

const DEVICE: Device = Device::Cpu;
const INPUTS: usize = 12;

fn store() -> ParamStore {
    ParamStore::with_dtype(0, DType::F64, &DEVICE)
}

#[test]
fn concise_agrees_with_pytorch() -> Result<()> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/reference/golden/softmax-regression.json");
    let build =
        |params: &ParamStore| concise::SoftmaxRegression::new(784, 10, &Initializer::Zeros, params);
    d2l::testing::check_against_golden(&golden, build, cross_entropy)
}

/// `w` is the transposed `linear.weight`, `b` is `linear.bias`; the outputs by hand are probabilities.
#[test]
fn scratch_and_concise_agree() -> Result<()> {
    let (by_hand, library) = (store(), store());
    let scratch =
        scratch::SoftmaxRegression::new(INPUTS, 4, &Initializer::PytorchDefault, &by_hand)?;
    let concise =
        concise::SoftmaxRegression::new(INPUTS, 4, &Initializer::PytorchDefault, &library)?;
    for ((_, here), (_, there)) in by_hand.parameters().iter().zip(library.parameters()) {
        here.set(&if there.rank() == 2 {
            there.t()?.contiguous()?
        } else {
            there.as_tensor().clone()
        })?;
    }
    let x = filled((5, 1, 3, 4), 1, 4.0, DType::F64, &DEVICE)?;
    let y = Tensor::new(&[0u32, 3, 1, 1, 2], &DEVICE)?;
    let probabilities = scratch.forward(&x, Mode::Evaluate)?;
    let logits = concise.forward(&x, Mode::Evaluate)?;
    let sums: Vec<f64> = probabilities.sum(1)?.to_vec1()?;
    ensure!(
        sums.iter().all(|sum| (sum - 1.0).abs() < 1e-14),
        "rows sum to {sums:?}"
    );

    let (ours, theirs) = (
        scratch::cross_entropy(&probabilities, &y)?,
        cross_entropy(&logits, &y)?,
    );
    let gap = (ours.to_scalar::<f64>()? - theirs.to_scalar::<f64>()?).abs();
    ensure!(gap < 1e-14, "losses differ by {gap}");
    let (ours, theirs) = (backward(&ours)?, backward(&theirs)?);
    every_parameter_has_a_gradient(&by_hand, &ours)?;
    every_parameter_has_a_gradient(&library, &theirs)?;
    for ((name, here), (_, there)) in by_hand.parameters().iter().zip(library.parameters()) {
        let (Some(ours), Some(theirs)) = (ours.get(here), theirs.get(&there)) else {
            continue;
        };
        let theirs = if theirs.rank() == 2 {
            theirs.t()?
        } else {
            theirs.clone()
        };
        let gap = (ours - theirs)?.abs()?.max_all()?.to_scalar::<f64>()?;
        ensure!(gap < 1e-14, "gradients of {name} differ by {gap}");
    }
    Ok(())
}

#[test]
fn the_loss_by_hand_has_the_gradient_of_its_definition() -> Result<()> {
    let params = store();
    let model = scratch::SoftmaxRegression::new(INPUTS, 4, &Initializer::PytorchDefault, &params)?;
    let x = filled((3, 1, 3, 4), 1, 4.0, DType::F64, &DEVICE)?;
    let y = Tensor::new(&[0u32, 3, 1], &DEVICE)?;
    let parameters: Vec<_> = params
        .parameters()
        .into_iter()
        .map(|(_, parameter)| parameter)
        .collect();
    check_gradients(
        &parameters,
        || scratch::cross_entropy(&model.forward(&x, Mode::Evaluate)?, &y),
        1e-6,
    )
}

/// The reason for the library's fused loss: by the definition, logits of 100 overflow in f32.
#[test]
fn the_definition_overflows_where_the_library_does_not() -> Result<()> {
    let logits = Tensor::new(&[[100f32, 0.0], [0.0, 100.0]], &DEVICE)?;
    let y = Tensor::new(&[0u32, 0], &DEVICE)?;
    let naive = scratch::cross_entropy(&scratch::softmax(&logits)?, &y)?.to_scalar::<f32>()?;
    ensure!(!naive.is_finite(), "{naive}");
    let stable = cross_entropy(&logits, &y)?.to_scalar::<f32>()?;
    ensure!((stable - 50.0).abs() < 1e-5, "{stable}");
    Ok(())
}
