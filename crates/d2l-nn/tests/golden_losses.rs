//! Losses, softmaxes and embedding compute what PyTorch's do: `golden/losses.json`, made by
//! `scripts/pytorch/golden_losses.py`, which says what it holds. One, two and three threads give the same bits.

#![allow(clippy::expect_used)] // in the tests' helpers, as in the tests

mod support;

use candle_core::{DType, Device, Module, Result, Tensor, Var};
use d2l_nn::testing::{filled, hash};
use d2l_nn::{
    BinaryCrossEntropyOptions, CrossEntropyOptions, Embedding, FocalOptions, Initializer,
    ParamStore, Reduction, adaptive_softmax, backward, binary_cross_entropy_with_logits,
    cross_entropy_with, focal_loss, huber_loss, kl_divergence, l1_loss, log_softmax,
    masked_softmax, mse_loss_with, smooth_l1_loss, softmax,
};
use serde_json::Value;
use support::{TYPES, assert_close, assert_independent_of_threads, entries, numbers};

const CPU: Device = Device::Cpu;
const IGNORED: u32 = 7;

fn golden() -> Value {
    serde_json::from_str(include_str!("golden/losses.json")).expect("losses.json is JSON")
}

/// Classes `[n]`.
fn classes(n: u32, salt: u32, of: u32) -> Result<Tensor> {
    Tensor::from_iter((0..n).map(|i| hash(i, salt) % of), &CPU)
}

/// Value, and gradients of the value times the filler.
fn check(
    case: &Value,
    y: &Tensor,
    inputs: &[(&str, &Var)],
    tolerance: f64,
    what: &str,
) -> Result<()> {
    let factors = filled(y.elem_count(), 4, 2.0, y.dtype(), &CPU)?;
    let gradients = backward(&(y.flatten_all()? * factors)?.sum_all()?)?;
    assert_close(&entries(y)?, &numbers(&case["value"]), tolerance, what);
    assert_eq!(
        case.as_object().expect("a case").len(),
        1 + inputs.len(),
        "{what}"
    );
    for (name, input) in inputs {
        let found = entries(gradients.get(input).expect("a gradient"))?;
        assert_close(
            &found,
            &numbers(&case[*name]),
            tolerance,
            &format!("{what}: {name}"),
        );
    }
    Ok(())
}

fn reduction(name: &str) -> Reduction {
    match name {
        "mean" => Reduction::Mean,
        "batchmean" => Reduction::BatchMean,
        "sum" => Reduction::Sum,
        "none" => Reduction::None,
        _ => panic!("losses.json has {name}, which this test does not know"),
    }
}

#[test]
fn cross_entropy_has_pytorchs_values_and_gradients() -> Result<()> {
    let lens = Tensor::new(&[3u32, 0, 4], &CPU)?;
    for (name, case) in golden()["cross_entropy"].as_object().expect("cases") {
        let (kind, reduced) = name.split_once(' ').expect("two words");
        for (dtype, tolerance) in TYPES {
            let weights = (filled(5, 3, 1.0, dtype, &CPU)? + 0.6)?;
            let has = |own: &str| [own, "all"].contains(&kind);
            let mut targets = classes(12, 99, 5)?.to_vec1::<u32>()?;
            if has("ignored") {
                targets[1] = IGNORED;
                targets[10] = IGNORED;
            }
            let targets = Tensor::from_vec(targets, (3, 4), &CPU)?;
            let options = CrossEntropyOptions {
                ignore_index: has("ignored").then_some(IGNORED),
                label_smoothing: if has("smoothed") { 0.2 } else { 0.0 },
                class_weights: has("weighted").then_some(&weights),
                valid_lens: has("masked").then_some(&lens),
                reduction: reduction(reduced),
            };
            let x = Var::from_tensor(&filled((3, 4, 5), 1, 6.0, dtype, &CPU)?)?;
            let loss = cross_entropy_with(&x, &targets, options)?;
            check(case, &loss, &[("x", &x)], 5.0 * tolerance, name)?;
        }
    }
    Ok(())
}

