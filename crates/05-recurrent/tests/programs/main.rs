//! The chapter's flags, its loop and its files on the real program: one module per idea.

mod experiments;
mod flags;
mod learning;
mod metrics;
mod options;

use std::path::{Path, PathBuf};
use std::process::Output;

use anyhow::{Result, ensure};
use d2l::testing::{log_of as log, program};
use tempfile::TempDir;

/// What the program does with these arguments and built-in data, in a folder of its own.
fn recurrent(folder: &Path, arguments: &[&str]) -> Result<Output> {
    let mut command = program(env!("CARGO_BIN_EXE_recurrent"), folder, arguments);
    command.args(["--data", "builtin", "--quiet"]);
    Ok(command.output()?)
}

/// Trains a run of this name; its folder.
fn train(folder: &TempDir, name: &str, flags: &[&str]) -> Result<PathBuf> {
    let output = recurrent(folder.path(), &[flags, &["--name", name]].concat())?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{flags:?}: {stderr}");
    Ok(folder.path().join("runs/recurrent").join(name))
}

/// The training perplexity of every epoch.
fn perplexities(run: &Path) -> Result<Vec<f64>> {
    let lines = log(run)?;
    let epochs = lines.iter().filter(|line| line["kind"] == "epoch");
    Ok(epochs
        .filter_map(|epoch| epoch["train"]["perplexity"].as_f64())
        .collect())
}

/// A metric of the held-out examples, epoch by epoch.
fn valid(run: &Path, metric: &str) -> Result<Vec<f64>> {
    let lines = log(run)?;
    let epochs = lines.iter().filter(|line| line["kind"] == "epoch");
    Ok(epochs
        .filter_map(|epoch| epoch["valid"][metric].as_f64())
        .collect())
}

/// What the trained model wrote.
fn written(run: &Path) -> Result<String> {
    Ok(std::fs::read_to_string(run.join("generated.txt"))?)
}
