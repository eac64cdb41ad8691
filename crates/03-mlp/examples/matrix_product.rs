//! Why deep networks explode: the product of 100 matrices with entries from N(0, 1). D2L zh 4.8.1, en 5.4.1.
//!
//! `cargo run -p mlp --example matrix_product`
//!
//! A deep network without activations is such a product, and so is its gradient. If the variance is one over the number
//! of columns, which is the idea behind Xavier's and Kaiming's rules, the mean square of an entry stays 1. A single
//! product still drifts, but by orders of magnitude less.

use anyhow::Result;
use candle_core::{DType, Device, Tensor};
use d2l::random::{Purpose, Stream};

const SIDE: usize = 4;

fn main() -> Result<()> {
    println!("largest entry of the product of n random {SIDE} x {SIDE} matrices");
    println!("{:>5}  {:>12}  {:>12}", "n", "N(0, 1)", "N(0, 1/4)");
    let mut unit = Tensor::eye(SIDE, DType::F64, &Device::Cpu)?;
    let mut scaled = unit.clone();
    for n in 1..=100 {
        let draws = Stream::once(n, Purpose::Init, "matrix").normals(0.0, 1.0, SIDE * SIDE);
        let matrix = Tensor::from_vec(draws, (SIDE, SIDE), &Device::Cpu)?.to_dtype(DType::F64)?;
        unit = unit.matmul(&matrix)?;
        scaled = scaled.matmul(&(matrix / (SIDE as f64).sqrt())?)?;
        if [1, 2, 5, 10, 20, 50, 100].contains(&n) {
            println!(
                "{n:>5}  {:>12.3e}  {:>12.3e}",
                largest(&unit)?,
                largest(&scaled)?
            );
        }
    }
    Ok(())
}

fn largest(product: &Tensor) -> Result<f64> {
    Ok(product.abs()?.max_all()?.to_scalar()?)
}
