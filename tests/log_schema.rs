//! The log has the documented lines and keys, so that other programs can read it.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::support::{Desk, programs, root};

fn keys(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .map(|object| object.keys().map(String::as_str).collect())
        .unwrap_or_default()
}

fn lines(desk: &Desk, chapter: &str, flags: &[&str]) -> Result<Vec<Value>> {
    let folder = desk.train(chapter, &format!("run{}", flags.len()), flags)?;
    let text = std::fs::read_to_string(folder.join("log.jsonl"))?;
    text.lines()
        .map(|line| Ok(serde_json::from_str(line)?))
        .collect()
}

#[test]
fn every_chapter_writes_run_epochs_and_end() -> Result<()> {
    let desk = Desk::new()?;
    for chapter in programs() {
        let lines = lines(
            &desk,
            chapter,
            &["--epochs", "2", "--data", "builtin", "--examples", "300"],
        )?;
        ensure!(lines.len() == 4, "{chapter}: {} lines", lines.len());
        let kinds: Vec<&str> = lines
            .iter()
            .filter_map(|line| line["kind"].as_str())
            .collect();
        ensure!(kinds == ["run", "epoch", "epoch", "end"], "{kinds:?}");
        for key in [
            "schema",
            "chapter",
            "model",
            "implementation",
            "preset",
            "device",
            "threads",
            "seed",
            "recipe",
            "data",
            "parameters",
            "versions",
            "started",
        ] {
            ensure!(
                keys(&lines[0]).contains(&key),
                "{chapter}: run has no {key}"
            );
        }
        for key in [
            "epoch",
            "step",
            "learning_rate",
            "train",
            "valid",
            "gradient_norm",
            "seconds",
            "examples_per_second",
        ] {
            let nothing_is_held_out = key == "valid" && lines[0]["data"]["valid"] == 0;
            ensure!(
                keys(&lines[2]).contains(&key) != nothing_is_held_out,
                "{chapter}: epoch has no {key}"
            );
        }
        for key in ["status", "epochs", "seconds", "final", "best", "bands"] {
            ensure!(
                keys(&lines[3]).contains(&key),
                "{chapter}: end has no {key}"
            );
        }
        ensure!(lines[3]["status"] == "finished" && lines[3]["epochs"] == 2);
        ensure!(lines[3]["final"]["train.loss"] == lines[2]["train"]["loss"]);
        ensure!(
            lines[0]["data"]["sha256"]
                .as_str()
                .is_some_and(|digest| digest.len() == 64)
        );
    }
    Ok(())
}

#[test]
fn the_log_names_the_candle_of_the_lock_file() -> Result<()> {
    let desk = Desk::new()?;
    let lines = lines(&desk, "linear-regression", &["--epochs", "1"])?;
    let lock: toml::Table = std::fs::read_to_string(root().join("Cargo.lock"))?.parse()?;
    let packages = lock["package"]
        .as_array()
        .context("a lock file lists packages")?;
    let candle = packages
        .iter()
        .find(|package| package["name"].as_str() == Some("candle-core"));
    let locked = candle
        .and_then(|package| package["version"].as_str())
        .context("candle-core is locked")?;
    ensure!(
        lines[0]["versions"]["candle"] == locked,
        "{} in the log, {locked} locked",
        lines[0]["versions"]["candle"]
    );
    Ok(())
}

#[test]
fn no_epochs_evaluate_the_initial_parameters() -> Result<()> {
    let desk = Desk::new()?;
    let lines = lines(&desk, "mlp", &["--epochs", "0", "--data", "builtin"])?;
    ensure!(
        lines.len() == 3 && lines[1]["epoch"] == 0 && lines[1]["step"] == 0,
        "{lines:#?}"
    );
    // Before training all ten classes are about equally likely: the loss is near ln 10.
    let loss = lines[1]["valid"]["loss"]
        .as_f64()
        .context("there is a loss")?;
    ensure!((loss - 10f64.ln()).abs() < 0.2, "{loss}");
    Ok(())
}
