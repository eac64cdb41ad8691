//! The same numbers as PyTorch: `golden.json`, made by `scripts/pytorch/golden_nn.py`, which says what it holds.

#![allow(clippy::expect_used)] // in the tests' helpers, as in the tests

mod support;

use candle_core::backprop::GradStore;
use candle_core::{DType, Device, Result, Tensor, Var};
use d2l_nn::testing::{filled, hash};
use d2l_nn::{
    Adadelta, Adagrad, Adam, Initializer, Optimizer, ParamGroup, ParamStore, RmsProp, Schedule,
    Sgd, Yogi, backward,
};
use serde_json::Value;
use support::{TYPES, assert_close, entries, numbers};

const CPU: Device = Device::Cpu;
const RATE: f64 = 0.1;

fn golden() -> Value {
    serde_json::from_str(include_str!("golden.json")).expect("golden.json is JSON")
}

/// The optimizers and schedules that were added later, made by `scripts/pytorch/golden_optimizers.py`.
fn golden_optimizers() -> Value {
    let text = include_str!("golden/optimizers.json");
    serde_json::from_str(text).expect("optimizers.json is JSON")
}

#[test]
fn the_filler_is_the_same() -> Result<()> {
    let x = filled(5, 1, 2.0, DType::F64, &CPU)?;
    assert_eq!(entries(&x)?, numbers(&golden()["filled"]));
    Ok(())
}

#[test]
fn cross_entropy_has_pytorchs_value_and_gradient() -> Result<()> {
    for (name, case) in golden()["losses"].as_object().expect("cases") {
        if !name.starts_with("cross entropy") {
            continue;
        }
        let size = |key: &str| case[key].as_u64().expect("a size") as usize;
        let (batch, classes) = (size("batch"), size("classes"));
        let targets: Vec<u32> = (0..batch as u32)
            .map(|i| hash(i, 99) % classes as u32)
            .collect();
        let targets = Tensor::new(targets, &CPU)?;
        for (dtype, tolerance) in TYPES {
            let scale = case["scale"].as_f64().expect("a scale");
            let logits = Var::from_tensor(&filled((batch, classes), 1, scale, dtype, &CPU)?)?;
            let loss = d2l_nn::cross_entropy(&logits, &targets)?;
            let gradients = backward(&(&loss * 3.0)?)?;
            let gradient = entries(gradients.get(&logits).expect("a gradient"))?;
            assert_close(
                &entries(&loss)?,
                &[case["loss"].as_f64().expect("a loss")],
                tolerance,
                name,
            );
            assert_close(&gradient, &numbers(&case["gradient"]), tolerance, name);
        }
    }
    Ok(())
}

#[test]
fn mse_loss_has_pytorchs_value_and_gradients() -> Result<()> {
    let case = &golden()["losses"]["mse"];
    for (dtype, tolerance) in TYPES {
        let prediction = Var::from_tensor(&filled((6, 2), 4, 2.0, dtype, &CPU)?)?;
        let target = Var::from_tensor(&filled((6, 2), 5, 2.0, dtype, &CPU)?)?;
        let loss = d2l_nn::mse_loss(&prediction, &target)?;
        let gradients = backward(&loss)?;
        assert_close(
            &entries(&loss)?,
            &[case["loss"].as_f64().expect("a loss")],
            tolerance,
            "loss",
        );
        for (name, var) in [("prediction", &prediction), ("target", &target)] {
            let gradient = entries(gradients.get(var).expect("a gradient"))?;
            assert_close(&gradient, &numbers(&case[name]), tolerance, name);
        }
    }
    Ok(())
}

