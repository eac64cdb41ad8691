//! Gradients of a long recurrence in candle's operations and ours are PyTorch's: `golden/graph.json`, made by
//! `scripts/pytorch/golden_graph.py`, which says what it holds.

#![allow(clippy::expect_used)] // in the tests' helpers, as in the tests

mod support;

use candle_core::{DType, Device, Module, Result, Tensor, Var};
use d2l_nn::testing::filled;
use d2l_nn::{Linear, backward, boundary, sigmoid, tanh};
use serde_json::Value;
use support::{assert_close, entries, numbers};

const CPU: Device = Device::Cpu;

#[test]
fn five_hundred_steps_have_pytorchs_gradients() -> Result<()> {
    let golden: Value = serde_json::from_str(include_str!("golden/graph.json")).expect("JSON");
    let (steps, batch, features, hidden) = (500, 2, 3, 4);
    // Sums of 500 steps.
    for (dtype, tolerance) in [(DType::F64, 1e-12), (DType::F32, 2e-4)] {
        let var = |shape: &[usize], salt, scale| {
            Var::from_tensor(&filled(shape, salt, scale, dtype, &CPU)?)
        };
        let x = (0..steps).map(|t| {
            let all = filled((steps, batch, features), 1, 2.0, dtype, &CPU)?;
            Var::from_tensor(&all.get(t)?)
        });
        let x = x.collect::<Result<Vec<Var>>>()?;
        let start = var(&[batch, hidden], 2, 1.0)?;
        let [w_z, b_z] = [
            var(&[hidden, features + hidden], 3, 2.0)?,
            var(&[hidden], 4, 2.0)?,
        ];
        let [w_n, b_n] = [
            var(&[hidden, features + hidden], 5, 2.0)?,
            var(&[hidden], 6, 2.0)?,
        ];
        let layer =
            |w: &Var, b: &Var| Linear::new(w.as_tensor().clone(), Some(b.as_tensor().clone()));
        let (update, candidate) = (layer(&w_z, &b_z)?, layer(&w_n, &b_n)?);

        let mut h = start.as_tensor().clone();
        let mut states = Vec::with_capacity(steps);
        for x in &x {
            let u = Tensor::cat(&[x.as_tensor(), &h], 1)?;
            let z = sigmoid(&update.forward(&u)?)?;
            let n = tanh(&candidate.forward(&u)?)?;
            h = boundary(&((&z * &h)? + ((1.0 - &z)? * n)?)?)?;
            states.push(h.clone());
        }
        let states = Tensor::stack(&states, 0)?;
        let loss = (&states * filled(states.shape(), 7, 2.0, dtype, &CPU)?)?.sum_all()?;

        let wanted = golden["loss"].as_f64().expect("a number");
        assert_close(&entries(&loss)?, &[wanted], tolerance, "the loss");
        assert_close(&entries(&h)?, &numbers(&golden["h"]), tolerance, "h");
        let gradients = backward(&loss)?;
        for (name, var) in [
            ("h", &start),
            ("w_z", &w_z),
            ("b_z", &b_z),
            ("w_n", &w_n),
            ("b_n", &b_n),
            ("x_first", &x[0]),
            ("x_last", &x[steps - 1]),
        ] {
            let found = entries(gradients.get(var).expect("a gradient"))?;
            let wanted = numbers(&golden["gradients"][name]);
            assert_close(&found, &wanted, tolerance, name);
        }
    }
    Ok(())
}
