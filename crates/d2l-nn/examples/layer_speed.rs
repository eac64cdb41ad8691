//! Fastest time of forward and backward pass of single layers, to be set beside `scripts/pytorch/layer_speed.py`.
//!
//! CANDLE_NUM_THREADS=1 RAYON_NUM_THREADS=1 cargo run -p d2l-nn --example layer_speed

use std::time::Instant;

use candle_core::{DType, Device, Module, Result, Tensor, Var};
use d2l_nn::testing::filled;
use d2l_nn::{Mode, ParamStore, Step};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const REPETITIONS: usize = 60;
const TRAIN: Mode = Mode::Train(Step {
    seed: 0,
    epoch: 0,
    step: 0,
});

fn main() -> Result<()> {
    let elements = [1_200_000];
    report("sigmoid", &elements, d2l_nn::sigmoid)?;
    report("tanh", &elements, d2l_nn::tanh)?;
    report("gelu", &elements, d2l_nn::gelu)?;
    report("silu", &elements, d2l_nn::silu)?;
    report("elu", &elements, |x| d2l_nn::elu(x, 1.0))?;
    report("relu", &elements, d2l_nn::relu)?;
    report("softplus", &elements, d2l_nn::softplus)?;
    let store = ParamStore::new(0, &Device::Cpu);
    let layer = d2l_nn::batch_norm(64, store.builder())?;
    let images = [64, 64, 32, 32];
    report("batch norm", &images, |x| layer.forward_t(x, TRAIN))?;
    report("batch norm and relu", &images, |x| {
        layer.forward_t_relu(x, TRAIN)
    })?;
    let layer = d2l_nn::layer_norm(256, 1e-5, store.builder().pp("layer"))?;
    report("layer norm", &[2048, 256], |x| layer.forward(x))?;
    let layer = d2l_nn::group_norm(8, 64, 1e-5, store.builder().pp("group"))?;
    report("group norm", &images, |x| layer.forward(x))
}

/// Prints the fastest of many repetitions. The gradient of y is all ones, which candle makes in the backward pass and
/// PyTorch's script has ready.
fn report(name: &str, shape: &[usize], f: impl Fn(&Tensor) -> Result<Tensor>) -> Result<()> {
    let x = Var::from_tensor(&filled(shape, 1, 8.0, DType::F32, &Device::Cpu)?)?;
    let (mut forward, mut all) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..REPETITIONS {
        let start = Instant::now();
        let y = f(&x)?;
        forward = forward.min(start.elapsed().as_secs_f64());
        let gradients = y.backward()?;
        all = all.min(start.elapsed().as_secs_f64());
        drop(gradients);
    }
    println!(
        "{name:20} {:.2} ms, forward {:.2} ms",
        1e3 * all,
        1e3 * forward
    );
    Ok(())
}
