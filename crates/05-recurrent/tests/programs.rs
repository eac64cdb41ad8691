//! The chapter's flags, its loop and its files on the real program.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use candle_core::{Device, Tensor};
use d2l::data::{Choice, Level, TextEdition, time_machine};
use d2l::nn::{Initializer, Mode, ParamStore};
use d2l::{Implementation, next_token_loss};
use recurrent::rnn;
use serde_json::Value;
use tempfile::TempDir;

fn recurrent(folder: &Path, arguments: &[&str]) -> Result<Output> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_recurrent"));
    command.env("D2L_LANG", "en");
    command
        .args(arguments)
        .args(["--data", "builtin", "--quiet"])
        .current_dir(folder)
        .env_remove("D2L_DATA")
        .env_remove("D2L_RUNS");
    Ok(command.output()?)
}

/// Trains a run of this name; its folder.
fn train(folder: &TempDir, name: &str, flags: &[&str]) -> Result<PathBuf> {
    let output = recurrent(folder.path(), &[flags, &["--name", name]].concat())?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{flags:?}: {stderr}");
    Ok(folder.path().join("runs/recurrent").join(name))
}

/// The log of a run, line by line.
fn log(run: &Path) -> Result<Vec<Value>> {
    let text = std::fs::read_to_string(run.join("log.jsonl")).context(run.display().to_string())?;
    let lines = text.lines().map(|line| Ok(serde_json::from_str(line)?));
    lines.collect()
}

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

fn written(run: &Path) -> Result<String> {
    Ok(std::fs::read_to_string(run.join("generated.txt"))?)
}

/// Every model learns something in a few epochs: the last perplexity is well below the first.
#[test]
fn the_loss_falls_in_every_model() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for (implementation, models) in [
        (
            "scratch",
            &[
                "rnn",
                "rnn-random-sampling",
                "rnn-truncated",
                "gru",
                "prototype-lstm",
                "pseudo-lstm",
                "lstm",
                "peephole-lstm",
                "deep-rnn",
            ][..],
        ),
        (
            "concise",
            &[
                "rnn",
                "gru",
                "lstm",
                "peephole-lstm",
                "deep-gru",
                "deep-lstm",
                "bidirectional-lstm",
            ],
        ),
    ] {
        for model in models {
            let flags = [model, "--implementation", implementation];
            let small = [
                "--num-hiddens",
                "16",
                "--epochs",
                "8",
                "--optimizer",
                "adam",
            ];
            let rate = ["--learning-rate", "0.02"];
            let name = format!("{model}-{implementation}");
            let run = train(&folder, &name, &[&flags[..], &small, &rate].concat())?;
            let found = perplexities(&run)?;
            ensure!(found.len() == 8, "{name}: {found:?}");
            ensure!(found[7] < 0.75 * found[0], "{name}: {found:?}");
            let text = written(&run)?;
            ensure!(text.starts_with("time traveller"), "{text}");
            ensure!(text.trim_end_matches('\n').len() == 14 + 50, "{text:?}");
            ensure!(run.join("figures/perplexity.svg").exists(), "{name}");
            let shows_gates = implementation == "scratch"
                && ["gru", "lstm"].iter().any(|kind| model.contains(kind));
            ensure!(
                run.join("figures/gates.svg").exists() == shows_gates,
                "{name}"
            );
            let end = log(&run)?.pop().context("lines")?;
            let largest = end["final"]["state.largest"].as_f64();
            ensure!(largest.is_some() == shows_gates, "{name}: {end}");
            // Only the prototype's state and an LSTM's memory are not bounded by 1.
            let is_bounded = ["gru"].contains(model);
            ensure!(
                largest.is_none_or(|largest| !is_bounded || largest <= 1.0),
                "{name}: {end}"
            );
        }
    }
    Ok(())
}

/// A model that is trained for long memorises its text and writes words of it.
#[test]
fn a_model_that_is_trained_for_long_writes_words() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let flags = [
        "rnn",
        "--epochs",
        "150",
        "--optimizer",
        "adam",
        "--learning-rate",
        "0.003",
    ];
    let short = [
        "--max-tokens",
        "3000",
        "--num-hiddens",
        "128",
        "--prefix",
        "The mayor",
    ];
    let run = train(&folder, "long", &[&flags[..], &short].concat())?;
    let last = *perplexities(&run)?.last().context("epochs")?;
    ensure!(last < 2.0, "perplexity {last}");
    let text = written(&run)?;
    ensure!(text.starts_with("the mayor"), "{text}");
    let words = [" the ", " in ", " of ", " that ", " was ", " at "];
    ensure!(words.iter().any(|word| text.contains(word)), "{text}");
    Ok(())
}

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
        let sizes = (corpus.vocabulary.len(), 8);
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

