//! The numbers in the log: the perplexity, the text that is held out, what a flag changes.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use candle_core::{Device, Tensor};
use d2l::data::{Choice, Level, TextEdition, time_machine};
use d2l::nn::{Initializer, Mode, ParamStore};
use d2l::testing::program;
use d2l::{Implementation, next_token_loss};
use recurrent::rnn;
use recurrent::structure::Structure;

use crate::{log, perplexities, recurrent, train, written};

#[test]
fn perplexity_is_the_exponential_of_the_loss() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let flags = ["rnn", "--epochs", "2", "--num-hiddens", "8"];
    let windows = ["--sampling", "windows", "--max-tokens", "300"];
    for (name, more) in [("text", &[][..]), ("windows", &windows)] {
        let run = train(&folder, name, &[&flags[..], more].concat())?;
        let lines = log(&run)?;
        for group in ["train", "valid"] {
            let of = |metric: &str| lines[2][group][metric].as_f64().context(metric.to_string());
            let (loss, perplexity) = (of("loss")?, of("perplexity")?);
            ensure!(
                (loss.exp() - perplexity).abs() < 1e-9 * perplexity,
                "{name}"
            );
        }
    }
    let windows = log(&folder.path().join("runs/recurrent/windows"))?;
    ensure!(windows[0]["data"]["train"] == 300 && windows[0]["data"]["valid"] == 150);
    Ok(())
}

/// The tokens behind the first 2,000, read window by window: in the order of the text with the state carried, or each
/// from zeros.
#[test]
fn the_text_that_follows_the_training_text_is_held_out() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let corpus = time_machine(
        TextEdition::Zh,
        Level::Character,
        Choice::Builtin,
        Path::new(""),
    )?
    .data;
    let following = &corpus.tokens[2000..2500];
    let flags = ["rnn", "--epochs", "2", "--num-hiddens", "8"];
    let flags = [&flags[..], &["--max-tokens", "2000", "--batch-size", "1"]].concat();
    for sampling in ["sequential", "random"] {
        let flags = [&flags[..], &["--sampling", sampling]].concat();
        let run = train(&folder, sampling, &flags)?;
        let lines = log(&run)?;
        ensure!(lines[0]["data"]["valid"] == 14, "{}", lines[0]); // 499 / 35
        let device = Device::Cpu;
        let params = ParamStore::new(0, &device);
        let init = Initializer::PytorchDefault;
        let sizes = (corpus.vocabulary.len(), Structure::new(8, 1));
        let model = rnn::network(Implementation::Concise, sizes, &init, &params)?;
        params.load(&run.join("model.safetensors"))?;
        let (mut sum, mut state) = (0.0, None);
        for start in (0..14).map(|window| window * 35) {
            let of = |shift: usize| Tensor::new(&following[start + shift..][..35], &device);
            let (x, y) = (of(0)?.unsqueeze(0)?, of(1)?.unsqueeze(0)?);
            let (o, after) = model.forward_from(&x, state.as_deref(), Mode::Evaluate)?;
            sum += f64::from(next_token_loss(&o, &y)?.to_scalar::<f32>()?);
            state = (sampling == "sequential").then_some(after);
        }
        let found = lines[2]["valid"]["loss"].as_f64().context("a loss")?;
        ensure!(
            (found - sum / 14.0).abs() < 1e-6,
            "{sampling}: {found} {sum}"
        );
    }
    // Nothing follows the whole text.
    let all = train(
        &folder,
        "all",
        &["rnn", "--epochs", "1", "--max-tokens", "900000"],
    )?;
    ensure!(log(&all)?[0]["data"]["valid"] == 0 && log(&all)?[1]["valid"]["loss"].is_null());
    Ok(())
}

