//! The chapter's further flags on the real program.

use std::path::{Path, PathBuf};
use std::process::Output;

use anyhow::{Context, Result, ensure};
use d2l::testing::program;
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
    Ok(program(env!("CARGO_BIN_EXE_mlp"), folder, arguments).output()?)
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
                &["dropout", "--implementation", implementation][..],
                &["--threads", threads, "--dropout1", p],
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
    let flags = ["mlp", "--num-layers", "3", "--activation", "sigmoid"];
    let run = train(&folder, "deep", &flags, 0)?;
    let end = end(&run)?;
    for layer in ["hidden1", "hidden2", "hidden3", "output"] {
        let norm = end["final"][format!("gradient.{layer}")].as_f64();
        ensure!(norm.is_some_and(|norm| norm > 0.0), "{layer}: {norm:?}");
    }
    for figure in [
        "gradients",
        "initial-gradients",
        "activations",
        "activation-gradients",
    ] {
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
    let flags = ["mlp", "--num-layers", "8", "--initializer", "normal:1"];
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
fn early_stopping_keeps_the_best_epochs_parameters() -> Result<()> {
    let folder = tempfile::tempdir()?;
    // So steep that the validation loss soon rises.
    let flags = ["--learning-rate", "1.5", "--epochs", "30"];
    let flags: Vec<&str> = [&SHORT[2..], &["stopped"], &flags, &["--patience", "2"]].concat();
    ensure!(mlp(folder.path(), &flags)?.status.success());
    let stopped = folder.path().join("runs/mlp/stopped");
    let log = std::fs::read_to_string(stopped.join("log.jsonl"))?;
    let epochs = log.lines().count() - 2;
    let end = end(&stopped)?;
    let best = &end["best"]["valid.loss"];
    let best_epoch = best["epoch"].as_u64().context("an epoch")? as usize;
    ensure!(
        epochs < 30 && epochs == best_epoch + 2,
        "{epochs} epochs, the best {best_epoch}"
    );
    ensure!(end["final"]["valid.loss"] == best["value"], "{end}");

    let best_epoch = best_epoch.to_string();
    let flags = ["--learning-rate", "1.5", "--epochs", &best_epoch];
    let flags: Vec<&str> = [&SHORT[2..], &["best"], &flags].concat();
    ensure!(mlp(folder.path(), &flags)?.status.success());
    let parameters = |run: &str| -> Result<Vec<(String, Vec<f32>)>> {
        let file = folder
            .path()
            .join("runs/mlp")
            .join(run)
            .join("model.safetensors");
        let (tensors, _) = d2l::nn::load_tensors(&file, &candle_core::Device::Cpu)?;
        let numbers = |(name, tensor): (String, candle_core::Tensor)| {
            Ok((name, tensor.flatten_all()?.to_vec1()?))
        };
        tensors.into_iter().map(numbers).collect()
    };
    ensure!(parameters("stopped")? == parameters("best")?);
    Ok(())
}

#[test]
fn a_penalty_on_weights_makes_them_smaller_or_zero() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let of = |name: &str, flags: &[&str]| -> Result<(f64, f64)> {
        let flags = [flags, &["--epochs", "10"]].concat();
        let flags = [&["mlp"], &SHORT[2..], &[name], &flags].concat();
        ensure!(mlp(folder.path(), &flags)?.status.success(), "{name}");
        let end = end(&folder.path().join("runs/mlp").join(name))?;
        let last = |metric: &str| end["final"][metric].as_f64().context(metric.to_string());
        Ok((last("weight.norm")?, last("weight.zeros")?))
    };
    let (norm, zeros) = of("free", &["--l2", "1e-9"])?;
    let (l2_norm, _) = of("l2", &["--l2", "1"])?;
    let (_, l1_zeros) = of("l1", &["--l1", "0.01"])?;
    ensure!(l2_norm < norm / 2.0, "{l2_norm} and {norm}");
    ensure!(l1_zeros > zeros + 0.1, "{l1_zeros} and {zeros}");
    Ok(())
}

#[test]
fn questions_of_yes_and_no_are_answered_better_than_by_guessing() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for model in [
        "diabetes",
        "diabetes-logistic",
        "titanic",
        "titanic-logistic",
    ] {
        let flags = [model, "--data", "builtin", "--name", model];
        let output = mlp(folder.path(), &flags)?;
        ensure!(output.status.success(), "{model}");
        let shows_weights = String::from_utf8(output.stdout)?.lines().any(|line| {
            ["glucose ", "Sex_female "]
                .iter()
                .any(|name| line.starts_with(name))
        });
        ensure!(shows_weights == model.ends_with("logistic"), "{model}");
        let end = end(&folder.path().join("runs/mlp").join(model))?;
        let last = |metric: &str| end["final"][metric].as_f64().context(metric.to_string());
        ensure!(
            last("valid.accuracy")? > last("valid.accuracy_of_guessing")?,
            "{model}: {end}"
        );
    }
    Ok(())
}