/// Both models of names learn, and what they make of them is in the run's folder.
#[test]
fn the_models_of_names_learn_and_show_it() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let small = [
        "--epochs",
        "4",
        "--num-hiddens",
        "32",
        "--learning-rate",
        "0.01",
    ];
    let classifier = ["names-classifier", "--name-to-classify", "Kóvarvek!"];
    let run = train(&folder, "classifier", &[&classifier[..], &small].concat())?;
    let accuracies = valid(&run, "accuracy")?;
    ensure!(
        accuracies[3] > 0.9 && accuracies[3] > accuracies[0],
        "{accuracies:?}"
    );
    ensure!(run.join("figures/confusion.svg").exists());
    let again = ["--epochs", "0", "--num-hiddens", "32", "--init"];
    let model = run.join("model.safetensors");
    let model = model.to_str().context("a path")?;
    let output = Command::new(env!("CARGO_BIN_EXE_recurrent"))
        .env("D2L_LANG", "en")
        .args([&classifier[..], &again, &[model, "--data", "builtin"]].concat())
        .current_dir(folder.path())
        .env_remove("D2L_RUNS")
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let named: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("name "))
        .collect();
    ensure!(
        named.len() == 3 && named[0].contains("Kovarvek         Dravek"),
        "{text}"
    );

    let run = train(
        &folder,
        "generator",
        &[&["names-generator"], &small[..]].concat(),
    )?;
    let perplexities = valid(&run, "perplexity")?;
    ensure!(perplexities[3] < 0.8 * perplexities[0], "{perplexities:?}");
    let text = written(&run)?;
    ensure!(
        text.lines().count() == 8 && text.starts_with("Avarin: "),
        "{text}"
    );
    ensure!(
        text.lines().all(|line| line.split(", ").count() == 3),
        "{text}"
    );
    Ok(())
}

/// All output layers and cells learn, on the words of the story.
#[test]
fn the_model_of_words_learns() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let small = "--num-hiddens 32 --embedding-dim 32 --max-tokens 8000 --batch-size 4 --epochs 4";
    let adam = "--optimizer adam --learning-rate 0.01";
    for (output, cell) in [("tied", "lstm"), ("untied", "rnn"), ("adaptive", "gru")] {
        let kind = format!("word-lm --output {output} --cell {cell} {small} {adam}");
        let run = train(&folder, output, &kind.split(' ').collect::<Vec<_>>())?;
        let found = valid(&run, "perplexity")?;
        ensure!(
            found[3] < 0.5 * found[0] && found[3] < 25.0,
            "{output}: {found:?}"
        );
        let text = written(&run)?;
        ensure!(
            text.starts_with("the ") && text.split(' ').count() == 51,
            "{text}"
        );
    }
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
    let mut command = Command::new(env!("CARGO_BIN_EXE_recurrent"));
    command.env("D2L_LANG", "en");
    command
        .args(&long)
        .args(["--data", "builtin", "--quiet", "--name", "stopped"])
        .current_dir(folder.path())
        .env_remove("D2L_DATA")
        .env_remove("D2L_RUNS");
    let mut child = command.spawn()?;
    while !stopped.join("checkpoint.safetensors").exists() {
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let id = child.id().to_string();
    ensure!(Command::new("kill").args(["-INT", &id]).status()?.success());
    let status = child.wait()?;
    ensure!(
        status.code() == Some(130),
        "{status}: finished before it was interrupted"
    );

    train(&folder, "stopped", &[&long[..], &["--resume"]].concat())?;
    let model = |run: &Path| std::fs::read(run.join("model.safetensors"));
    ensure!(model(&whole)? == model(&stopped)?, "parameters differ");
    ensure!(perplexities(&whole)? == perplexities(&stopped)?);
    ensure!(written(&whole)? == written(&stopped)?);
    Ok(())
}

