use candle_core::{D, DType, Device, Var};

use super::*;
use crate::testing::{check_gradients, filled, hash};

const CPU: Device = Device::Cpu;

/// Value and gradient of Σ (y ∘ factors)², as f64.
fn of(x: &Var, y: Tensor) -> anyhow::Result<[Vec<f64>; 2]> {
    let factors = filled(y.shape(), 9, 2.0, y.dtype(), &CPU)?;
    let gradients = crate::backward(&(&y * factors)?.sqr()?.sum_all()?)?;
    let gradient = gradients.get(x).expect("a gradient").clone();
    let flat = |x: Tensor| x.flatten_all()?.to_dtype(DType::F64)?.to_vec1();
    Ok([flat(y)?, flat(gradient)?])
}

fn assert_same(a: &[Vec<f64>; 2], b: &[Vec<f64>; 2], tolerance: f64, what: &str) {
    for (a, b) in a.iter().flatten().zip(b.iter().flatten()) {
        let close = (a - b).abs() <= tolerance * b.abs().max(1.0);
        assert!(close, "{what}: {a} and {b}");
    }
}

fn function_of(function: Function, x: &Tensor, axis: usize) -> Result<Tensor> {
    match function {
        Function::Softmax => softmax(x, axis),
        Function::LogSoftmax => log_softmax(x, axis),
    }
}

#[test]
fn gradients_are_right_along_every_axis() -> anyhow::Result<()> {
    let x = Var::from_tensor(&filled((3, 4, 5), 1, 5.0, DType::F64, &CPU)?)?;
    let vars = std::slice::from_ref(&x);
    for function in [Function::Softmax, Function::LogSoftmax] {
        for axis in 0..3 {
            let f = |x: &Tensor| -> Result<Tensor> {
                let factors = filled(x.shape(), 9, 2.0, DType::F64, &CPU)?;
                (function_of(function, x, axis)? * factors)?
                    .sqr()?
                    .sum_all()
            };
            check_gradients(vars, || f(&x), 1e-7)?;
            check_gradients(vars, || f(&x.transpose(0, 2)?), 1e-7)?;
            check_gradients(vars, || f(&x.narrow(1, 1, 1)?), 1e-7)?;
            check_gradients(
                vars,
                || f(&x.narrow(0, 1, 1)?.broadcast_as((2, 4, 5))?),
                1e-7,
            )?;
            // an upstream gradient that is one number, broadcast
            check_gradients(
                vars,
                || {
                    function_of(function, &x, axis)?
                        .narrow(axis, 0, 2)?
                        .sum_all()
                },
                1e-7,
            )?;
        }
    }
    Ok(())
}

#[test]
fn the_kernel_and_the_definition_agree() -> anyhow::Result<()> {
    for (dtype, tolerance) in [(DType::F64, 1e-13), (DType::F32, 3e-6)] {
        for (shape, axis) in [
            (vec![1], 0),
            (vec![7, 33], 1),
            (vec![33, 7], 0),
            (vec![2, 9, 300], 1),
            (vec![3, 1, 1], 1),
            (vec![2, 3, 4, 17], 2),
        ] {
            let x = Var::from_tensor(&filled(&*shape, 1, 20.0, dtype, &CPU)?)?;
            for function in [Function::Softmax, Function::LogSoftmax] {
                let kernel = of(&x, function_of(function, &x, axis)?)?;
                let definition = of(&x, composed(&x, axis, function)?)?;
                // the squares of logarithms are up to 400
                assert_same(
                    &kernel,
                    &definition,
                    tolerance * 20.0,
                    &format!("{function:?} {shape:?} {axis}"),
                );
            }
        }
    }
    Ok(())
}

#[test]
fn large_numbers_do_not_overflow_and_minus_infinity_is_a_probability_of_zero() -> Result<()> {
    let lowest = f32::NEG_INFINITY;
    let x = Tensor::new(&[[1e30f32, 1e30, lowest], [-1e30, -1e30, lowest]], &CPU)?;
    for x in [(x.clone(), 1), (x.t()?.contiguous()?, 0)] {
        let y = softmax(&x.0, x.1)?.flatten_all()?.to_vec1::<f32>()?;
        assert_eq!(y.iter().filter(|&&y| y == 0.5).count(), 4, "{y:?}");
        assert_eq!(y.iter().filter(|&&y| y == 0.0).count(), 2, "{y:?}");
        let y = log_softmax(&x.0, x.1)?.flatten_all()?.to_vec1::<f32>()?;
        assert_eq!(y.iter().filter(|&&y| y == -2f32.ln()).count(), 4, "{y:?}");
        assert_eq!(y.iter().filter(|&&y| y == lowest).count(), 2, "{y:?}");
    }
    let none = Tensor::full(lowest, (2, 3), &CPU)?;
    for y in softmax(&none, D::Minus1)?.flatten_all()?.to_vec1::<f32>()? {
        assert!(y.is_nan());
    }
    Ok(())
}

