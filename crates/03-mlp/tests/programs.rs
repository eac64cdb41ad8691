//! The chapter's further flags on the real program.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

const SHORT: [&str; 8] = [
    "--epochs",
    "2",
    "--examples",
    "600",
    "--data",
    "builtin",
    "--quiet",
    "--name",
];

fn mlp(folder: &Path, arguments: &[&str]) -> Result<Output> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mlp"));
    command
        .args(arguments)
        .current_dir(folder)
        .env_remove("D2L_DATA")
        .env_remove("D2L_RUNS");
    Ok(command.output()?)
}

/// Trains a short run that succeeds or fails as wanted; its folder.
fn train(folder: &TempDir, name: &str, flags: &[&str], exit_code: i32) -> Result<PathBuf> {
    let output = mlp(folder.path(), &[&SHORT[..], &[name], flags].concat())?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.code() == Some(exit_code),
        "{flags:?}: {}\n{stderr}",
        output.status
    );
    Ok(folder.path().join("runs/mlp").join(name))
}

/// The log's last line.
fn end(run: &Path) -> Result<Value> {
    let log = std::fs::read_to_string(run.join("log.jsonl"))?;
    Ok(serde_json::from_str(log.lines().last().context("a line")?)?)
}

#[test]
fn dropout_gives_one_result_on_one_and_three_threads() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for implementation in ["scratch", "concise"] {
        let parameters = |threads: &str, p: &str| -> Result<Vec<u8>> {
            let flags = [
                ["--model", "dropout", "--implementation", implementation],
                ["--threads", threads, "--dropout1", p],
            ]
            .concat();
            let run = train(&folder, &format!("{implementation}{threads}{p}"), &flags, 0)?;
            Ok(std::fs::read(run.join("model.safetensors"))?)
        };
        let one = parameters("1", "0.2")?;
        ensure!(one == parameters("3", "0.2")?, "{implementation}");
        ensure!(one != parameters("1", "0")?, "{implementation}: --dropout1");
    }
    Ok(())
}

#[test]
fn a_deep_run_logs_and_draws_each_layers_gradient() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let flags = ["--num-layers", "3", "--activation", "sigmoid"];
    let run = train(&folder, "deep", &flags, 0)?;
    let end = end(&run)?;
    for layer in ["hidden1", "hidden2", "hidden3", "output"] {
        let norm = end["final"][format!("gradient.{layer}")].as_f64();
        ensure!(norm.is_some_and(|norm| norm > 0.0), "{layer}: {norm:?}");
    }
    for figure in ["gradients", "activations", "activation-gradients"] {
        ensure!(
            run.join(format!("figures/{figure}.svg")).exists(),
            "{figure}"
        );
    }
    Ok(())
}

#[test]
fn a_run_whose_gradients_explode_fails_and_still_shows_them() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let flags = ["--num-layers", "8", "--initializer", "normal:1"];
    let run = train(&folder, "exploding", &flags, 1)?;
    let end = end(&run)?;
    ensure!(end["status"] == "failed", "{end}");
    ensure!(
        end["final"]["gradient.hidden1"]
            .as_f64()
            .is_some_and(|norm| norm > 1e6),
        "{end}"
    );
    ensure!(run.join("figures/gradients.svg").exists());
    Ok(())
}

#[test]
fn names_say_what_was_changed() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let flags = [
        "--data",
        "builtin",
        "--examples",
        "300",
        "--epochs",
        "1",
        "--quiet",
    ];
    let more: [&[&str]; 2] = [
        &["--activation", "gelu", "--num-layers", "2"],
        &["--model", "dropout", "--dropout2", "0.25"],
    ];
    for more in more {
        let output = mlp(folder.path(), &[&flags[..], more].concat())?;
        ensure!(output.status.success(), "{more:?}");
    }
    for name in [
        "mlp-concise-quick-cpu-s0-epochs1-examples300-num-layers2-activation-gelu",
        "dropout-concise-quick-cpu-s0-epochs1-examples300-dropout2-0.25",
    ] {
        ensure!(folder.path().join("runs/mlp").join(name).exists(), "{name}");
    }
    Ok(())
}

#[test]
fn flags_of_another_model_are_refused_in_one_line() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let wrong: [(&[&str], &str); 5] = [
        (&["--dropout1", "0.5"], "--model dropout"),
        (&["--model", "dropout", "--num-layers", "2"], "--model mlp"),
        (
            &["--implementation", "scratch", "--activation", "tanh"],
            "--implementation concise",
        ),
        (&["--model", "dropout", "--dropout2", "1.5"], "from 0 to 1"),
        (&["--num-layers", "0"], "--num-layers"),
    ];
    for (flags, wanted) in wrong {
        let output = mlp(folder.path(), &[flags, &["--data", "builtin"]].concat())?;
        let stderr = String::from_utf8(output.stderr)?;
        ensure!(output.status.code() == Some(2), "{flags:?}: {stderr}");
        ensure!(
            stderr.lines().count() == 1 && stderr.contains(wanted),
            "{flags:?}: {stderr}"
        );
    }
    ensure!(!folder.path().join("runs").exists(), "nothing was written");
    Ok(())
}
