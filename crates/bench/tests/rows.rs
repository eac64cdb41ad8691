//! The rows, the program's protocol, and the PyTorch reference of each row in `scripts/bench/rows.py`.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use bench::rows::{ROWS, build};
use bench::{Args, Work, serve};
use d2l::nn::load_tensors;
use serde_json::Value;

/// The answers to some commands, one command per line.
fn answers(work: &mut dyn Work, commands: &str) -> Result<Vec<Value>> {
    let mut output = Vec::new();
    serve(work, commands.as_bytes(), &mut output)?;
    let lines = String::from_utf8(output)?;
    Ok(lines
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?)
}

#[test]
fn every_row_has_a_twin_of_its_name() -> Result<()> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/bench/rows.py");
    let text = std::fs::read_to_string(file).context(file)?;
    let (_, registry) = text
        .split_once("\nROWS: dict[str, Row] = {\n")
        .context("the registry's first line")?;
    let (registry, _) = registry.split_once("\n}\n").context("its end")?;
    let twins: BTreeSet<&str> = registry
        .lines()
        .filter_map(|line| Some(line.trim().strip_prefix('"')?.split_once("\":")?.0))
        .collect();
    assert!(twins.len() >= ROWS.len(), "found only {twins:?}");
    let names: BTreeSet<&str> = ROWS.iter().map(|row| row.name).collect();
    assert_eq!(names.len(), ROWS.len(), "two rows of one name");
    let alone: Vec<_> = names.difference(&twins).collect();
    assert!(
        alone.is_empty(),
        "without a PyTorch reference in {file}: {alone:?}"
    );
    Ok(())
}

#[test]
fn every_row_makes_steps_with_finite_values() -> Result<()> {
    for row in ROWS {
        let mut work = (row.build)()?;
        let answers = answers(work.as_mut(), "check 2\n")?;
        let steps = answers[0]["values"].as_array().context("values")?;
        assert_eq!(steps.len(), 2, "{}", row.name);
        for values in steps {
            let values = values.as_array().context("a list")?;
            assert!(!values.is_empty(), "{}", row.name);
            let finite = |value: &Value| value.as_f64().is_some_and(|value| value != 0.0);
            assert!(values.iter().all(finite), "{}: {values:?}", row.name);
        }
    }
    Ok(())
}

#[test]
fn names_give_the_sizes_of_models_that_grow() -> Result<()> {
    let parameters = |name: &str| -> Result<usize> {
        let mut work = build(name)?;
        let steps = answers(work.as_mut(), "check 1\n")?;
        assert!(
            steps[0]["values"][0][0]
                .as_f64()
                .is_some_and(f64::is_finite)
        );
        Ok(work
            .initial()
            .values()
            .map(candle_core::Tensor::elem_count)
            .sum())
    };
    let dense = |inputs: usize, outputs: usize| (inputs + 1) * outputs;
    assert_eq!(
        parameters("grow-mlp-4x32x3")?,
        dense(784, 32) + 2 * dense(32, 32) + dense(32, 10)
    );
    assert_eq!(
        parameters("grow-lstm-2x5x16")?,
        4 * (28 * 16 + 16 * 16 + 2 * 16) + dense(16, 28)
    );
    let block = 4 * dense(64, 64) + dense(64, 256) + dense(256, 64) + 4 * 64;
    assert_eq!(parameters("grow-encoder-2x8x64x2")?, 2 * block);
    for wrong in [
        "grow-mlp-4x32",
        "grow-gpt-1x2",
        "grow-mlp-axbxc",
        "grow-mlp",
    ] {
        assert!(
            build(wrong).is_err_and(|error| error.is::<d2l::Usage>()),
            "{wrong}"
        );
    }
    Ok(())
}

#[test]
fn training_goes_on_from_command_to_command() -> Result<()> {
    let loss = |commands: &str| -> Result<f64> {
        let answers = answers(build("mlp")?.as_mut(), commands)?;
        let last = answers.last().context("an answer")?["values"][0][0].clone();
        last.as_f64().context("a loss")
    };
    let (first, fourth) = (loss("check 1\n")?, loss("check 1\ntime 2\ncheck 1\n")?);
    assert!(
        fourth < first,
        "{fourth} after three steps, {first} at first"
    );
    assert_eq!(fourth, loss("time 3\ncheck 1\n")?, "the same four steps");
    Ok(())
}

#[test]
fn each_step_is_timed() -> Result<()> {
    let answers = answers(build("softmax")?.as_mut(), "time 3\n")?;
    let times = answers[0]["milliseconds"].as_array().context("times")?;
    assert_eq!(times.len(), 3);
    assert!(
        times
            .iter()
            .all(|time| time.as_f64().is_some_and(|time| time > 0.0))
    );
    Ok(())
}

#[test]
fn unknown_rows_and_commands_are_refused() -> Result<()> {
    let args = Args { model: Some("mpl".to_string()), save_init: None, list: false };
    let error = bench::run(&args).expect_err("no such row");
    assert!(error.is::<d2l::Usage>());
    let message = error.to_string();
    assert!(
        message.starts_with(
            "--model mpl: no such row; wanted grow-MODEL-SIZES or one of matrix-product, "
        ),
        "{message}"
    );

    let mut work = build("linear-regression")?;
    for command in ["check", "check x\n", "wait 3\n", "time -1\n"] {
        let error = answers(work.as_mut(), command).expect_err(command);
        assert!(
            error.to_string().contains("wanted `check N` or `time N`"),
            "{error}"
        );
    }
    Ok(())
}

#[test]
fn initial_parameters_have_pytorchs_names_and_shapes() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("init.safetensors");
    let work = build("mlp")?;
    d2l::nn::save_tensors(&file, &work.initial(), Default::default())?;
    let (tensors, _) = load_tensors(&file, &candle_core::Device::Cpu)?;
    let shapes: Vec<(&str, &[usize])> = tensors
        .iter()
        .map(|(name, tensor)| (name.as_str(), tensor.dims()))
        .collect();
    assert_eq!(
        shapes,
        [
            ("hidden.bias", &[256][..]),
            ("hidden.weight", &[256, 784]),
            ("output.bias", &[10]),
            ("output.weight", &[10, 256]),
        ]
    );
    Ok(())
}
