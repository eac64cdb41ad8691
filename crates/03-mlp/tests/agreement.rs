//! By hand, with the library, and in PyTorch: the same numbers.

use std::path::Path;

use anyhow::{Result, ensure};
use candle_core::{DType, Device, Tensor};
use d2l::nn::testing::{check_gradients, every_parameter_has_a_gradient, filled};
use d2l::nn::{Initializer, Mode, Network, ParamStore, backward, cross_entropy};
use mlp::activation::Activation;
use mlp::{concise, scratch};

const DEVICE: Device = Device::Cpu;
const SIZES: [usize; 3] = [12, 6, 4];

/// The book's network: one hidden layer and ReLU.
fn concise_mlp(
    sizes: [usize; 3],
    initializer: &Initializer,
    params: &ParamStore,
) -> Result<concise::Mlp> {
    concise::Mlp::new(&sizes, Activation::Relu, initializer, params)
}

fn store() -> ParamStore {
    ParamStore::with_dtype(0, DType::F64, &DEVICE)
}

#[test]
fn concise_agrees_with_pytorch() -> Result<()> {
    let golden =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/golden/mlp.json");
    let build = |params: &ParamStore| concise_mlp([784, 256, 10], &Initializer::Zeros, params);
    d2l::testing::check_against_golden(&golden, build, cross_entropy)
}

/// By hand and with the library: `w1` is the transposed `hidden.weight`, and so on.
const MAPPING: [(&str, &str); 4] = [
    ("w1", "hidden.weight"),
    ("b1", "hidden.bias"),
    ("w2", "output.weight"),
    ("b2", "output.bias"),
];

#[test]
fn scratch_and_concise_agree() -> Result<()> {
    let (by_hand, library) = (store(), store());
    let scratch = scratch::Mlp::new(SIZES, &Initializer::PytorchDefault, &by_hand)?;
    let concise = concise_mlp(SIZES, &Initializer::PytorchDefault, &library)?;
    let named = |params: &ParamStore, wanted: &str| {
        let found = params
            .parameters()
            .into_iter()
            .find(|(name, _)| name == wanted);
        found
            .map(|(_, parameter)| parameter)
            .expect("the mapping names every parameter")
    };
    let transposed = |tensor: &Tensor| {
        if tensor.rank() == 2 {
            tensor.t()?.contiguous()
        } else {
            Ok(tensor.clone())
        }
    };
    for (ours, theirs) in MAPPING {
        named(&by_hand, ours).set(&transposed(&named(&library, theirs))?)?;
    }
    let x = filled((5, 1, 3, 4), 1, 4.0, DType::F64, &DEVICE)?;
    let y = Tensor::new(&[0u32, 3, 1, 1, 2], &DEVICE)?;
    let ours = scratch.forward(&x, Mode::Evaluate)?;
    let theirs = concise.forward(&x, Mode::Evaluate)?;
    let gap = (&ours - &theirs)?.abs()?.max_all()?.to_scalar::<f64>()?;
    ensure!(gap < 1e-14, "outputs differ by {gap}");
    let (ours, theirs) = (
        backward(&cross_entropy(&ours, &y)?)?,
        backward(&cross_entropy(&theirs, &y)?)?,
    );
    every_parameter_has_a_gradient(&by_hand, &ours)?;
    every_parameter_has_a_gradient(&library, &theirs)?;
    for (here, there) in MAPPING {
        let (Some(ours), Some(theirs)) = (
            ours.get(&named(&by_hand, here)),
            theirs.get(&named(&library, there)),
        ) else {
            continue;
        };
        let gap = (ours - transposed(theirs)?)?
            .abs()?
            .max_all()?
            .to_scalar::<f64>()?;
        ensure!(gap < 1e-14, "gradients of {here} differ by {gap}");
    }
    Ok(())
}

#[test]
fn both_have_the_gradients_of_their_definition() -> Result<()> {
    let x = filled((3, 1, 3, 4), 1, 4.0, DType::F64, &DEVICE)?;
    let y = Tensor::new(&[0u32, 3, 1], &DEVICE)?;
    let check = |params: &ParamStore, model: &dyn Network| {
        let parameters: Vec<_> = params
            .parameters()
            .into_iter()
            .map(|(_, parameter)| parameter)
            .collect();
        check_gradients(
            &parameters,
            || cross_entropy(&model.forward(&x, Mode::Evaluate)?, &y),
            1e-6,
        )
    };
    let params = store();
    check(
        &params,
        &scratch::Mlp::new(SIZES, &Initializer::PytorchDefault, &params)?,
    )?;
    let params = store();
    check(
        &params,
        &concise_mlp(SIZES, &Initializer::PytorchDefault, &params)?,
    )
}
