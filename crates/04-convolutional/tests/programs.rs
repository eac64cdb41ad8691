//! The chapter's flags and models on the real program.

use std::path::{Path, PathBuf};
use std::process::Output;

use anyhow::{Context, Result, ensure};
use d2l::testing::{log_of as log, program};
use serde_json::Value;
use tempfile::TempDir;

fn convolutional(folder: &Path, arguments: &[&str]) -> Result<Output> {
    let mut command = program(env!("CARGO_BIN_EXE_convolutional"), folder, arguments);
    command.args(["--data", "builtin", "--quiet"]);
    Ok(command.output()?)
}

/// Trains a short run under its default name; the runs' folder.
fn train(folder: &TempDir, flags: &[&str]) -> Result<PathBuf> {
    let output = convolutional(folder.path(), flags)?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{flags:?}: {stderr}");
    Ok(folder.path().join("runs/convolutional"))
}

#[test]
fn what_an_exercise_changes_is_in_the_runs_name_and_in_its_log() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let short = ["lenet", "--epochs", "1", "--examples", "100"];
    let lenet = [&short[..], &["--activation", "relu", "--pooling", "max"]].concat();
    let runs = train(&folder, &lenet)?;
    let run = "lenet-concise-quick-cpu-s0-epochs1-examples100-activation-relu-pooling-max";
    let recipe = &log(&runs.join(run))?[0]["recipe"];
    ensure!(
        recipe["activation"] == "relu" && recipe["pooling"] == "max",
        "{recipe}"
    );
    // The book's own pooling is no change.
    train(&folder, &[&short[..], &["--pooling", "avg"]].concat())?;
    let recipe = &log(&runs.join("lenet-concise-quick-cpu-s0-epochs1-examples100"))?[0]["recipe"];
    ensure!(
        recipe["activation"] == "sigmoid" && recipe["pooling"] == "avg",
        "{recipe}"
    );

    let sizes = [
        "--kernel-size",
        "3",
        "--channels",
        "4,8,16",
        "--hiddens",
        "32",
        "--dropout",
        "0.2",
    ];
    train(&folder, &[&short[..], &sizes].concat())?;
    let run = "lenet-concise-quick-cpu-s0-epochs1-examples100-kernel-size3-channels4_8_16-hiddens32-dropout0.2";
    let recipe = &log(&runs.join(run))?[0]["recipe"];
    ensure!(
        recipe["channels"] == "4,8,16" && recipe["hiddens"] == "32",
        "{recipe}"
    );
    let too_deep = convolutional(folder.path(), &["lenet", "--channels", "4,8,16"])?;
    let stderr = String::from_utf8_lossy(&too_deep.stderr);
    ensure!(
        too_deep.status.code() == Some(2) && stderr.lines().count() == 1,
        "{stderr}"
    );

    let resnet = ["resnet18", "--epochs", "1", "--examples", "20"];
    let parts = ["--no-batch-norm", "--no-shortcut", "--num-blocks", "1"];
    train(&folder, &[&resnet[..], &parts].concat())?;
    let run = "resnet18-concise-quick-cpu-s0-examples20-num-blocks1-no-batch-norm-no-shortcut";
    let recipe = &log(&runs.join(run))?[0]["recipe"];
    ensure!(recipe["num_blocks"] == 1, "{recipe}");
    ensure!(
        recipe["no_batch_norm"] == true && recipe["no_shortcut"] == true,
        "{recipe}"
    );
    Ok(())
}

/// A preset quick that takes a part of the pictures: `--examples` with the same number is no change, another one is.
#[test]
fn a_preset_may_take_a_part_of_the_pictures() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let dry = |flags: &[&str]| -> Result<(Value, String)> {
        let output = convolutional(
            folder.path(),
            &[&["googlenet", "--dry-run"], flags].concat(),
        )?;
        let header = serde_json::from_slice::<Value>(&output.stdout)?;
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok((header["data"].clone(), stdout))
    };
    let (data, header) = dry(&[])?;
    ensure!(data["train"] == 30_000 && data["valid"] == 10_000, "{data}");
    let (data, same) = dry(&["--examples", "30000"])?;
    ensure!(data["train"] == 30_000 && recipes(&same)? == recipes(&header)?);
    let (data, _) = dry(&["--examples", "60000"])?;
    ensure!(data["train"] == 60_000, "{data}");

    // A small run of each kind, to see their names.
    let runs = train(&folder, &["googlenet", "--examples", "40"])?;
    ensure!(
        runs.join("googlenet-concise-quick-cpu-s0-examples40")
            .exists()
    );
    Ok(())
}

fn recipes(header: &str) -> Result<Value> {
    Ok(serde_json::from_str::<Value>(header)?["recipe"].clone())
}

/// Nielsen's own training is the preset full; quick is a part of it.
#[test]
fn the_ladders_presets_are_a_quick_one_and_nielsens() -> Result<()> {
    for model in convolutional::ladder::models() {
        let [quick, full] = model.experiments.as_slice() else {
            anyhow::bail!("{}: found other presets than quick and full", model.name);
        };
        ensure!(
            full.recipe.epochs >= 40 && full.examples.is_none(),
            "{}",
            model.name
        );
        ensure!(quick.recipe.epochs <= 5, "{}", model.name);
        ensure!(
            quick.recipe.weight_decay == full.recipe.weight_decay,
            "{}",
            model.name
        );
    }
    Ok(())
}

