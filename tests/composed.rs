//! What a GPU runs, on the CPU: with `D2L_COMPOSED=1` every operation takes its definition in candle's operations.
//!
//! Each preset of each model trains a few steps with and without the kernels; the losses are the same but for rounding.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use d2l::{Bands, Chapter, Experiment, Model};

use crate::support::{Desk, assert_equal_runs, log};

/// An epoch of at least three steps.
fn few_steps(model: &str) -> Vec<&'static str> {
    let mut flags = vec!["--log-every", "1", "--data", "builtin"];
    flags.extend(match model {
        // The data are one minibatch.
        "kernel-regression" | "edge-kernel" => &["--epochs", "3"][..],
        // Adam divides a gradient by its size. Here some are 0 but for rounding, such as those of a query that sees one
        // key: each of their numbers moves by the learning rate, one way or the other.
        "translation" => &[
            "--epochs",
            "1",
            "--examples",
            "6",
            "--batch-size",
            "2",
            "--optimizer",
            "sgd",
        ],
        // Batch normalisation divides by the deviation of a minibatch, which is hardly more than rounding for two examples.
        "batchnorm-lenet" | "resnet18" | "densenet" | "regnet" => {
            &["--epochs", "1", "--examples", "48", "--batch-size", "16"]
        }
        _ => &["--epochs", "1", "--examples", "6", "--batch-size", "2"],
    });
    flags
}

/// How far two losses of f32 may lie apart, relative to the larger. A number is rounded to 6e-8 of itself. Most losses
/// are off by one or two such roundings; sums of a few hundred terms, a dozen layers, three steps and an optimizer that
/// divides what it gets by its size make some hundred of them.
const ROUNDING: f64 = 1e-5;

/// The same for the held-out loss after the steps, of a network that they have driven far from where it began.
const ROUNDING_AFTER: f64 = 1e-4;

/// Deep networks with ReLU. A number within rounding of 0 passes on one side and not on the other, and the gradient jumps
/// by up to a percent (`scripts/pytorch/README.md`), so they are compared before their first step. Three steps of theirs
/// are compared in f64, by the golden files.
const JUMP: [&str; 7] = [
    "alexnet",
    "vgg",
    "nin",
    "googlenet",
    "resnet18",
    "densenet",
    "regnet",
];