/// An epoch that doesn't lower the validation loss divides the learning rate by four.
#[test]
fn the_learning_rate_is_annealed_when_the_validation_stalls() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let small = "word-lm --num-hiddens 8 --embedding-dim 8 --max-tokens 4000 --epochs 6";
    let run = train(&folder, "stalls", &small.split(' ').collect::<Vec<_>>())?;
    let (mut rate, mut lowest, mut stalls) = (20.0, f64::INFINITY, 0);
    for line in log(&run)?.iter().filter(|line| line["kind"] == "epoch") {
        ensure!(line["learning_rate"] == rate, "{rate}: {line}");
        let loss = line["valid"]["loss"].as_f64().context("a loss")?;
        if loss >= lowest {
            rate /= 4.0;
            stalls += 1;
        }
        lowest = lowest.min(loss);
    }
    ensure!(stalls > 1, "{stalls} epochs stalled");
    Ok(())
}

#[test]
fn what_a_flag_changes_is_in_the_log() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let flags = ["rnn", "--epochs", "1", "--num-hiddens", "8"];
    let flags = [&flags[..], &["--num-steps", "20"]].concat();
    let more = ["--sampling", "random", "--max-tokens", "2000"];
    let output = recurrent(folder.path(), &[&flags[..], &more].concat())?;
    ensure!(output.status.success());
    let name =
        "rnn-concise-quick-cpu-s0-epochs1-num-hiddens8-num-steps20-max-tokens2000-sampling-random";
    let lines = log(&folder.path().join("runs/recurrent").join(name))?;
    let recipe = &lines[0]["recipe"];
    ensure!(
        recipe["num_hiddens"] == 8 && recipe["num_steps"] == 20,
        "{recipe}"
    );
    ensure!(
        recipe["sampling"] == "random" && recipe["max_tokens"] == 2000,
        "{recipe}"
    );
    // (2000 - 19 - 1) / 20 = 99 windows, three minibatches of 32.
    ensure!(
        lines[0]["data"]["train"] == 96 && lines[1]["step"] == 3,
        "{lines:?}"
    );
    Ok(())
}

/// The run is stopped in the middle of an epoch, where the next minibatch starts from the state after the last one.
#[test]
#[cfg(unix)]
fn a_carried_state_survives_an_interruption() -> Result<()> {
    const TRIES: usize = 10;
    let folder = tempfile::tempdir()?;
    let long = ["lstm", "--epochs", "2", "--batch-size", "1"];
    let long = [&long[..], &["--num-hiddens", "64", "--max-tokens", "9000"]].concat();
    let long = [&long[..], &["--checkpoint-every", "20steps"]].concat();
    let whole = train(&folder, "whole", &long)?;
    let in_one_epoch = log(&whole)?[0]["data"]["train"]
        .as_u64()
        .context("windows")?;
    ensure!(in_one_epoch > 250, "{in_one_epoch}");

    let stopped = folder.path().join("runs/recurrent/stopped");
    let is_interrupted = || -> Result<bool> {
        if stopped.exists() {
            std::fs::remove_dir_all(&stopped)?;
        }
        let mut command = program(env!("CARGO_BIN_EXE_recurrent"), folder.path(), &long);
        command.args(["--data", "builtin", "--quiet", "--name", "stopped"]);
        let mut child = command.spawn()?;
        let checkpoint = stopped.join("checkpoint.safetensors");
        while !checkpoint.exists() && child.try_wait()?.is_none() {
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        let id = child.id().to_string();
        Command::new("kill").args(["-INT", &id]).status()?;
        Ok(child.wait()?.code() == Some(130))
    };
    // On a busy machine the run may end before the signal comes.
    let mut tries = 1;
    while !is_interrupted()? {
        tries += 1;
        ensure!(tries <= TRIES, "it was never interrupted in time");
    }

    train(&folder, "stopped", &[&long[..], &["--resume"]].concat())?;
    let model = |run: &Path| std::fs::read(run.join("model.safetensors"));
    ensure!(model(&whole)? == model(&stopped)?, "parameters differ");
    ensure!(perplexities(&whole)? == perplexities(&stopped)?);
    ensure!(written(&whole)? == written(&stopped)?);
    Ok(())
}
