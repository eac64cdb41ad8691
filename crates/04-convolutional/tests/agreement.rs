//! By hand, with the library, in the book and in PyTorch: the same numbers.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use candle_core::{DType, Device, Tensor};
use convolutional::lenet::{concise, scratch};
use convolutional::resnet::ResNet18;
use d2l::nn::testing::{every_parameter_has_a_gradient, filled};
use d2l::nn::{Initializer, Mode, Network, ParamStore, Step, cross_entropy};

const DEVICE: Device = Device::Cpu;
const TRAIN: Mode = Mode::Train(Step {
    seed: 0,
    epoch: 1,
    step: 1,
});

#[test]
fn lenet_agrees_with_pytorch() -> Result<()> {
    let golden =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/golden/lenet.json");
    d2l::testing::check_against_golden(
        &golden,
        |params| concise::LeNet::new(10, &Initializer::Zeros, params),
        cross_entropy,
    )?;
    d2l::testing::check_against_golden(
        &golden,
        |params| scratch::LeNet::new(10, &Initializer::Zeros, params),
        cross_entropy,
    )
}

/// Outputs of a layer without the batch.
fn shapes(model: &impl Network, x: &Tensor) -> Result<Vec<(String, Vec<usize>)>> {
    let layers = model.layers(x)?.into_iter();
    Ok(layers
        .map(|(name, output)| (name, output.dims()[1..].to_vec()))
        .collect())
}

fn assert_shapes(found: Vec<(String, Vec<usize>)>, wanted: &[(&str, &[usize])]) {
    let found: Vec<(&str, &[usize])> = found
        .iter()
        .map(|(name, shape)| (name.as_str(), shape.as_slice()))
        .collect();
    assert_eq!(found, wanted);
}

#[test]
fn lenet_has_the_books_shapes() -> Result<()> {
    let params = ParamStore::new(0, &DEVICE);
    let model = concise::LeNet::new(10, &Initializer::Xavier, &params)?;
    let x = Tensor::zeros((2, 1, 28, 28), DType::F32, &DEVICE)?;
    let wanted: [(&str, &[usize]); 12] = [
        ("conv1", &[6, 28, 28]),
        ("sigmoid1", &[6, 28, 28]),
        ("pool1", &[6, 14, 14]),
        ("conv2", &[16, 10, 10]),
        ("sigmoid2", &[16, 10, 10]),
        ("pool2", &[16, 5, 5]),
        ("flatten", &[400]),
        ("dense1", &[120]),
        ("sigmoid3", &[120]),
        ("dense2", &[84]),
        ("sigmoid4", &[84]),
        ("output", &[10]),
    ];
    assert_shapes(shapes(&model, &x)?, &wanted);
    let by_hand = scratch::LeNet::new(10, &Initializer::Xavier, &ParamStore::new(0, &DEVICE))?;
    assert_shapes(shapes(&by_hand, &x)?, &wanted);
    ensure!(count(&params) == 61_706);
    Ok(())
}

fn count(params: &ParamStore) -> usize {
    let parameters = params.parameters();
    parameters.iter().map(|(_, var)| var.elem_count()).sum()
}

/// The table of zh 7.6 and en 8.6, at 224 × 224 and at the 96 × 96 that the book trains on.
#[test]
fn resnet_has_the_books_shapes() -> Result<()> {
    let params = ParamStore::new(0, &DEVICE);
    let model = ResNet18::new(1, 10, &Initializer::Xavier, &params)?;
    for (side, stages) in [(224, [56, 28, 14, 7]), (96, [24, 12, 6, 3])] {
        let x = Tensor::zeros((1, 1, side, side), DType::F32, &DEVICE)?;
        let [a, b, c, d] = stages;
        assert_shapes(
            shapes(&model, &x)?,
            &[
                ("conv", &[64, side / 2, side / 2]),
                ("norm", &[64, side / 2, side / 2]),
                ("max_pool", &[64, a, a]),
                ("stages.0", &[64, a, a]),
                ("stages.1", &[128, b, b]),
                ("stages.2", &[256, c, c]),
                ("stages.3", &[512, d, d]),
                ("global_avg_pool", &[512, 1, 1]),
                ("flatten", &[512]),
                ("output", &[10]),
            ],
        );
    }
    ensure!(
        count(&params) == 11_178_378,
        "{} parameters",
        count(&params)
    );
    Ok(())
}

#[test]
fn every_parameter_gets_a_gradient() -> Result<()> {
    let x = filled((4, 1, 28, 28), 1, 2.0, DType::F32, &DEVICE)?;
    let y = Tensor::new(&[0u32, 3, 1, 9], &DEVICE)?;
    let params = ParamStore::new(0, &DEVICE);
    let model = scratch::LeNet::new(10, &Initializer::Xavier, &params)?;
    let loss = cross_entropy(&model.forward_t(&x, TRAIN)?, &y)?;
    every_parameter_has_a_gradient(&params, &loss.backward()?)?;
    let params = ParamStore::new(0, &DEVICE);
    let model = ResNet18::new(1, 10, &Initializer::Xavier, &params)?;
    let x = filled((4, 1, 40, 40), 1, 2.0, DType::F32, &DEVICE)?;
    let loss = cross_entropy(&model.forward_t(&x, TRAIN)?, &y)?;
    // Batch normalisation takes the mean away, and with it what a bias in front of it adds: these gradients are rounding.
    every_parameter_has_a_gradient(&params, &loss.backward()?)
}

/// zh 6.2.1, en 7.2.1: the book's own example.
#[test]
fn cross_correlation_by_hand_is_the_books() -> Result<()> {
    let x = Tensor::arange(0f32, 9.0, &DEVICE)?.reshape((1, 1, 3, 3))?;
    let w = Tensor::arange(0f32, 4.0, &DEVICE)?.reshape((1, 1, 2, 2))?;
    let y = scratch::corr2d(&x, &w)?.reshape((2, 2))?;
    ensure!(y.to_vec2::<f32>()? == [[19.0, 25.0], [37.0, 43.0]]);
    Ok(())
}

/// A trained network says the same about a picture whatever else is in the batch; while training it doesn't.
#[test]
fn in_evaluation_examples_do_not_see_one_another() -> Result<()> {
    let params = ParamStore::new(0, &DEVICE);
    let model = ResNet18::new(1, 10, &Initializer::Xavier, &params)?;
    let x = filled((3, 1, 32, 32), 1, 2.0, DType::F32, &DEVICE)?;
    model.forward_t(&x, TRAIN)?; // moves the running statistics
    let together = model.forward_t(&x, Mode::Evaluate)?.narrow(0, 0, 1)?;
    let alone = model.forward_t(&x.narrow(0, 0, 1)?, Mode::Evaluate)?;
    let gap = (together - alone)?.abs()?.max_all()?.to_scalar::<f32>()?;
    let largest = model.forward_t(&x, Mode::Evaluate)?.abs()?.max_all()?;
    let largest = largest.to_scalar::<f32>().context("a number")?;
    ensure!(gap <= 1e-5 * largest, "they differ by {gap} of {largest}");
    Ok(())
}