/// (shape of x, mask): lengths of examples and of queries, and masks, with rows where nothing counts.
fn masks() -> Result<Vec<(Vec<usize>, Tensor)>> {
    let lens = Tensor::new(&[3u32, 0, 99], &CPU)?;
    let by_query = Tensor::from_iter((0..12).map(|i| hash(i, 97) % 6), &CPU)?.reshape((3, 4))?;
    let bits = |n: u32| {
        Tensor::from_iter(
            (0..n).map(|i| u8::from(!hash(i, 98).is_multiple_of(3))),
            &CPU,
        )
    };
    let none = Tensor::zeros((3, 1, 1), DType::U8, &CPU)?;
    Ok(vec![
        (vec![3, 5], lens.clone()),
        (vec![3, 4, 5], lens.clone()),
        (vec![3, 2, 4, 5], lens),
        (vec![3, 4, 5], by_query.clone()),
        (vec![3, 2, 4, 5], by_query),
        (vec![3, 4, 5], bits(60)?.reshape((3, 4, 5))?),
        (vec![3, 4, 5], bits(5)?),
        (vec![3, 4, 5], bits(20)?.reshape((4, 5))?),
        (vec![3, 2, 4, 5], bits(12)?.reshape((3, 1, 4, 1))?),
        (vec![3, 4, 5], none),
    ])
}

#[test]
fn masked_gradients_are_right_and_kernel_and_definition_agree() -> anyhow::Result<()> {
    for (shape, mask) in masks()? {
        for (dtype, tolerance) in [(DType::F64, 1e-13), (DType::F32, 2e-6)] {
            let x = Var::from_tensor(&filled(&*shape, 1, 6.0, dtype, &CPU)?)?;
            let kernel = of(&x, masked_softmax(&x, &mask)?)?;
            let definition = of(&x, masked::composed(&x, &mask)?)?;
            let what = format!("{shape:?} {:?}", mask.dims());
            assert_same(&kernel, &definition, tolerance, &what);
            if dtype == DType::F64 {
                let factors = filled(x.shape(), 9, 2.0, dtype, &CPU)?;
                let f = || (masked_softmax(&x, &mask)? * &factors)?.sqr()?.sum_all();
                check_gradients(std::slice::from_ref(&x), f, 1e-8)?;
            }
        }
    }
    Ok(())
}

/// D2L zh 10.3.1: what is beyond the length has no weight, and the rest adds up to 1.
#[test]
fn a_row_adds_up_to_one_and_one_without_positions_is_zero() -> Result<()> {
    let x = filled((3, 4, 5), 1, 6.0, DType::F64, &CPU)?;
    let y = masked_softmax(&x, &Tensor::new(&[2u32, 0, 5], &CPU)?)?;
    for (example, len) in [(0, 2), (1, 0), (2, 5)] {
        for row in y.get(example)?.to_vec2::<f64>()? {
            assert!(row[len..].iter().all(|&y| y == 0.0), "{row:?}");
            assert!(row[..len].iter().all(|&y| y > 0.0), "{row:?}");
            let sum: f64 = row.iter().sum();
            assert!(
                (sum - if len == 0 { 0.0 } else { 1.0 }).abs() < 1e-15,
                "{row:?}"
            );
        }
    }
    Ok(())
}

#[test]
fn what_does_not_fit_is_named() -> Result<()> {
    let x = Tensor::zeros((2, 3, 4), DType::F32, &CPU)?;
    assert!(softmax(&x, 3).is_err());
    let empty = Tensor::zeros((2, 0), DType::F32, &CPU)?;
    let error = log_softmax(&empty, 1).expect_err("no elements").to_string();
    assert!(
        error.contains("log_softmax: found an input [2, 0]"),
        "{error}"
    );
    for (shape, dtype) in [
        (vec![3], DType::U32),
        (vec![2, 4], DType::U32),
        (vec![2, 3, 4], DType::U32),
        (vec![3], DType::U8),
        (vec![2, 3, 4], DType::F32),
    ] {
        let mask = Tensor::zeros(&*shape, dtype, &CPU)?;
        let error = masked_softmax(&x, &mask).expect_err("the mask").to_string();
        let message = format!("found a mask {shape:?} {dtype:?} for an input [2, 3, 4]");
        assert!(error.contains(&message), "{error}");
    }
    Ok(())
}