/// An epoch is a single point, so the loss is drawn by step, without further lines in the log.
#[test]
fn one_epoch_is_drawn_by_step() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let flags = ["nin", "--examples", "640", "--name", "one"];
    let runs = train(&folder, &flags)?;
    let figure = std::fs::read_to_string(runs.join("one/figures/loss.svg"))?;
    ensure!(
        figure.contains("<title>one on drawn-garments: loss</title>"),
        "the title"
    );
    for text in [">\nstep\n<", ">\ntrain\n<", ">\nvalid\n<"] {
        ensure!(figure.contains(text), "{text} in {figure}");
    }
    let kinds: Vec<Value> = log(&runs.join("one"))?
        .into_iter()
        .map(|line| line["kind"].clone())
        .collect();
    ensure!(kinds == ["run", "epoch", "end"], "{kinds:?}");
    Ok(())
}

#[test]
fn another_models_flags_are_refused() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let refused: [(&[&str], &str); 6] = [
        (
            &["lenet", "--no-shortcut"],
            "--no-shortcut belongs to resnet18",
        ),
        (
            &["batchnorm-lenet", "--pooling", "max"],
            "--pooling belongs to lenet",
        ),
        (
            &["resnet18", "--activation", "relu"],
            "--activation belongs to lenet",
        ),
        (
            &["edge-kernel", "--data-set", "mnist"],
            "--data-set belongs to",
        ),
        (
            &["digits-relu", "--no-batch-norm"],
            "--no-batch-norm belongs to resnet18",
        ),
        (&["resnet18", "--num-blocks", "0"], "--num-blocks"),
    ];
    for (flags, message) in refused {
        let output = convolutional(folder.path(), flags)?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.code() == Some(2), "{flags:?}: {stderr}");
        ensure!(stderr.contains(message), "{stderr}");
    }
    ensure!(!folder.path().join("runs").exists(), "nothing was started");
    Ok(())
}

#[test]
fn the_edge_kernel_is_found_and_drawn() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for implementation in ["scratch", "concise"] {
        let flags = ["edge-kernel", "--implementation", implementation];
        let runs = train(&folder, &[&flags[..], &["--epochs", "100"]].concat())?;
        let run = runs.join(format!(
            "edge-kernel-{implementation}-quick-cpu-s0-epochs100"
        ));
        let log = log(&run)?;
        let end = log.last().context("an end")?;
        let entry = |name: &str| end["final"][name].as_f64().unwrap_or(f64::NAN);
        ensure!((entry("kernel.left") - 1.0).abs() < 1e-3, "{end}");
        ensure!((entry("kernel.right") + 1.0).abs() < 1e-3, "{end}");
        ensure!(run.join("figures/edges.svg").exists());
    }
    Ok(())
}

/// `--verify` on data that never change: the book's bands hold for the median of the first three seeds.
#[test]
fn the_edge_kernels_losses_are_the_books() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for preset in ["zh", "en"] {
        let flags = [
            "edge-kernel",
            "--preset",
            preset,
            "--seeds",
            "3",
            "--verify",
        ];
        let output = convolutional(folder.path(), &flags)?;
        let stdout = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "{stdout}");
        ensure!(stdout.matches("within").count() == 5, "{stdout}");
    }
    Ok(())
}

#[test]
fn batch_norm_lenet_learns_in_one_epoch_what_lenet_does_not() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut accuracies = Vec::new();
    for model in ["lenet", "batchnorm-lenet"] {
        let flags = [
            model,
            "--epochs",
            "1",
            "--examples",
            "6000",
            "--batch-size",
            "64",
        ];
        let flags = [&flags[..], &["--learning-rate", "0.1"]].concat();
        let runs = train(&folder, &flags)?;
        let name = format!(
            "{model}-concise-quick-cpu-s0-epochs1-batch-size64-learning-rate0.1-examples6000"
        );
        let log = log(&runs.join(name))?;
        let end = log.last().context("an end")?;
        accuracies.push(
            end["final"]["valid.accuracy"]
                .as_f64()
                .context("an accuracy")?,
        );
    }
    ensure!(accuracies[0] < 0.3 && accuracies[1] > 0.6, "{accuracies:?}");
    Ok(())
}

/// The test accuracy belongs to the epoch that is best on the validation images.
#[test]
fn a_rung_is_judged_at_its_best_epoch() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let flags = ["digits-relu", "--epochs", "3", "--examples", "1200"];
    let runs = train(&folder, &flags)?;
    let whole = log(&runs.join("digits-relu-concise-quick-cpu-s0-examples1200"))?;
    let end = whole.last().context("an end")?;
    let test = end["final"]["test.accuracy"]
        .as_f64()
        .context("a test accuracy")?;
    ensure!(test > 0.5, "{end}");
    // A run that ends with that epoch has the same.
    let best = &end["best"]["valid.accuracy"];
    let accuracies: Vec<f64> = whole
        .iter()
        .filter_map(|line| line["valid"]["accuracy"].as_f64())
        .collect();
    let last_best = accuracies
        .iter()
        .rposition(|&accuracy| Some(accuracy) == best["value"].as_f64())
        .context("the best is one of them")?;
    let epochs = (last_best + 1).to_string();
    let flags = ["digits-relu", "--epochs", &epochs, "--examples", "1200"];
    train(&folder, &[&flags[..], &["--name", "shorter"]].concat())?;
    let shorter = log(&runs.join("shorter"))?;
    let end = shorter.last().context("an end")?;
    ensure!(
        end["final"]["test.accuracy"].as_f64() == Some(test),
        "{end}"
    );
    Ok(())
}
