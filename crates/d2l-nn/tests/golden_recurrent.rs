//! The recurrent layers compute what PyTorch's do: `golden/recurrent.json`, made by
//! `scripts/pytorch/golden_recurrent.py`, which says what it holds. Also tested: threads, dropout, names, errors.

#![allow(clippy::expect_used)] // in the tests' helpers, as in the tests

mod support;

use candle_core::{DType, Device, Result, Tensor, Var};
use d2l_nn::testing::{every_parameter_has_a_gradient, filled};
use d2l_nn::{
    Initializer, Mode, Nonlinearity, ParamStore, RecurrentOptions, Reset, Step, backward, gru,
    lstm, peephole_lstm, rnn,
};
use serde_json::Value;
use support::{TYPES, assert_close, assert_independent_of_threads, entries, numbers};

const CPU: Device = Device::Cpu;
const RULE: Initializer = Initializer::PytorchDefault;
const HERE: Mode = Mode::Train(Step { seed: 1, epoch: 2, step: 3 });

/// A layer as a function of x, h and, if it has one, c, to y and the final states.
type Layer = Box<dyn Fn(&Tensor, Option<&[Tensor]>, Mode) -> Result<Vec<Tensor>> + Sync>;

fn layer(
    kind: &str,
    (features, hidden): (usize, usize),
    options: RecurrentOptions,
    store: &ParamStore,
) -> Result<Layer> {
    let vb = store.builder();
    let function = if kind == "rnn relu" {
        Nonlinearity::Relu
    } else {
        Nonlinearity::Tanh
    };
    let reset = if kind == "gru before" {
        Reset::BeforeProduct
    } else {
        Reset::AfterProduct
    };
    Ok(match kind {
        "rnn" | "rnn relu" => {
            let layer = rnn(features, hidden, function, options, &RULE, vb)?;
            Box::new(move |x, states, mode| {
                let (y, h) = layer.forward_t(x, states.map(|states| &states[0]), mode)?;
                Ok(vec![y, h])
            })
        }
        "gru" | "gru before" => {
            let layer = gru(features, hidden, reset, options, &RULE, vb)?;
            Box::new(move |x, states, mode| {
                let (y, h) = layer.forward_t(x, states.map(|states| &states[0]), mode)?;
                Ok(vec![y, h])
            })
        }
        _ => {
            let make = if kind == "lstm" { lstm } else { peephole_lstm };
            let layer = make(features, hidden, options, &RULE, vb)?;
            Box::new(move |x, states, mode| {
                let states = states.map(|states| (&states[0], &states[1]));
                let (y, (h, c)) = layer.forward_t(x, states, mode)?;
                Ok(vec![y, h, c])
            })
        }
    })
}

