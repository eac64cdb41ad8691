//! Time of a pooling, forward and backward, f32.
//!
//! RAYON_NUM_THREADS=1 CANDLE_NUM_THREADS=1 cargo bench --profile dev -p d2l-nn --bench pools

#![allow(clippy::expect_used)] // a benchmark that can't run has nothing to hand an error to

use candle_core::{DType, Device, Result, Tensor, Var};
use d2l_nn::testing::filled;
use d2l_nn::{Pool2d, avg_pool2d, max_pool2d};
use divan::Bencher;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    divan::main();
}

fn bench(
    bencher: Bencher,
    shape: (usize, usize, usize, usize),
    f: impl Fn(&Tensor) -> Result<Tensor>,
) {
    let x = filled(shape, 1, 1.0, DType::F32, &Device::Cpu).expect("memory");
    let x = Var::from_tensor(&x).expect("memory");
    // Without a sum, backward starts from ones.
    bencher.bench_local(|| f(&x).and_then(|y| y.backward()).expect("a step"));
}

#[divan::bench]
fn max_2x2(bencher: Bencher) {
    bench(bencher, (256, 6, 28, 28), |x| {
        max_pool2d(x, &Pool2d::new(2))
    });
}

#[divan::bench]
fn max_3x3_stride_2(bencher: Bencher) {
    let pool = Pool2d::new(3).stride(2).padding(1);
    bench(bencher, (64, 64, 32, 32), |x| max_pool2d(x, &pool));
}

#[divan::bench]
fn average_2x2(bencher: Bencher) {
    bench(bencher, (256, 6, 28, 28), |x| {
        avg_pool2d(x, &Pool2d::new(2), true)
    });
}
