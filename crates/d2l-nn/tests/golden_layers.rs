//! The same numbers as PyTorch: `golden/layers.json`, made by `scripts/pytorch/golden_layers.py`, which says what it
//! holds. One, two and three threads give the same bits.

#![allow(clippy::expect_used)] // in the tests' helpers, as in the tests

mod support;

use candle_core::{DType, Device, Module, Result, Tensor, Var};
use d2l_nn::testing::filled;
use d2l_nn::{Mode, ParamStore, Step, backward};
use serde_json::Value;
use support::{
    TYPES, assert_close, assert_independent_of_threads, entries, numbers, with_gradient,
};

const CPU: Device = Device::Cpu;
const TRAIN: Mode = Mode::Train(Step { seed: 0, epoch: 0, step: 0 });

fn golden() -> Value {
    serde_json::from_str(include_str!("golden/layers.json")).expect("layers.json is JSON")
}

fn activation(name: &str, x: &Tensor) -> Result<Tensor> {
    match name {
        "relu" => d2l_nn::relu(x),
        "leaky_relu" => d2l_nn::leaky_relu(x, 0.1),
        "elu" => d2l_nn::elu(x, 1.5),
        "sigmoid" => d2l_nn::sigmoid(x),
        "tanh" => d2l_nn::tanh(x),
        "gelu" => d2l_nn::gelu(x),
        "gelu_tanh" => d2l_nn::gelu_tanh(x),
        "silu" => d2l_nn::silu(x),
        "softplus" => d2l_nn::softplus(x),
        _ => panic!("layers.json has {name}, which this test does not know"),
    }
}

#[test]
fn activations_have_pytorchs_values_and_gradients() -> Result<()> {
    for (name, case) in golden()["activations"].as_object().expect("cases") {
        for (dtype, tolerance) in TYPES {
            let rest = filled(40, 1, 12.0, dtype, &CPU)?.narrow(0, 1, 39)?;
            let zero = Tensor::zeros(1, dtype, &CPU)?;
            let x = Var::from_tensor(&Tensor::cat(&[&zero, &rest], 0)?)?;
            let y = activation(name, &x)?;
            let gradients = backward(&(&y * filled(40, 2, 2.0, dtype, &CPU)?)?)?;
            let dx = entries(gradients.get(&x).expect("a gradient"))?;
            assert_close(&entries(&y)?, &numbers(&case["y"]), tolerance, name);
            assert_close(&dx, &numbers(&case["dx"]), tolerance, name);
        }
    }
    Ok(())
}

#[test]
fn activations_do_not_depend_on_the_threads() -> Result<()> {
    let x = Var::from_tensor(&filled(123_457, 1, 12.0, DType::F32, &CPU)?)?;
    for name in golden()["activations"].as_object().expect("cases").keys() {
        assert_independent_of_threads(|| {
            let y = activation(name, &x)?;
            let mut found = with_gradient(&x, y.sum_all()?)?;
            found.push(y);
            Ok(found)
        })?;
    }
    Ok(())
}

#[test]
fn batch_norm_has_pytorchs_values_gradients_and_statistics() -> Result<()> {
    let case = &golden()["batch_norm"];
    for (dtype, tolerance) in TYPES {
        let store = ParamStore::with_dtype(0, dtype, &CPU);
        let layer = d2l_nn::batch_norm(2, store.builder())?;
        let parameters = store.parameters(); // bias, weight
        for ((_, var), salt) in parameters.iter().zip([4, 3]) {
            var.set(&filled(2, salt, 1.0, dtype, &CPU)?)?;
        }
        let shape = (3, 2, 3, 5);
        let x = Var::from_tensor(&filled(shape, 1, 4.0, dtype, &CPU)?)?;
        layer.forward_t(&x, TRAIN)?;
        let y = layer.forward_t(&x, TRAIN)?;
        let gradients = backward(&(&y * filled(shape, 2, 2.0, dtype, &CPU)?)?)?;
        let check = |found: &Tensor, key: &str| -> Result<()> {
            assert_close(&entries(found)?, &numbers(&case[key]), tolerance * 5.0, key);
            Ok(())
        };
        check(&y, "y")?;
        check(gradients.get(&x).expect("a gradient"), "dx")?;
        for ((_, var), key) in parameters.iter().zip(["db", "dw"]) {
            check(gradients.get(var).expect("a gradient"), key)?;
        }
        for (name, var) in store.buffers() {
            check(&var, &name)?;
        }
        check(&layer.forward_t(&x, Mode::Evaluate)?, "evaluated")?;
    }
    Ok(())
}