#[test]
fn values_and_gradients_are_pytorchs() -> Result<()> {
    let golden: Value = serde_json::from_str(include_str!("golden/recurrent.json")).expect("JSON");
    for (name, case) in golden["cases"].as_object().expect("cases") {
        let two = name.contains("two layers");
        let options = RecurrentOptions {
            num_layers: if two { 2 } else { 1 },
            bidirectional: two,
            batch_first: name.contains("batch first"),
            bias: !name.contains("without biases"),
            ..Default::default()
        };
        let kind = name.split(',').next().expect("a kind");
        for (dtype, tolerance) in TYPES {
            let store = ParamStore::with_dtype(0, dtype, &CPU);
            let layer = layer(kind, (3, 4), options, &store)?;
            let gradients = case["gradients"].as_object().expect("gradients");
            // PyTorch's order
            let names = gradients.keys().filter(|name| name.contains('_'));
            for (salt, name) in (10..).zip(names) {
                let parameters = store.parameters();
                let (_, var) = parameters
                    .iter()
                    .find(|(own, _)| own == name)
                    .expect("PyTorch's name");
                var.set(&filled(var.shape(), salt, 1.0, dtype, &CPU)?)?;
            }
            let number = if two { 4 } else { 1 };
            let var =
                |shape: &[usize], salt| Var::from_tensor(&filled(shape, salt, 2.0, dtype, &CPU)?);
            let inputs = [
                ("x", var(&[5, 2, 3], 1)?),
                ("h", var(&[number, 2, 4], 2)?),
                ("c", var(&[number, 2, 4], 3)?),
            ];
            let x = inputs[0].1.as_tensor();
            let x = if options.batch_first {
                x.transpose(0, 1)?
            } else {
                x.clone()
            };
            let states = [
                inputs[1].1.as_tensor().clone(),
                inputs[2].1.as_tensor().clone(),
            ];
            let found = layer(&x, Some(&states), Mode::Evaluate)?;
            let weights = filled(found[0].shape(), 4, 2.0, dtype, &CPU)?;
            let mut loss = (&found[0] * weights)?.sum_all()?;
            for state in &found[1..] {
                loss = (loss + state.sqr()?.sum_all()?)?;
            }
            for (what, tensor) in ["y", "h", "c"].iter().zip(&found) {
                let what = format!("{name}: {what}");
                let key = what.rsplit(' ').next().expect("a name");
                assert_close(
                    &entries(tensor)?,
                    &numbers(&case[key]),
                    10.0 * tolerance,
                    &what,
                );
            }
            let grads = backward(&loss)?;
            let again = backward(&loss)?; // what the first pass consumed is computed again
            let mut all: Vec<(String, Var)> = store.parameters();
            all.extend(
                inputs
                    .iter()
                    .map(|(name, var)| (name.to_string(), var.clone())),
            );
            all.retain(|(name, _)| gradients.contains_key(name));
            assert_eq!(all.len(), gradients.len(), "{name}");
            for (own, var) in all {
                for grads in [&grads, &again] {
                    let found = entries(grads.get(&var).expect("a gradient"))?;
                    let what = format!("{name}: gradient of {own}");
                    assert_close(&found, &numbers(&gradients[&own]), 10.0 * tolerance, &what);
                }
            }
        }
    }
    Ok(())
}

const KINDS: [&str; 6] = [
    "rnn",
    "rnn relu",
    "gru",
    "gru before",
    "lstm",
    "peephole lstm",
];

#[test]
fn one_two_and_three_threads_give_the_same_bits() -> Result<()> {
    for kind in KINDS {
        for (steps, batch, features, hidden) in [(5, 33, 7, 60), (4, 201, 3, 20), (3, 5, 20, 150)] {
            let store = ParamStore::new(0, &CPU);
            let options = RecurrentOptions { bidirectional: true, ..Default::default() };
            let layer = layer(kind, (features, hidden), options, &store)?;
            let x = Var::from_tensor(&filled((steps, batch, features), 1, 2.0, DType::F32, &CPU)?)?;
            assert_independent_of_threads(|| {
                let mut found = layer(&x, None, HERE)?;
                let sums = found.iter().map(|tensor| tensor.sqr()?.sum_all());
                let gradients =
                    backward(&Tensor::stack(&sums.collect::<Result<Vec<_>>>()?, 0)?.sum_all()?)?;
                for (_, var) in store.parameters() {
                    found.push(gradients.get(&var).expect("a gradient").clone());
                }
                found.push(gradients.get(&x).expect("a gradient").clone());
                Ok(found)
            })?;
        }
    }
    Ok(())
}

