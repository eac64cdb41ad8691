//! Convolutions forward and backward: `cargo bench --profile dev -p d2l-nn --bench convolutions`, with
//! `RAYON_NUM_THREADS` threads.

use candle_core::{DType, Device, Module, Result, Var};
use d2l_nn::testing::filled;
use d2l_nn::{Conv2d, Conv2dConfig};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    divan::main();
}

/// Images, channels, side, filters, kernel, stride, padding, and whether the input needs a gradient.
#[derive(Debug, Clone, Copy)]
struct Case(usize, usize, usize, usize, usize, usize, usize, bool);

const CASES: [Case; 9] = [
    Case(256, 1, 28, 6, 5, 1, 2, false),
    Case(256, 6, 14, 16, 5, 1, 0, true),
    Case(64, 64, 32, 64, 3, 1, 1, true),
    Case(64, 128, 16, 128, 3, 1, 1, true),
    Case(64, 256, 8, 256, 3, 1, 1, true),
    Case(64, 512, 4, 512, 3, 1, 1, true),
    Case(64, 64, 16, 128, 3, 2, 1, true),
    Case(64, 64, 16, 128, 1, 2, 0, true),
    Case(16, 1, 96, 64, 7, 2, 3, false),
];

struct Setting {
    layer: Conv2d,
    x: Var,
    picture: candle_core::Tensor,
    needs_gradient: bool,
}

fn setting(case: Case) -> Result<Setting> {
    let Case(images, channels, side, filters, kernel, stride, padding, needs_gradient) = case;
    let filled = |shape: &[usize]| filled(shape, 1, 1.0, DType::F32, &Device::Cpu);
    let x = filled(&[images, channels, side, side])?;
    let weight = Var::from_tensor(&filled(&[filters, channels, kernel, kernel])?)?;
    let bias = Var::from_tensor(&filled(&[filters])?)?;
    let config = Conv2dConfig::default().stride(stride).padding(padding);
    Ok(Setting {
        layer: Conv2d::new(
            weight.as_tensor().clone(),
            Some(bias.as_tensor().clone()),
            config,
        ),
        x: Var::from_tensor(&x)?,
        picture: x,
        needs_gradient,
    })
}

#[divan::bench(args = CASES)]
fn forward(bencher: divan::Bencher, case: Case) {
    let setting = setting(case).expect("a layer");
    bencher.bench_local(|| setting.layer.forward(&setting.picture).expect("an output"));
}

#[divan::bench(args = CASES)]
fn forward_and_backward(bencher: divan::Bencher, case: Case) {
    let setting = setting(case).expect("a layer");
    bencher.bench_local(|| {
        let x = match setting.needs_gradient {
            true => setting.x.as_tensor(),
            false => &setting.picture,
        };
        setting
            .layer
            .forward(x)
            .expect("an output")
            .backward()
            .expect("gradients")
    });
}