/// Trains with the kernels, or by the definitions alone.
fn train(
    desk: &Desk,
    chapter: &str,
    name: &str,
    is_composed: bool,
    arguments: &[&str],
) -> Result<PathBuf> {
    let name = match is_composed {
        true => format!("{name}-composed"),
        false => name.to_string(),
    };
    let arguments = [&["--name", &name, "--quiet"], arguments].concat();
    let mut command = desk.command(chapter, &arguments);
    if is_composed {
        command.env("D2L_COMPOSED", "1");
    }
    let output = command.output()?;
    ensure!(
        output.status.success(),
        "{chapter} {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(desk.run_folder(chapter, &name))
}

/// The flags that choose an experiment.
fn choose(model: &Model, one: &Experiment) -> [String; 5] {
    [
        model.name.to_string(),
        "--implementation".to_string(),
        one.implementation.to_string(),
        "--preset".to_string(),
        one.preset.to_string(),
    ]
}

/// Trains the presets of a chapter that want a GPU, or the others.
fn presets(chapter: Chapter, on_gpu: bool) -> Result<()> {
    let desk = Desk::new()?;
    let bands = Bands::parse(chapter.bands)?;
    for model in &chapter.models {
        for one in &model.experiments {
            let bands = bands.of(model.name, one.implementation, one.preset);
            if bands.is_some_and(|bands| bands.wants_gpu) != on_gpu {
                continue;
            }
            let name = format!("{}-{}-{}", model.name, one.implementation, one.preset);
            let chosen = choose(model, one);
            let chosen: Vec<&str> = chosen.iter().map(String::as_str).collect();
            let arguments = [&chosen[..], &few_steps(model.name)].concat();
            let losses = |is_composed| -> Result<(usize, Vec<f64>)> {
                let folder = train(&desk, chapter.name, &name, is_composed, &arguments)?;
                let log = log(&folder)?;
                let mut losses: Vec<f64> = log.steps.iter().map(|step| step.loss).collect();
                let steps = losses.len();
                let epoch = log.epochs.last().context("an epoch")?;
                losses.extend(epoch.metric("valid.loss"));
                Ok((steps, losses))
            };
            let ((steps, kernels), (_, definitions)) = (losses(false)?, losses(true)?);
            ensure!(
                steps >= 3 && kernels.len() == definitions.len(),
                "{name}: {kernels:?} and {definitions:?}"
            );
            let compared = match JUMP.contains(&model.name) {
                true => 1,
                false => kernels.len(),
            };
            let pairs = kernels.iter().zip(&definitions).take(compared);
            for (step, (one, other)) in (1..).zip(pairs) {
                let rounding = match step <= steps {
                    true => ROUNDING,
                    false => ROUNDING_AFTER,
                };
                ensure!(
                    (one - other).abs() <= rounding * one.abs().max(other.abs()),
                    "{name}, step {step}: a loss of {one} through the kernels, {other} through the definitions"
                );
            }
        }
    }
    Ok(())
}

#[test]
fn linear_regression() -> Result<()> {
    presets(linear_regression::chapter(), false)
}

#[test]
fn softmax_regression() -> Result<()> {
    presets(softmax_regression::chapter(), false)
}

#[test]
fn mlp() -> Result<()> {
    presets(mlp::chapter(), false)
}

#[test]
fn convolutional() -> Result<()> {
    presets(convolutional::chapter(), false)
}

#[test]
fn recurrent() -> Result<()> {
    presets(recurrent::chapter(), false)
}

#[test]
fn attention() -> Result<()> {
    presets(attention::chapter(), false)
}

#[test]
fn transformer() -> Result<()> {
    presets(transformer::chapter(), false)
}

/// Pictures of 224 × 224 and the like: minutes.
#[test]
#[ignore = "takes minutes: cargo test -p contracts composed -- --ignored"]
fn presets_for_a_gpu() -> Result<()> {
    let mut chapters = crate::support::chapters().into_iter();
    chapters.try_for_each(|chapter| presets(chapter, true))
}

/// Half of the last digit of a number that is shown with four.
const SHOWN: f64 = 5e-5;

/// Models that learn in a second. Their final metrics are the same with and without kernels to the digits that are
/// shown. A longer training of a deep network, or one with classes that are hardly told apart, makes other numbers of
/// the same rounding: its runs with two seeds differ by more.
#[test]
fn whole_runs_end_with_the_same_metrics() -> Result<()> {
    let desk = Desk::new()?;
    for (chapter, model) in [
        ("linear-regression", "linear-regression"),
        ("linear-regression", "weight-decay-lambda3"),
        ("mlp", "diabetes-logistic"),
        ("convolutional", "edge-kernel"),
        ("recurrent", "autoregressive"),
        ("attention", "kernel-regression"),
    ] {
        let last = |is_composed| {
            let arguments = [model, "--data", "builtin"];
            let folder = train(&desk, chapter, model, is_composed, &arguments)?;
            log(&folder)?.end.map(|end| end.last).context("an end")
        };
        let (kernels, definitions) = (last(false)?, last(true)?);
        ensure!(!kernels.is_empty() && kernels.keys().eq(definitions.keys()));
        for ((metric, one), other) in kernels.iter().zip(definitions.values()) {
            ensure!(
                (one - other).abs() <= SHOWN * one.abs().max(other.abs()),
                "{model}, {metric}: {one} with the kernels, {other} by the definitions"
            );
        }
    }
    Ok(())
}

/// A GPU's losses are read 50 steps at a time; a checkpoint between two reads has all of them.
#[test]
#[cfg(unix)]
fn a_run_that_is_stopped_between_two_reads_goes_on_as_if_it_were_not() -> Result<()> {
    let desk = Desk::new()?;
    let flags = [
        "mlp",
        "--epochs",
        "1",
        "--examples",
        "3000",
        "--batch-size",
        "5",
        "--data",
        "builtin",
        "--checkpoint-every",
        "7steps",
    ];
    let whole = train(&desk, "mlp", "whole", true, &flags)?;
    let arguments = [&["--name", "stopped-composed", "--quiet"], &flags[..]].concat();
    let mut command = desk.command("mlp", &arguments);
    let child = command.env("D2L_COMPOSED", "1").spawn()?;
    let stopped = desk.run_folder("mlp", "stopped-composed");
    while !stopped.join("checkpoint.safetensors").exists() {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    let sent = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()?;
    ensure!(sent.success(), "kill -INT");
    let status = child.wait_with_output()?.status;
    ensure!(status.code() == Some(130), "{status}");
    train(
        &desk,
        "mlp",
        "stopped",
        true,
        &[&flags[..], &["--resume"]].concat(),
    )?;
    assert_equal_runs(&whole, &stopped)
}

#[test]
fn the_log_says_that_there_were_no_kernels() -> Result<()> {
    let desk = Desk::new()?;
    for (is_composed, wanted) in [
        (false, None),
        (true, Some("off: D2L_COMPOSED=1, as on a GPU")),
    ] {
        let folder = train(&desk, "linear-regression", "run", is_composed, &[])?;
        let versions = log(&folder)?.header.versions;
        ensure!(
            versions.get("kernels").map(String::as_str) == wanted,
            "{versions:?}"
        );
    }
    Ok(())
}