fn optimizer(case: &str, weight: &Var, bias: &Var) -> Result<Box<dyn Optimizer>> {
    let group = |names: &[(&str, &Var)], learning_rate_factor, weight_decay| ParamGroup {
        parameters: names
            .iter()
            .map(|&(name, var)| (name.to_string(), var.clone()))
            .collect(),
        learning_rate_factor,
        weight_decay,
    };
    let one = |decay| vec![group(&[("weight", weight), ("bias", bias)], 1.0, decay)];
    let two = || {
        vec![
            group(&[("weight", weight)], 1.0, 0.01),
            group(&[("bias", bias)], 10.0, 0.0),
        ]
    };
    Ok(match case {
        "sgd" => Box::new(Sgd::new(one(0.0), RATE, 0.0, false)?),
        "sgd decay" => Box::new(Sgd::new(one(0.1), RATE, 0.0, false)?),
        "sgd momentum" | "sgd momentum skipped" => Box::new(Sgd::new(one(0.1), RATE, 0.9, false)?),
        "sgd nesterov" => Box::new(Sgd::new(one(0.1), RATE, 0.9, true)?),
        "sgd momentum groups" => Box::new(Sgd::new(two(), RATE, 0.9, false)?),
        "adam" => Box::new(Adam::new(one(0.0), RATE)?),
        "adam decay" => Box::new(
            Adam::new(one(0.1), RATE)?
                .with_betas(0.8, 0.99)?
                .with_epsilon(1e-3)?,
        ),
        "adam groups" => Box::new(Adam::new(two(), RATE)?),
        "adam skipped" => Box::new(Adam::new(one(0.1), RATE)?),
        "adamw" => Box::new(Adam::decoupled(one(0.1), RATE)?),
        "adamw groups" => Box::new(Adam::decoupled(two(), RATE)?),
        "adagrad" => Box::new(Adagrad::new(one(0.0), RATE)?),
        "adagrad decay" => Box::new(Adagrad::new(one(0.1), RATE)?.with_epsilon(1e-3)?),
        "adagrad groups" => Box::new(Adagrad::new(two(), RATE)?),
        "rmsprop" | "rmsprop skipped" => Box::new(RmsProp::new(one(0.1), RATE, 0.99, 0.0, false)?),
        "rmsprop momentum" => Box::new(RmsProp::new(one(0.0), RATE, 0.9, 0.8, false)?),
        "rmsprop centered" => Box::new(RmsProp::new(one(0.0), RATE, 0.9, 0.0, true)?),
        "rmsprop all" => Box::new(RmsProp::new(two(), RATE, 0.9, 0.8, true)?.with_epsilon(1e-3)?),
        "adadelta" => Box::new(Adadelta::new(one(0.0), RATE)?),
        "adadelta decay" => Box::new(
            Adadelta::new(one(0.1), RATE)?
                .with_rho(0.8)?
                .with_epsilon(1e-3)?,
        ),
        "adadelta groups" => Box::new(Adadelta::new(two(), RATE)?),
        "yogi" => Box::new(Yogi::new(one(0.0), RATE)?),
        "yogi decay" => Box::new(
            Yogi::new(one(0.1), RATE)?
                .with_betas(0.8, 0.9)?
                .with_epsilon(1e-2)?,
        ),
        _ => panic!("golden.json has the case {case}, which this test does not know"),
    })
}

/// A store that holds exactly these gradients: those of Σ w · g.
fn gradients(pairs: &[(&Var, &Tensor)]) -> Result<GradStore> {
    let products = pairs
        .iter()
        .map(|(var, gradient)| (var.as_tensor() * *gradient)?.sum_all());
    let sums = products.collect::<Result<Vec<_>>>()?;
    backward(&Tensor::stack(&sums, 0)?.sum_all()?)
}

#[test]
fn some_steps_of_every_optimizer_end_where_pytorchs_do() -> Result<()> {
    let (few, more) = (golden(), golden_optimizers());
    let few = few["steps"].as_object().expect("cases");
    let more = more["steps"].as_object().expect("cases");
    let cases = few.iter().map(|(case, wanted)| (3, case, wanted));
    let cases = cases.chain(more.iter().map(|(case, wanted)| (5, case, wanted)));
    for (steps, case, wanted) in cases {
        for (dtype, tolerance) in TYPES {
            let weight = Var::from_tensor(&filled((5, 3), 2, 1.0, dtype, &CPU)?)?;
            let bias = Var::from_tensor(&filled(3, 3, 1.0, dtype, &CPU)?)?;
            let mut optimizer = optimizer(case, &weight, &bias)?;
            for t in 0..steps {
                let of_weight = filled((5, 3), 10 + 2 * t, 1.0, dtype, &CPU)?;
                let of_bias = filled(3, 11 + 2 * t, 1.0, dtype, &CPU)?;
                let mut pairs = vec![(&weight, &of_weight), (&bias, &of_bias)];
                if case.ends_with("skipped") && t == 1 {
                    pairs.pop();
                }
                optimizer.step(&gradients(&pairs)?)?;
            }
            assert_close(
                &entries(&weight)?,
                &numbers(&wanted["weight"]),
                tolerance,
                case,
            );
            assert_close(&entries(&bias)?, &numbers(&wanted["bias"]), tolerance, case);
        }
    }
    Ok(())
}