fn element_loss(kind: &str, x: &Tensor, y: &Tensor, reduction: Reduction) -> Result<Tensor> {
    let weight = (filled(3, 5, 1.0, x.dtype(), &CPU)? + 0.5)?;
    let ones = || y.gt(0.0)?.to_dtype(y.dtype());
    let has = |what: &str| kind.ends_with(what) || kind.ends_with("both");
    match kind {
        "mse" => mse_loss_with(x, y, reduction),
        "l1" => l1_loss(x, y, reduction),
        "huber" => huber_loss(x, y, 0.7, reduction),
        "smooth_l1" => smooth_l1_loss(x, y, 0.7, reduction),
        "kl" => kl_divergence(&log_softmax(x, 1)?, &softmax(y, 1)?, false, reduction),
        "kl_log" => kl_divergence(&log_softmax(x, 1)?, &log_softmax(y, 1)?, true, reduction),
        "binary_focal" => {
            let options = FocalOptions { reduction, ..Default::default() };
            focal_loss(x, &ones()?, options)
        }
        "binary" | "binary_weight" | "binary_pos_weight" | "binary_both" => {
            let options = BinaryCrossEntropyOptions {
                weight: has("y_weight").then_some(&weight),
                pos_weight: has("pos_weight").then_some(&weight),
                reduction,
            };
            binary_cross_entropy_with_logits(x, &ones()?, options)
        }
        _ => panic!("losses.json has {kind}, which this test does not know"),
    }
}

#[test]
fn losses_of_elements_have_pytorchs_values_and_gradients() -> Result<()> {
    for (name, case) in golden()["elements"].as_object().expect("cases") {
        let (kind, reduced) = name.split_once(' ').expect("two words");
        for (dtype, tolerance) in TYPES {
            let (x, y) = (
                filled((4, 3), 1, 5.0, dtype, &CPU)?,
                filled((4, 3), 2, 5.0, dtype, &CPU)?,
            );
            let rest = x.flatten_all()?.narrow(0, 1, 11)?;
            let x =
                Tensor::cat(&[&y.flatten_all()?.narrow(0, 0, 1)?, &rest], 0)?.reshape((4, 3))?;
            let (x, y) = (Var::from_tensor(&x)?, Var::from_tensor(&y)?);
            // If the target is a variable, the definition runs; if it is a constant, the kernel.
            if !kind.starts_with("binary") {
                let loss = element_loss(kind, &x, &y, reduction(reduced))?;
                check(case, &loss, &[("x", &x), ("y", &y)], 10.0 * tolerance, name)?;
            }
            let loss = element_loss(kind, &x, &y.as_detached_tensor(), reduction(reduced))?;
            let mut case = case.clone();
            case.as_object_mut().expect("a case").remove("y");
            check(&case, &loss, &[("x", &x)], 10.0 * tolerance, name)?;
        }
    }
    Ok(())
}

#[test]
fn losses_do_not_depend_on_the_threads() -> Result<()> {
    let x = Var::from_tensor(&filled((5001, 31), 1, 9.0, DType::F32, &CPU)?)?;
    let y = filled((5001, 31), 2, 1.0, DType::F32, &CPU)?;
    let with_gradient = |loss: Tensor| support::with_gradient(&x, loss.sqr()?.sum_all()?);
    for reduction in [Reduction::Mean, Reduction::None] {
        for kind in [
            "mse",
            "l1",
            "huber",
            "smooth_l1",
            "kl",
            "binary_both",
            "binary_focal",
        ] {
            let three = (x.reshape((51677, 3))?, y.reshape((51677, 3))?);
            assert_independent_of_threads(|| {
                with_gradient(element_loss(kind, &three.0, &three.1, reduction)?)
            })?;
        }
        let weights = (filled(31, 3, 1.0, DType::F32, &CPU)? + 0.6)?;
        let targets = classes(5001, 99, 31)?;
        let options = CrossEntropyOptions {
            ignore_index: Some(IGNORED),
            label_smoothing: 0.2,
            class_weights: Some(&weights),
            valid_lens: None,
            reduction,
        };
        assert_independent_of_threads(|| {
            with_gradient(cross_entropy_with(&x, &targets, options)?)
        })?;
    }
    Ok(())
}