#[test]
fn a_temperature_draws_other_text_and_a_seed_the_same() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let flags = [
        "rnn",
        "--epochs",
        "20",
        "--num-hiddens",
        "64",
        "--num-predictions",
        "80",
    ];
    let hot = [&flags[..], &["--temperature", "1"]].concat();
    let greedy = written(&train(&folder, "greedy", &flags)?)?;
    let one = written(&train(&folder, "one", &hot)?)?;
    let same = written(&train(&folder, "same", &hot)?)?;
    ensure!(one == same && one != greedy, "{one}{same}{greedy}");
    let narrow = [&hot[..], &["--top-k", "1"]].concat();
    ensure!(written(&train(&folder, "narrow", &narrow)?)? == greedy);
    let few = [&hot[..], &["--top-p", "0.5"]].concat();
    let few = written(&train(&folder, "few", &few)?)?;
    ensure!(few != greedy && few != one, "{few}{greedy}{one}");
    ensure!(one.len() == 14 + 80 + 1, "{one}");
    Ok(())
}

#[test]
fn bad_flags_are_refused() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let refused: [(&[&str], i32, &str); 17] = [
        (
            &["names-classifier", "--name-to-classify", "42"],
            2,
            "wanted a name with a Latin letter",
        ),
        (&["word-lm", "--prefix", " "], 2, "wanted a word at least"),
        (
            &["word-lm", "--embedding-dim", "100"],
            2,
            "--embedding-dim 100 and --num-hiddens 200",
        ),
        (
            &["word-lm", "--schedule", "plateau"],
            2,
            "factor=… is missing",
        ),
        (&["rnn", "--prefix", ""], 2, "--prefix"),
        (&["rnn", "--prefix", "1895"], 2, "wanted a letter at least"),
        (&["rnn", "--temperature", "-1"], 2, "--temperature"),
        (
            &["rnn", "--temperature", "NaN"],
            2,
            "'NaN' for '--temperature",
        ),
        (&["rnn", "--top-k", "0"], 2, "--top-k"),
        (&["rnn", "--top-p", "1.5"], 2, "--top-p"),
        (&["rnn", "--top-k", "3"], 2, "give --temperature 1 too"),
        (&["rnn", "--num-steps", "0"], 2, "--num-steps"),
        (
            &["--num-steps", "20"],
            2,
            "write `recurrent rnn --num-steps",
        ),
        (&["deep-rnn", "--preset", "zh"], 2, "deep-rnn"),
        (
            &["deep-lstm", "--implementation", "scratch"],
            2,
            "deep-lstm",
        ),
        (
            &["rnn", "--num-steps", "6000"],
            1,
            "found a text of 10000 tokens, wanted at least 12001",
        ),
        (
            &["rnn", "--sampling", "windows", "--max-tokens", "900000"],
            1,
            "tokens, wanted",
        ),
    ];
    for (flags, code, message) in refused {
        let output = recurrent(folder.path(), flags)?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.code() == Some(code), "{flags:?}: {stderr}");
        ensure!(stderr.contains(message), "{flags:?}: {stderr}");
        ensure!(stderr.lines().count() == 1, "{stderr}");
    }
    ensure!(!folder.path().join("runs").exists(), "nothing was started");
    Ok(())
}

/// `--inspect` shows the minibatches that training takes, in all three ways, and the text's n-grams; nothing is trained.
#[test]
fn minibatches_can_be_inspected() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let shown = |flags: &[&str]| -> Result<String> {
        let output = recurrent(folder.path(), &[flags, &["--inspect"]].concat())?;
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), "{flags:?}: {stderr}");
        Ok(String::from_utf8(output.stdout)?)
    };
    let text = shown(&["rnn", "--num-steps", "5"])?;
    for wanted in [
        "--sampling sequential, this model's: 62 minibatches in an epoch",
        "--sampling random: 62 minibatches in an epoch",
        "--sampling windows: 313 minibatches in an epoch",
        "  input    [32, 5]          batch, time steps",
        "  target   [32, 5]          batch, time steps",
        "  one-hot  [5, 32, 28]      time steps, batch, vocabulary",
        "  logits   [32, 5, 28]      batch, time steps, vocabulary",
        "  unigrams ",
        "  trigrams ",
    ] {
        ensure!(text.contains(wanted), "no {wanted:?} in {text}");
    }
    // The target is the input one step later, as tokens and as numbers.
    let cells = |name: &str, nth: usize| -> Result<Vec<&str>> {
        let line = text.lines().filter(|line| line.trim().starts_with(name));
        let line = line.clone().nth(nth).context(format!("{name} in {text}"))?;
        Ok(line.split_whitespace().skip(1).collect())
    };
    let (input, target) = (cells("input", 1)?, cells("target", 1)?);
    ensure!(input.len() == 5 && input[1..] == target[..4], "{text}");
    let (input, target) = (cells("number", 0)?, cells("number", 1)?);
    ensure!(input.len() == 5 && input[1..] == target[..4], "{text}");
    // The second minibatch goes on five characters later.
    let start = |minibatch: usize| -> Result<usize> {
        let name = format!("minibatch {minibatch}, row 1, from character");
        let line = text.lines().find(|line| line.contains(&name));
        let rest = line.and_then(|line| line.split("character").nth(1));
        let number = rest.and_then(|rest| rest.split(':').next());
        Ok(number.context(text.clone())?.trim().parse()?)
    };
    ensure!(start(2)? == start(1)? + 5, "{text}");
    let through_time = shown(&["gradients-through-time"])?;
    ensure!(
        through_time.contains("  input    [32, 50]"),
        "{through_time}"
    );
    let figure = folder.path().join("runs/recurrent/figures/n-grams.svg");
    ensure!(figure.exists(), "{text}");
    let runs = std::fs::read_dir(folder.path().join("runs/recurrent"))?;
    ensure!(runs.count() == 1, "nothing is trained");
    Ok(())
}