#[test]
fn schedules_give_pytorchs_rates() -> anyhow::Result<()> {
    let (some, more) = (golden(), golden_optimizers());
    let schedules =
        [&some["schedules"], &more["schedules"]].map(|all| all.as_object().expect("schedules"));
    for (text, wanted) in schedules.into_iter().flatten() {
        let schedule: Schedule = text.parse()?;
        let wanted = numbers(wanted);
        let rates: Vec<f64> = (0..wanted.len())
            .map(|epoch| schedule.learning_rate(0.5, epoch, wanted.len()))
            .collect();
        assert_close(&rates, &wanted, 1e-14, text);
    }
    Ok(())
}

#[test]
fn clipping_gives_pytorchs_norm_and_gradients() -> Result<()> {
    let case = &golden()["clipping"];
    let tensors = [
        filled((4, 3), 20, 2.0, DType::F64, &CPU)?,
        filled(7, 21, 2.0, DType::F64, &CPU)?,
    ];
    let vars = [
        Var::zeros((4, 3), DType::F64, &CPU)?,
        Var::zeros(7, DType::F64, &CPU)?,
    ];
    let pairs = [(&vars[0], &tensors[0]), (&vars[1], &tensors[1])];
    let parameters: Vec<(String, Var)> = vars
        .iter()
        .map(|var| ("w".to_string(), var.clone()))
        .collect();

    let mut by_norm = gradients(&pairs)?;
    let norm = d2l_nn::clip_gradient_norm(&parameters, &mut by_norm, 0.5)?;
    assert_close(
        &[norm],
        &[case["norm"].as_f64().expect("a norm")],
        1e-15,
        "norm",
    );
    let mut by_value = gradients(&pairs)?;
    d2l_nn::clip_gradient_value(&parameters, &mut by_value, 0.25)?;
    for (i, var) in vars.iter().enumerate() {
        let entries_of = |store: &GradStore| entries(store.get(var).expect("a gradient"));
        assert_close(
            &entries_of(&by_norm)?,
            &numbers(&case["by_norm"][i]),
            1e-15,
            "by norm",
        );
        assert_close(
            &entries_of(&by_value)?,
            &numbers(&case["by_value"][i]),
            1e-15,
            "by value",
        );
    }
    Ok(())
}

#[test]
fn initial_values_have_pytorchs_spread() -> anyhow::Result<()> {
    for (text, wanted) in golden()["initial"].as_object().expect("rules") {
        let initializer: Initializer = text.parse()?;
        let layers = 20;
        for part in ["weight", "bias"] {
            let (mut largest, mut std) = (0.0, 0.0);
            for layer in 0..layers {
                let store = ParamStore::new(layer, &CPU);
                d2l_nn::linear(784, 256, &initializer, store.builder())?;
                let (_, var) = store
                    .parameters()
                    .into_iter()
                    .find(|(name, _)| name == part)
                    .expect("made");
                let values = entries(&var)?;
                let n = values.len() as f64;
                let mean = values.iter().sum::<f64>() / n;
                let variance = values
                    .iter()
                    .map(|value| (value - mean).powi(2))
                    .sum::<f64>()
                    / n;
                largest +=
                    values.iter().fold(0f64, |max, value| max.max(value.abs())) / layers as f64;
                std += variance.sqrt() / layers as f64;
            }
            // The standard errors of 20 layers of 200,704 weights are below 0.1 %, of 20 biases of 256 about 1 %;
            // the largest of a normal draw varies more.
            let tolerance = if part == "weight" { 0.002 } else { 0.04 };
            let wanted = &wanted[part];
            for (what, found, tolerance) in [("std", std, tolerance), ("largest", largest, 0.04)] {
                let wanted = wanted[what].as_f64().expect("a number");
                let close = (found - wanted).abs() <= tolerance * wanted;
                assert!(
                    close,
                    "{text}, {part}: {what} {found}, PyTorch has {wanted}"
                );
            }
        }
    }
    Ok(())
}
