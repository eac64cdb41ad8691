//! Time of one training step of the book's multilayer perceptron (784-256-10, batch 256, SGD), as candle is usually
//! written and with this crate.
//!
//! RAYON_NUM_THREADS=1 cargo run -p d2l-nn --example mlp_step
//!
//! Prints medians and fastest times of the step and of each of its parts. If the machine does other work too, the
//! fastest times say more.

use std::time::Instant;

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::{Module, Optimizer as _, VarBuilder, VarMap};
use d2l_nn::testing::{filled, hash};
use d2l_nn::{Initializer, Optimizer as _, ParamGroup, ParamStore, Sgd, backward};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BATCH: usize = 256;
const STEPS: usize = 300;
const WARM_UP: usize = 30;
const RATE: f64 = 0.1;

fn main() -> Result<()> {
    let device = Device::Cpu;
    let x = filled((BATCH, 784), 1, 1.0, DType::F32, &device)?;
    let classes = Tensor::from_iter((0..BATCH as u32).map(|i| hash(i, 99) % 10), &device)?;

    let variables = VarMap::new();
    let vb = VarBuilder::from_varmap(&variables, DType::F32, &device);
    let hidden = candle_nn::linear(784, 256, vb.pp("hidden"))?;
    let output = candle_nn::linear(256, 10, vb.pp("output"))?;
    let mut sgd = candle_nn::SGD::new(variables.all_vars(), RATE)?;
    report("candle", || {
        let start = Instant::now();
        let logits = output.forward(&hidden.forward(&x)?.relu()?)?;
        let loss = candle_nn::loss::cross_entropy(&logits, &classes)?;
        let forward = start.elapsed().as_secs_f64();
        let gradients = backward(&loss)?;
        let backward = start.elapsed().as_secs_f64();
        sgd.step(&gradients)?;
        Ok([
            forward,
            backward - forward,
            start.elapsed().as_secs_f64() - backward,
        ])
    })?;

    let store = ParamStore::new(0, &device);
    let initializer = Initializer::PytorchDefault;
    let hidden = d2l_nn::linear(784, 256, &initializer, store.builder().pp("hidden"))?;
    let output = d2l_nn::linear(256, 10, &initializer, store.builder().pp("output"))?;
    let mut sgd = Sgd::new(vec![ParamGroup::new(store.parameters())], RATE, 0.0, false)?;
    report("d2l-nn", || {
        let start = Instant::now();
        let logits = output.forward(&d2l_nn::relu(&hidden.forward(&x)?)?)?;
        let loss = d2l_nn::cross_entropy(&logits, &classes)?;
        let forward = start.elapsed().as_secs_f64();
        let gradients = d2l_nn::backward(&loss)?;
        let backward = start.elapsed().as_secs_f64();
        sgd.step(&gradients)?;
        Ok([
            forward,
            backward - forward,
            start.elapsed().as_secs_f64() - backward,
        ])
    })
}

/// Runs `step`, which returns the seconds of its three parts, and prints them.
fn report(name: &str, mut step: impl FnMut() -> Result<[f64; 3]>) -> Result<()> {
    let mut times: [Vec<f64>; 4] = Default::default();
    for number in 0..WARM_UP + STEPS {
        let parts = step()?;
        if number >= WARM_UP {
            for (times, seconds) in
                times
                    .iter_mut()
                    .zip([parts.iter().sum(), parts[0], parts[1], parts[2]])
            {
                times.push(seconds);
            }
        }
    }
    for times in &mut times {
        times.sort_by(f64::total_cmp);
    }
    for (what, index) in [("median", STEPS / 2), ("fastest", 0)] {
        let [all, forward, backward, update] = [0, 1, 2, 3].map(|part| 1e3 * times[part][index]);
        println!(
            "{name:8} {what:8} {all:.3} ms: forward and loss {forward:.3}, backward {backward:.3}, SGD {update:.3}"
        );
    }
    Ok(())
}
