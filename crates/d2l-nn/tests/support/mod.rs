//! What the tests against stored numbers share.

#![allow(clippy::expect_used)] // in the tests' helpers, as in the tests
#![allow(dead_code)] // each test file uses a part

pub mod operations;
pub mod properties;

use candle_core::{DType, Result, Tensor, Var};
use d2l_nn::backward;
use serde_json::Value;

/// The numbers of a JSON list.
pub fn numbers(value: &Value) -> Vec<f64> {
    let values = value.as_array().expect("a list of numbers");
    values
        .iter()
        .map(|value| value.as_f64().expect("a number"))
        .collect()
}

/// The entries of a tensor as f64, in row-major order.
pub fn entries(tensor: &Tensor) -> Result<Vec<f64>> {
    tensor.flatten_all()?.to_dtype(DType::F64)?.to_vec1()
}

/// Asserts that each number is as PyTorch's, up to `tolerance` · max(1, |number|).
#[track_caller]
pub fn assert_close(found: &[f64], wanted: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), wanted.len(), "{what}");
    for (i, (found, wanted)) in found.iter().zip(wanted).enumerate() {
        let close = (found - wanted).abs() <= tolerance * wanted.abs().max(1.0);
        assert!(
            close,
            "{what}, entry {i}: found {found}, PyTorch has {wanted}"
        );
    }
}

/// (type, allowed difference) of a computation of some dozen operations.
pub const TYPES: [(DType, f64); 2] = [(DType::F64, 1e-13), (DType::F32, 2e-6)];

/// Asserts that `f` gives the same numbers on one, two and three threads.
pub fn assert_independent_of_threads(f: impl Fn() -> Result<Vec<Tensor>> + Sync) -> Result<()> {
    let bits = |threads: usize| -> Result<Vec<u64>> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .expect("a pool");
        let mut bits = Vec::new();
        for tensor in pool.install(&f)? {
            let numbers = tensor
                .flatten_all()?
                .to_dtype(DType::F64)?
                .to_vec1::<f64>()?;
            bits.extend(numbers.into_iter().map(f64::to_bits));
        }
        Ok(bits)
    };
    let one = bits(1)?;
    assert!(!one.is_empty());
    for threads in [2, 3] {
        assert!(
            one == bits(threads)?,
            "{threads} threads give other bits than one"
        );
    }
    Ok(())
}

/// The value of a loss and its gradient for `x`.
pub fn with_gradient(x: &Var, loss: Tensor) -> Result<Vec<Tensor>> {
    let gradients = backward(&loss)?;
    let gradient = gradients.get(x).expect("a gradient").clone();
    Ok(vec![loss, gradient])
}

/// The sizes of a JSON list.
pub fn sizes(value: &Value) -> Vec<usize> {
    numbers(value).into_iter().map(|n| n as usize).collect()
}

/// Two sizes of a JSON list.
pub fn pair(value: &Value) -> (usize, usize) {
    let sizes = sizes(value);
    (sizes[0], sizes[1])
}