#[test]
fn house_prices_are_cross_validated_and_submitted() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for (preset, whole) in [("zh", true), ("en", false)] {
        let flags = ["house-price", "--preset", preset, "--data", "builtin"];
        let flags = [&flags[..], &["--epochs", "3", "--quiet", "--name", preset]].concat();
        ensure!(mlp(folder.path(), &flags)?.status.success(), "{preset}");
        let run = folder.path().join("runs/mlp").join(preset);
        let log = std::fs::read_to_string(run.join("log.jsonl"))?;
        let mut folds = Vec::new();
        for line in log.lines() {
            let record: Value = serde_json::from_str(line)?;
            if record["kind"] == "epoch" {
                folds.push(record["fold"].as_u64().unwrap_or(0));
            }
        }
        let mut wanted: Vec<u64> = (1..=5).flat_map(|fold| [fold; 3]).collect();
        if whole {
            wanted.extend([0; 3]);
        }
        ensure!(folds == wanted, "{preset}: {folds:?}");
        ensure!(run.join("model.safetensors").exists() == whole, "{preset}");
        for fold in 1..=5 {
            ensure!(run.join(format!("model-fold{fold}.safetensors")).exists());
        }
        let end = end(&run)?;
        let of = |metric: &str| end["final"][metric].as_f64().context(metric.to_string());
        let mut sum = 0.0;
        for fold in 1..=5 {
            sum += of(&format!("fold{fold}.valid.log_rmse"))?;
        }
        let mean = of("folds.valid.log_rmse")?;
        ensure!((mean - sum / 5.0).abs() < 1e-12, "{preset}: {mean}");
        ensure!(run.join("figures/log_rmse.svg").exists(), "{preset}");
        let loss = std::fs::read_to_string(run.join("figures/loss.svg"))?;
        let unit = if whole {
            "\nloss (dollars²)\n"
        } else {
            "\nloss\n"
        };
        ensure!(
            loss.contains(unit),
            "{preset}: the loss of prices has a unit, that of logarithms none"
        );

        let submission = std::fs::read_to_string(run.join("submission.csv"))?;
        let mut lines = submission.lines();
        ensure!(lines.next() == Some("Id,SalePrice"), "{submission}");
        let mut houses = 0;
        for line in lines {
            let (id, price) = line.split_once(',').context(line.to_string())?;
            id.parse::<u32>()?;
            ensure!(price.parse::<f64>()?.is_finite(), "{line}");
            houses += 1;
        }
        ensure!(houses > 100, "{houses} houses");
    }
    Ok(())
}

#[test]
fn the_ladder_learns_the_drawn_digits() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let flags = ["digits-l2-30", "--data", "builtin", "--examples", "3000"];
    let flags = [&flags[..], &["--epochs", "3", "--name", "rung"]].concat();
    ensure!(mlp(folder.path(), &flags)?.status.success());
    let run = folder.path().join("runs/mlp/rung");
    let end = end(&run)?;
    ensure!(end["final"]["valid.accuracy"].as_f64() > Some(0.5), "{end}");
    let log = std::fs::read_to_string(run.join("log.jsonl"))?;
    let header: Value = serde_json::from_str(log.lines().next().context("a header")?)?;
    ensure!(header["data"]["train"] == 2500, "{header}");
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
        &["mlp", "--activation", "gelu", "--num-layers", "2"],
        &["dropout", "--dropout2", "0.25"],
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
    let wrong: [(&[&str], &str); 12] = [
        (
            &["dropout", "--l1", "0.1"],
            "--l1 belongs to mlp: write `mlp mlp --l1 …`",
        ),
        (&["mlp", "--l2", "-1"], "wanted a number of 0 or more"),
        (
            &["titanic", "--num-hiddens", "9"],
            "--num-hiddens belongs to mlp, dropout, house-price, digits",
        ),
        (&["house-price", "--num-hiddens", "9"], "--num-layers"),
        (
            &["diabetes", "--data-set", "mnist"],
            "--data-set belongs to mlp, dropout: write",
        ),
        (&["--patience", "0"], "from 1 to"),
        (&["--dropout1", "0.5"], "--dropout1 belongs to dropout"),
        (
            &["titanic", "--num-layers", "2"],
            "--num-layers belongs to mlp, dropout, house-price: write",
        ),
        (
            &["mlp", "--implementation", "scratch", "--activation", "tanh"],
            "--activation: belongs to --implementation concise",
        ),
        (&["dropout", "--dropout2", "1.5"], "from 0 to 1"),
        (&["mlp", "--num-layers", "0"], "--num-layers"),
        (&["dropout", "--num-hiddens", "0"], "from 1 to"),
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