#[test]
fn batch_norm_does_not_depend_on_the_threads() -> Result<()> {
    for shape in [vec![7, 5, 31, 33], vec![501, 129]] {
        let x = Var::from_tensor(&filled(&*shape, 1, 4.0, DType::F32, &CPU)?)?;
        for relu in [false, true] {
            assert_independent_of_threads(|| {
                let store = ParamStore::new(0, &CPU);
                let layer = d2l_nn::batch_norm(shape[1], store.builder())?;
                let y = match relu {
                    true => layer.forward_t_relu(&x, TRAIN)?,
                    false => layer.forward_t(&x, TRAIN)?,
                };
                let gradients = backward(&y.powf(3.0)?.sum_all()?)?;
                let mut found = vec![y, gradients.get(&x).expect("a gradient").clone()];
                for (_, var) in store.parameters() {
                    found.push(gradients.get(&var).expect("a gradient").clone());
                }
                for (_, var) in store.buffers() {
                    found.push(var.as_detached_tensor());
                }
                Ok(found)
            })?;
        }
    }
    Ok(())
}

fn row_norm(name: &str, channels: usize, store: &ParamStore) -> Result<Box<dyn Module>> {
    let vb = store.builder();
    Ok(match name {
        "layer" => Box::new(d2l_nn::layer_norm(channels, 1e-5, vb)?),
        "rms" => Box::new(d2l_nn::rms_norm(channels, 1e-6, vb)?),
        "group" => Box::new(d2l_nn::group_norm(2, channels, 1e-5, vb)?),
        "instance" => Box::new(d2l_nn::group_norm(channels, channels, 1e-5, vb)?),
        _ => panic!("layers.json has {name}, which this test does not know"),
    })
}

#[test]
fn other_normalisations_have_pytorchs_values_and_gradients() -> Result<()> {
    for (name, case) in golden()["row_norms"].as_object().expect("cases") {
        for (dtype, tolerance) in TYPES {
            let store = ParamStore::with_dtype(0, dtype, &CPU);
            let layer = row_norm(name, 6, &store)?;
            for (parameter, var) in store.parameters() {
                let salt = if parameter == "weight" { 3 } else { 4 };
                var.set(&filled(6, salt, 1.0, dtype, &CPU)?)?;
            }
            let of_rows = matches!(name.as_str(), "layer" | "rms");
            let shape = if of_rows { (3, 5, 6) } else { (3, 6, 5) };
            let x = Var::from_tensor(&filled(shape, 1, 4.0, dtype, &CPU)?)?;
            let y = layer.forward(&x)?;
            let gradients = backward(&(&y * filled(shape, 2, 2.0, dtype, &CPU)?)?)?;
            let mut found = vec![("y", y.clone())];
            found.push(("dx", gradients.get(&x).expect("a gradient").clone()));
            for (parameter, var) in store.parameters() {
                let key = if parameter == "weight" { "dw" } else { "db" };
                found.push((key, gradients.get(&var).expect("a gradient").clone()));
            }
            assert_eq!(found.len(), case.as_object().expect("a case").len());
            for (key, found) in found {
                let what = format!("{name} {key}");
                assert_close(
                    &entries(&found)?,
                    &numbers(&case[key]),
                    tolerance * 5.0,
                    &what,
                );
            }
        }
    }
    Ok(())
}

#[test]
fn other_normalisations_do_not_depend_on_the_threads() -> Result<()> {
    for name in ["layer", "rms", "group", "instance"] {
        let of_rows = matches!(name, "layer" | "rms");
        let shape = if of_rows { (7, 501, 66) } else { (7, 66, 501) };
        let x = Var::from_tensor(&filled(shape, 1, 4.0, DType::F32, &CPU)?)?;
        assert_independent_of_threads(|| {
            let store = ParamStore::new(0, &CPU);
            let y = row_norm(name, 66, &store)?.forward(&x)?;
            let gradients = backward(&y.powf(3.0)?.sum_all()?)?;
            let mut found = vec![y, gradients.get(&x).expect("a gradient").clone()];
            for (_, var) in store.parameters() {
                found.push(gradients.get(&var).expect("a gradient").clone());
            }
            Ok(found)
        })?;
    }
    Ok(())
}
