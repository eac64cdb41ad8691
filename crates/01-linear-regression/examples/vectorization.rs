//! Loops against tensor operations: adding two vectors, and multiplying two matrices. D2L zh 3.1.2, en 3.1.2.
//!
//! `cargo run -p linear-regression --example vectorization`

use std::hint::black_box;
use std::time::Instant;

use anyhow::{Result, ensure};
use candle_core::{Device, Tensor};

/// Numbers in a vector, as in the book.
const LENGTH: usize = 10_000;
/// Rows and columns of a matrix.
const SIDE: usize = 256;
/// How often each way is timed. The median is printed, since single times vary.
const REPEATS: usize = 31;

fn main() -> Result<()> {
    let device = Device::Cpu;
    let numbers = |count: usize, step: f32| -> Vec<f32> {
        (0..count).map(|i| (i as f32 * step).sin()).collect()
    };

    let (a, b) = (numbers(LENGTH, 0.1), numbers(LENGTH, 0.2));
    let (ta, tb) = (Tensor::new(&*a, &device)?, Tensor::new(&*b, &device)?);
    agree(&add_slices(&a, &b), &(&ta + &tb)?)?;
    agree(&add_elements(&ta, &tb)?, &(&ta + &tb)?)?;
    println!("adding two vectors of {LENGTH} numbers");
    let operation = median(|| Ok((&ta + &tb)?))?;
    show("one tensor operation", operation, operation);
    let slices = median(|| Ok(add_slices(black_box(&a), black_box(&b))))?;
    show("a loop over slices of f32", slices, operation);
    let elements = median(|| add_elements(&ta, &tb))?;
    show("a loop over a tensor's elements", elements, operation);

    let (a, b) = (numbers(SIDE * SIDE, 0.1), numbers(SIDE * SIDE, 0.2));
    let shape = (SIDE, SIDE);
    let (ta, tb) = (
        Tensor::from_slice(&a, shape, &device)?,
        Tensor::from_slice(&b, shape, &device)?,
    );
    agree(&multiply_slices(&a, &b), &ta.matmul(&tb)?.flatten_all()?)?;
    println!("\nthe product of two {SIDE} x {SIDE} matrices");
    let operation = median(|| Ok(ta.matmul(&tb)?))?;
    show("one tensor operation", operation, operation);
    let slices = median(|| Ok(multiply_slices(black_box(&a), black_box(&b))))?;
    show("three loops over slices of f32", slices, operation);
    Ok(())
}

/// c_i = a_i + b_i, element by element. The compiler turns the loop into instructions that add several at a time.
fn add_slices(a: &[f32], b: &[f32]) -> Vec<f32> {
    let mut c = vec![0.0; a.len()];
    for ((c, a), b) in c.iter_mut().zip(a).zip(b) {
        *c = a + b;
    }
    c
}

/// The same on tensors, element by element, as in the book's loop: each `get` makes a new tensor.
fn add_elements(a: &Tensor, b: &Tensor) -> Result<Vec<f32>> {
    let mut c = vec![0.0; a.dim(0)?];
    for (i, c) in c.iter_mut().enumerate() {
        *c = (a.get(i)? + b.get(i)?)?.to_scalar()?;
    }
    Ok(c)
}

/// C_ij = Σ_k A_ik B_kj by its definition.
fn multiply_slices(a: &[f32], b: &[f32]) -> Vec<f32> {
    let mut c = vec![0.0; SIDE * SIDE];
    for i in 0..SIDE {
        for j in 0..SIDE {
            let mut sum = 0.0;
            for k in 0..SIDE {
                sum += a[i * SIDE + k] * b[k * SIDE + j];
            }
            c[i * SIDE + j] = sum;
        }
    }
    c
}

/// An error if the two ways differ by more than rounding.
fn agree(ours: &[f32], tensor: &Tensor) -> Result<()> {
    let theirs: Vec<f32> = tensor.to_vec1()?;
    let gaps = ours.iter().zip(&theirs).map(|(a, b)| (a - b).abs());
    let gap = gaps.fold(0.0, f32::max);
    ensure!(
        ours.len() == theirs.len() && gap < 1e-3,
        "the loop and the tensor operation differ by {gap}"
    );
    Ok(())
}

/// Median of the seconds that `work` takes, after one call to warm up.
fn median<T>(work: impl Fn() -> Result<T>) -> Result<f64> {
    black_box(work()?);
    let mut seconds = Vec::new();
    for _ in 0..REPEATS {
        let start = Instant::now();
        black_box(work()?);
        seconds.push(start.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    Ok(seconds.get(REPEATS / 2).copied().unwrap_or(f64::NAN))
}

fn show(what: &str, seconds: f64, operation: f64) {
    let (microseconds, ratio) = (seconds * 1e6, seconds / operation);
    println!("  {what:<34}{microseconds:>10.1} µs{ratio:>10.1} times");
}
