//! Time of a training step of recurrent layers: forward, cross-entropy of a linear layer over all steps, backward.
//!
//! RAYON_NUM_THREADS=1 cargo run -p d2l-nn --example recurrent_step [rnn,gru,lstm] [SECONDS]
//!
//! Prints the fastest of all repetitions.

use std::time::Instant;

use candle_core::{Device, Module, Result, Tensor};
use d2l_nn::testing::hash;
use d2l_nn::{Initializer, Mode, Nonlinearity, ParamStore, RecurrentOptions, Reset};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Batch, steps, features, hidden units.
const SIZES: [(usize, usize, usize, usize); 2] = [(32, 35, 28, 256), (1024, 32, 28, 32)];

/// x to the outputs.
type Layer = Box<dyn Fn(&Tensor) -> Result<Tensor>>;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let names = arguments
        .next()
        .unwrap_or_else(|| "rnn,gru,lstm".to_string());
    let seconds = arguments
        .next()
        .and_then(|text| text.parse().ok())
        .unwrap_or(3.0);
    for size in SIZES {
        for name in names.split(',') {
            measure(name, size, seconds)?;
        }
    }
    Ok(())
}

fn measure(name: &str, size: (usize, usize, usize, usize), seconds: f64) -> Result<()> {
    let (batch, steps, features, hidden) = size;
    let device = Device::Cpu;
    let store = ParamStore::new(0, &device);
    let (rule, options) = (Initializer::PytorchDefault, RecurrentOptions::default());
    let vb = store.builder();
    let layer: Layer = match name {
        "rnn" => {
            let layer = d2l_nn::rnn(
                features,
                hidden,
                Nonlinearity::Tanh,
                options,
                &rule,
                vb.pp("rnn"),
            )?;
            Box::new(move |x| Ok(layer.forward_t(x, None, Mode::Evaluate)?.0))
        }
        "gru" | "gru-before" => {
            let reset = if name == "gru" {
                Reset::AfterProduct
            } else {
                Reset::BeforeProduct
            };
            let layer = d2l_nn::gru(features, hidden, reset, options, &rule, vb.pp("gru"))?;
            Box::new(move |x| Ok(layer.forward_t(x, None, Mode::Evaluate)?.0))
        }
        _ => {
            let layer = d2l_nn::lstm(features, hidden, options, &rule, vb.pp("lstm"))?;
            Box::new(move |x| Ok(layer.forward_t(x, None, Mode::Evaluate)?.0))
        }
    };
    let output = d2l_nn::linear(hidden, features, &rule, store.builder().pp("output"))?;
    let rows = steps * batch;
    let codes: Vec<f32> = (0..rows as u32)
        .flat_map(|i| {
            (0..features as u32).map(move |j| (hash(i, 1) % features as u32 == j) as u8 as f32)
        })
        .collect();
    let x = Tensor::from_vec(codes, (steps, batch, features), &device)?;
    let classes = Tensor::from_iter(
        (0..rows as u32).map(|i| hash(i, 99) % features as u32),
        &device,
    )?;

    let mut best = [f64::INFINITY; 2];
    let start = Instant::now();
    while start.elapsed().as_secs_f64() < seconds {
        let begin = Instant::now();
        let y = layer(&x)?.reshape((rows, hidden))?;
        let loss = d2l_nn::cross_entropy(&output.forward(&y)?, &classes)?;
        let forward = begin.elapsed().as_secs_f64();
        loss.backward()?;
        let backward = begin.elapsed().as_secs_f64() - forward;
        if forward + backward < best[0] + best[1] {
            best = [forward, backward];
        }
    }
    println!(
        "{name:10} B={batch} T={steps} H={hidden}: {:.2} ms (forward {:.2}, backward {:.2})",
        1e3 * (best[0] + best[1]),
        1e3 * best[0],
        1e3 * best[1]
    );
    Ok(())
}