/// Every way of truncation trains, each on gradients of its own.
#[test]
fn truncations_differ_and_the_full_gradient_is_the_rnns() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let flags = [
        "--epochs",
        "3",
        "--num-hiddens",
        "16",
        "--implementation",
        "scratch",
    ];
    let mut found = Vec::new();
    for truncation in ["full", "regular", "randomised"] {
        let model = ["rnn-truncated", "--truncation", truncation];
        let run = train(&folder, truncation, &[&model[..], &flags].concat())?;
        found.push(perplexities(&run)?);
    }
    let same = ["rnn"];
    let rnn = train(&folder, "rnn", &[&same[..], &flags].concat())?;
    ensure!(perplexities(&rnn)? == found[0], "{found:?}");
    ensure!(
        found[0] != found[1] && found[1] != found[2] && found[0] != found[2],
        "{found:?}"
    );
    Ok(())
}

/// The norms through time: with small recurrent weights they fall faster than with large ones.
#[test]
fn gradients_vanish_and_explode_on_request() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let small = [
        "--num-hiddens",
        "16",
        "--num-steps",
        "20",
        "--max-tokens",
        "2560",
    ];
    let flags = [&["gradients-through-time", "--epochs", "1"][..], &small].concat();
    let factors = |scale: &str| -> Result<Vec<f64>> {
        let run = train(
            &folder,
            scale,
            &[&flags[..], &["--recurrent-scale", scale]].concat(),
        )?;
        ensure!(run.join("figures/gradients-through-time.svg").exists());
        let end = log(&run)?.pop().context("lines")?;
        let names = ["rnn_h", "gru_h", "lstm_h", "lstm_c"];
        let all = names.map(|name| end["final"][format!("factor.start.{name}")].as_f64());
        let found: Vec<f64> = all.into_iter().flatten().collect();
        ensure!(found.len() == 4, "{end}");
        Ok(found)
    };
    let (vanishing, exploding) = (factors("0.5")?, factors("8")?);
    ensure!(
        vanishing[0] < 0.5 && exploding[0] > 1.0,
        "{vanishing:?} {exploding:?}"
    );
    ensure!(vanishing[1] < 0.8, "{vanishing:?}");
    Ok(())
}

#[test]
fn the_autoregressive_models_errors_grow_with_the_steps_ahead() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for (name, hiddens, parameters) in [("perceptron", "10", 61), ("linear", "0", 5)] {
        let flags = ["autoregressive", "--epochs", "20", "--num-hiddens", hiddens];
        let run = train(&folder, name, &flags)?;
        let lines = log(&run)?;
        ensure!(lines[0]["parameters"] == parameters, "{name}: {}", lines[0]);
        let end = lines.last().context("lines")?;
        let error = |of: &str| {
            end["final"][format!("error.{of}")]
                .as_f64()
                .context(format!("{end}"))
        };
        let (near, far) = (error("ahead1")?, error("ahead64")?);
        // The noise alone is 0.04; a series without a prediction has about ½.
        ensure!((0.03..0.1).contains(&near), "{name}: {near}");
        ensure!(far > 2.0 * near, "{name}: {far} after {near}");
        for figure in ["one-step", "multi-step", "k-steps"] {
            ensure!(
                run.join(format!("figures/{figure}.svg")).exists(),
                "{name}: {figure}"
            );
        }
    }
    let shown = recurrent(folder.path(), &["autoregressive", "--inspect"])?;
    let shown = String::from_utf8(shown.stdout)?;
    ensure!(shown.contains("  input    [16, 4]"), "{shown}");
    ensure!(shown.contains("  target   [16, 1]"), "{shown}");
    Ok(())
}