#[test]
fn dropout_acts_between_layers_while_training_alone() -> anyhow::Result<()> {
    for kind in KINDS {
        let store = ParamStore::new(0, &CPU);
        let options = RecurrentOptions { num_layers: 2, dropout: 0.5, ..Default::default() };
        let layer = layer(kind, (3, 8), options, &store)?;
        let x = filled((4, 6, 3), 1, 2.0, DType::F32, &CPU)?;
        let run = |mode| -> Result<[Vec<f64>; 2]> {
            let found = layer(&x, None, mode)?;
            Ok([entries(&found[1].get(0)?)?, entries(&found[1].get(1)?)?])
        };
        let (used, trained) = (run(Mode::Evaluate)?, run(HERE)?);
        assert_eq!(
            used[0], trained[0],
            "{kind}: the first layer sees no dropout"
        );
        assert_ne!(used[1], trained[1], "{kind}: the second does");
        assert_eq!(
            run(HERE)?,
            trained,
            "{kind}: the same draw at the same place"
        );
        let loss = layer(&x, None, HERE)?[0].sqr()?.sum_all()?;
        every_parameter_has_a_gradient(&store, &backward(&loss)?)?;
    }
    Ok(())
}

#[test]
fn nothing_is_learned_where_nothing_is_wanted() -> Result<()> {
    for kind in KINDS {
        let options = RecurrentOptions::default();
        let store = ParamStore::new(0, &CPU);
        let trained = layer(kind, (3, 8), options, &store)?;
        let x = filled((4, 6, 3), 1, 2.0, DType::F32, &CPU)?;
        let y = &trained(&x, None, HERE)?[0];
        let gradients = backward(&y.sum_all()?)?;
        assert!(gradients.get(&x).is_none(), "{kind}");
        let state = store.parameters().into_iter();
        let state = state
            .map(|(name, var)| (name, var.as_tensor().detach()))
            .collect();
        let frozen = candle_nn::VarBuilder::from_tensors(state, DType::F32, &CPU);
        if kind == "rnn" {
            let frozen = rnn(3, 8, Nonlinearity::Tanh, options, &RULE, frozen)?;
            let (same, _) = frozen.forward_t(&x, None, HERE)?;
            assert_eq!(
                entries(&same)?,
                entries(y)?,
                "the untracked pass keeps nothing"
            );
        }
    }
    Ok(())
}

#[test]
fn initial_values_lie_within_one_over_the_root_of_the_units() -> Result<()> {
    let store = ParamStore::new(0, &CPU);
    let _layer = layer("lstm", (100, 16), RecurrentOptions::default(), &store)?;
    for (name, var) in store.parameters() {
        let largest = entries(&var)?
            .into_iter()
            .fold(0f64, |max, x| max.max(x.abs()));
        assert!(largest <= 0.25 && largest > 0.2, "{name}: {largest}");
    }
    Ok(())
}

#[test]
fn wrong_shapes_are_named() -> Result<()> {
    let store = ParamStore::new(0, &CPU);
    let layer = layer("gru", (3, 4), RecurrentOptions::default(), &store)?;
    let zeros = |shape: &[usize]| Tensor::zeros(shape, DType::F32, &CPU);
    for (x, h, message) in [
        (
            zeros(&[5, 2, 4])?,
            None,
            "found an input of shape [5, 2, 4], wanted [steps, batch, 3]",
        ),
        (
            zeros(&[0, 2, 3])?,
            None,
            "one step and one example at least",
        ),
        (zeros(&[5, 3])?, None, "found an input of shape [5, 3]"),
        (
            zeros(&[5, 2, 3])?,
            Some(zeros(&[2, 4])?),
            "found a state of shape [2, 4], wanted [1, 2, 4]",
        ),
        (
            zeros(&[5, 2, 3])?.to_dtype(DType::F64)?,
            None,
            "found an input F64 and a state F64, wanted F32",
        ),
    ] {
        let error = layer(&x, h.map(|h| vec![h]).as_deref(), HERE)
            .expect_err(message)
            .to_string();
        assert!(error.contains(message), "{error}");
    }
    let options = RecurrentOptions { num_layers: 0, ..Default::default() };
    assert!(rnn(3, 4, Nonlinearity::Tanh, options, &RULE, store.builder()).is_err());
    Ok(())
}
