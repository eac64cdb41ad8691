//! Convolutions as in PyTorch: `golden/conv.json`, made by `scripts/pytorch/golden_conv.py`, which says what it holds.
//! One, two and three threads give the same bits.

#![allow(clippy::expect_used)] // in the tests' helpers, as in the tests

mod support;

use candle_core::{DType, Device, Module, Result, Tensor, Var};
use d2l_nn::testing::filled;
use d2l_nn::{Conv2d, Conv2dConfig, ConvTranspose2d, backward};
use serde_json::Value;
use support::{TYPES, assert_close, assert_independent_of_threads, entries, numbers, pair, sizes};

const CPU: Device = Device::Cpu;

fn variable(shape: &[usize], salt: u32, dtype: DType) -> Result<Var> {
    Var::from_tensor(&filled(shape, salt, 2.0, dtype, &CPU)?)
}

#[test]
fn values_and_gradients_are_pytorchs() -> Result<()> {
    let golden: Value = serde_json::from_str(include_str!("golden/conv.json")).expect("JSON");
    for case in golden["cases"].as_array().expect("cases") {
        let config = Conv2dConfig {
            stride: pair(&case["stride"]),
            padding: pair(&case["padding"]),
            dilation: pair(&case["dilation"]),
            groups: case["groups"].as_u64().expect("a number") as usize,
        };
        let op = case["op"].as_str().expect("a name");
        for (dtype, tolerance) in TYPES {
            let x = variable(&sizes(&case["x"]), 1, dtype)?;
            let weight = variable(&sizes(&case["weight"]), 2, dtype)?;
            let out = sizes(&case["out"]);
            let bias = variable(&out[1..2], 3, dtype)?;
            let (w, b) = (weight.as_tensor().clone(), Some(bias.as_tensor().clone()));
            let y = match op {
                "conv2d" => Conv2d::new(w, b, config).forward(&x)?,
                _ => ConvTranspose2d::new(w, b, config)
                    .output_padding(pair(&case["output_padding"]))
                    .forward(&x)?,
            };
            assert_eq!(y.dims(), out, "{op}");
            let gradients = backward(&(&y * filled(y.shape(), 4, 2.0, dtype, &CPU)?)?.sum_all()?)?;
            let gradient = |var: &Var| gradients.get(var).expect("a gradient").clone();
            for (name, found) in [
                ("y", y),
                ("dx", gradient(&x)),
                ("dw", gradient(&weight)),
                ("db", gradient(&bias)),
            ] {
                let what = format!("{name} of {op} {}, {dtype:?}", case["x"]);
                let found = entries(&found)?;
                let norm = found.iter().map(|x| x * x).sum::<f64>().sqrt();
                let at: Vec<f64> = sizes(&case[name]["at"]).iter().map(|&i| found[i]).collect();
                // Sums of up to two hundred products, each at most 1.
                let allowed = 30.0 * tolerance;
                assert_close(
                    &[norm],
                    &[case[name]["norm"].as_f64().expect("a norm")],
                    allowed,
                    &what,
                );
                assert_close(&at, &numbers(&case[name]["values"]), allowed, &what);
            }
        }
    }
    Ok(())
}

#[test]
fn threads_do_not_change_the_bits() -> Result<()> {
    let plain = Conv2dConfig::default();
    for (x, weight, config) in [
        ([70, 1, 28, 28], [6, 1, 5, 5], plain.padding(2)),
        ([19, 32, 16, 16], [48, 32, 3, 3], plain.padding(1)),
        ([40, 64, 4, 4], [128, 64, 3, 3], plain.padding(1)),
        ([9, 64, 16, 16], [128, 64, 3, 3], plain.padding(1).stride(2)),
        ([33, 96, 8, 8], [64, 96, 1, 1], plain),
    ] {
        let x = variable(&x, 1, DType::F32)?;
        let weight = variable(&weight, 2, DType::F32)?;
        let bias = variable(&weight.dims()[..1], 3, DType::F32)?;
        assert_independent_of_threads(|| {
            let (w, b) = (weight.as_tensor().clone(), Some(bias.as_tensor().clone()));
            let y = Conv2d::new(w, b, config).forward(&x)?;
            let gradients =
                backward(&(&y * filled(y.shape(), 4, 2.0, DType::F32, &CPU)?)?.sum_all()?)?;
            let mut found: Vec<Tensor> = [&x, &weight, &bias]
                .map(|var| gradients.get(var).expect("a gradient").clone())
                .into();
            found.push(y);
            Ok(found)
        })?;
    }
    Ok(())
}
