//! Time of one step of each optimizer over ten million parameters, f32, in ten tensors.
//!
//! RAYON_NUM_THREADS=1 cargo bench --profile dev -p d2l-nn --bench optimizers
//!
//! `scripts/pytorch/bench_optimizers.py` prints PyTorch's times for the same.

#![allow(clippy::expect_used)] // a benchmark that can't run has nothing to hand an error to

use candle_core::backprop::GradStore;
use candle_core::{DType, Device, Result, Tensor, Var};
use d2l_nn::testing::filled;
use d2l_nn::{Adadelta, Adagrad, Adam, Descent, Optimizer, ParamGroup, RmsProp, Sgd, Yogi};
use divan::Bencher;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const TENSORS: usize = 10;
const SHAPE: (usize, usize) = (1000, 1000);
const RATE: f64 = 1e-3;

fn main() {
    divan::main();
}

/// The parameters with weight decay 0.01, and gradients for them.
fn ten_million() -> Result<(ParamGroup, GradStore)> {
    let mut parameters = Vec::new();
    let mut sums = Vec::new();
    for salt in 0..TENSORS as u32 {
        let w = Var::from_tensor(&filled(SHAPE, salt, 1.0, DType::F32, &Device::Cpu)?)?;
        let gradient = filled(SHAPE, 100 + salt, 1.0, DType::F32, &Device::Cpu)?;
        sums.push((w.as_tensor() * gradient)?.sum_all()?);
        parameters.push((format!("w{salt}"), w));
    }
    let group = ParamGroup {
        weight_decay: 0.01,
        ..ParamGroup::new(parameters)
    };
    Ok((group, Tensor::stack(&sums, 0)?.sum_all()?.backward()?))
}

fn bench<R>(bencher: Bencher, make: impl Fn(Vec<ParamGroup>) -> Result<Descent<R>>)
where
    Descent<R>: Optimizer,
{
    let (group, gradients) = ten_million().expect("memory for the parameters");
    let mut optimizer = make(vec![group]).expect("valid settings");
    bencher.bench_local(|| optimizer.step(&gradients).expect("a step"));
}

#[divan::bench]
fn sgd(bencher: Bencher) {
    bench(bencher, |groups| Sgd::new(groups, RATE, 0.0, false));
}

#[divan::bench]
fn sgd_momentum(bencher: Bencher) {
    bench(bencher, |groups| Sgd::new(groups, RATE, 0.9, false));
}

#[divan::bench]
fn adagrad(bencher: Bencher) {
    bench(bencher, |groups| Adagrad::new(groups, RATE));
}

#[divan::bench]
fn rmsprop(bencher: Bencher) {
    bench(bencher, |groups| {
        RmsProp::new(groups, RATE, 0.9, 0.0, false)
    });
}

#[divan::bench]
fn rmsprop_centered_momentum(bencher: Bencher) {
    bench(bencher, |groups| RmsProp::new(groups, RATE, 0.9, 0.9, true));
}

#[divan::bench]
fn adadelta(bencher: Bencher) {
    bench(bencher, |groups| Adadelta::new(groups, RATE));
}

#[divan::bench]
fn adam(bencher: Bencher) {
    bench(bencher, |groups| Adam::new(groups, RATE));
}

#[divan::bench]
fn adamw(bencher: Bencher) {
    bench(bencher, |groups| Adam::decoupled(groups, RATE));
}

#[divan::bench]
fn yogi(bencher: Bencher) {
    bench(bencher, |groups| Yogi::new(groups, RATE));
}