#[test]
fn softmaxes_have_pytorchs_values_and_gradients() -> Result<()> {
    for (name, case) in golden()["softmax"].as_object().expect("cases") {
        for (dtype, tolerance) in TYPES {
            let x = Var::from_tensor(&filled((3, 4, 5), 1, 6.0, dtype, &CPU)?)?;
            let y = match name.as_str() {
                "lengths of examples" => masked_softmax(&x, &Tensor::new(&[3u32, 0, 5], &CPU)?)?,
                "lengths of queries" => masked_softmax(&x, &classes(12, 97, 6)?.reshape((3, 4))?)?,
                "mask" => {
                    let mask = classes(60, 98, 3)?.gt(0u32)?.reshape((3, 4, 5))?;
                    masked_softmax(&x, &mask)?
                }
                _ => match name.split_once(' ').expect("two words") {
                    ("softmax", axis) => softmax(&x, axis.parse::<usize>().expect("an axis"))?,
                    (_, axis) => log_softmax(&x, axis.parse::<usize>().expect("an axis"))?,
                },
            };
            check(case, &y, &[("x", &x)], 2.0 * tolerance, name)?;
        }
    }
    Ok(())
}

#[test]
fn the_adaptive_softmax_has_pytorchs_values_and_gradients() -> Result<()> {
    let mut case = golden()["adaptive"].clone();
    let probabilities = case
        .as_object_mut()
        .and_then(|case| case.remove("log_probabilities"));
    let probabilities = numbers(&probabilities.expect("log probabilities"));
    for (dtype, tolerance) in TYPES {
        let store = ParamStore::with_dtype(0, dtype, &CPU);
        let init = Initializer::Zeros;
        let layer = adaptive_softmax((8, 11), &[3, 7], 2, &init, store.builder())?;
        let parameters = store.parameters();
        for (salt, (_, variable)) in (10..).zip(&parameters) {
            variable.set(&filled(variable.shape(), salt, 2.0, dtype, &CPU)?)?;
        }
        let x = Var::from_tensor(&filled((7, 8), 1, 4.0, dtype, &CPU)?)?;
        let loss = layer.loss(&x, &classes(7, 99, 11)?)?;
        let named = parameters
            .iter()
            .map(|(name, variable)| (name.as_str(), variable));
        let inputs: Vec<(&str, &Var)> = named.chain([("x", &x)]).collect();
        check(&case, &loss, &inputs, 5.0 * tolerance, "adaptive softmax")?;
        let found = entries(&layer.log_probabilities(&x)?)?;
        assert_close(&found, &probabilities, 5.0 * tolerance, "its probabilities");
    }
    Ok(())
}

#[test]
fn an_embedding_has_pytorchs_values_and_gradients() -> Result<()> {
    for (name, case) in golden()["embedding"].as_object().expect("cases") {
        for (dtype, tolerance) in TYPES {
            let weight = Var::from_tensor(&filled((6, 3), 1, 2.0, dtype, &CPU)?)?;
            let padding = (name == "padded").then_some(2);
            let layer = Embedding::new(weight.as_tensor().clone(), padding)?;
            let y = layer.forward(&classes(8, 99, 6)?.reshape((2, 4))?)?;
            check(case, &y, &[("weight", &weight)], tolerance, name)?;
        }
    }
    Ok(())
}

#[test]
fn softmaxes_and_embeddings_do_not_depend_on_the_threads() -> Result<()> {
    let x = Var::from_tensor(&filled((7, 101, 130), 1, 9.0, DType::F32, &CPU)?)?;
    let lens = classes(7, 99, 131)?;
    let with_gradient = |y: Tensor| -> Result<Vec<Tensor>> {
        let mut found = support::with_gradient(&x, y.sqr()?.sum_all()?)?;
        found.push(y);
        Ok(found)
    };
    for axis in 0..3 {
        assert_independent_of_threads(|| with_gradient(softmax(&x, axis)?))?;
        assert_independent_of_threads(|| with_gradient(log_softmax(&x, axis)?))?;
    }
    assert_independent_of_threads(|| with_gradient(masked_softmax(&x, &lens)?))?;

    let weight = Var::from_tensor(&filled((51, 70), 1, 2.0, DType::F32, &CPU)?)?;
    let layer = Embedding::new(weight.as_tensor().clone(), Some(3))?;
    let ids = classes(5000, 99, 51)?;
    assert_independent_of_threads(|| {
        let y = layer.forward(&ids)?;
        support::with_gradient(&weight, y.powf(3.0)?.sum_all()?)
    })
}
