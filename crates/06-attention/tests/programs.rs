//! The chapter's flags, its loops and its files on the real program.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use d2l::testing::{log_of as log, program};
use tempfile::TempDir;

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = program(env!("CARGO_BIN_EXE_attention"), folder, arguments);
    command.args(["--data", "builtin"]);
    command
}

fn attention(folder: &Path, arguments: &[&str]) -> Result<Output> {
    Ok(command(folder, arguments).output()?)
}

/// Trains a run of this name; its folder.
fn train(folder: &TempDir, name: &str, flags: &[&str]) -> Result<PathBuf> {
    let flags = [flags, &["--quiet", "--name", name]].concat();
    let output = attention(folder.path(), &flags)?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{flags:?}: {stderr}");
    Ok(folder.path().join("runs/attention").join(name))
}

/// A number of each epoch.
fn of_epochs(run: &Path, group: &str, metric: &str) -> Result<Vec<f64>> {
    let lines = log(run)?;
    let epochs = lines.iter().filter(|line| line["kind"] == "epoch");
    Ok(epochs
        .filter_map(|epoch| epoch[group][metric].as_f64())
        .collect())
}

fn of_end(run: &Path, metric: &str) -> Result<f64> {
    let lines = log(run)?;
    let end = lines.last().context("a log has an end")?;
    end["final"][metric]
        .as_f64()
        .with_context(|| format!("no {metric}"))
}

fn translations(run: &Path) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(run.join("translations.txt"))?;
    Ok(text.lines().map(str::to_string).collect())
}

fn figures(run: &Path) -> Result<Vec<String>> {
    let (mut names, folder) = (Vec::new(), run.join("figures"));
    if !folder.exists() {
        return Ok(names); // nothing was drawn
    }
    for entry in std::fs::read_dir(folder)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// Every translation model learns something in a few epochs.
#[test]
fn the_loss_falls() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for (name, flags) in [
        ("bahdanau", &["bahdanau", "--epochs", "12"][..]),
        (
            "scratch",
            &["bahdanau", "--implementation", "scratch", "--epochs", "12"],
        ),
        ("seq2seq", &["seq2seq", "--epochs", "12"]),
        (
            "word",
            &["seq2seq", "--encoder-end", "word", "--epochs", "12"],
        ),
        (
            "padding",
            &["bahdanau", "--loss", "padding", "--epochs", "12"],
        ),
    ] {
        let run = train(&folder, name, &[flags, &["--examples", "128"]].concat())?;
        for (group, metric) in [("train", "cross_entropy"), ("train", "loss")] {
            let losses = of_epochs(&run, group, metric)?;
            ensure!(losses.len() == 12, "{name}: {losses:?}");
            ensure!(losses[11] < 0.7 * losses[0], "{name} {metric}: {losses:?}");
        }
        ensure!(of_epochs(&run, "valid", "cross_entropy")?.len() == 12);
    }
    Ok(())
}

/// A few pairs learned by heart: three of the book's sentences are among the built-in ones.
#[test]
fn the_books_sentences_are_translated_once_they_are_known_by_heart() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for model in ["bahdanau", "seq2seq"] {
        let flags = [model, "--examples", "170", "--epochs", "150"];
        let run = train(&folder, model, &[&flags[..], &["--dropout", "0"]].concat())?;
        for number in [1, 2, 4] {
            let score = of_end(&run, &format!("bleu.sentence{number}"))?;
            ensure!(
                score == 1.0,
                "{model}: {number} has {score}, {:?}",
                translations(&run)?
            );
        }
        let all: Vec<f64> = (1..5)
            .map(|number| of_end(&run, &format!("bleu.sentence{number}")))
            .collect::<Result<_>>()?;
        let mean = of_end(&run, "bleu.mean")?;
        ensure!((mean - all.iter().sum::<f64>() / 4.0).abs() < 1e-12);
        ensure!((0.0..=1.0).contains(&of_end(&run, "bleu.corpus")?));
        let lines = translations(&run)?;
        ensure!(lines[0] == "go . => va !, bleu 1.000", "{lines:?}");
        ensure!(
            lines[3] == "i'm home . => je suis chez moi ., bleu 1.000",
            "{lines:?}"
        );
    }
    Ok(())
}

#[test]
fn attention_is_drawn_and_one_vector_is_not() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let short = [
        "--epochs",
        "1",
        "--examples",
        "64",
        "--translate",
        "I lost.",
    ];
    for (name, model, drawn) in [
        ("concise", &["bahdanau"][..], true),
        (
            "scratch",
            &["bahdanau", "--implementation", "scratch"],
            true,
        ),
        ("seq2seq", &["seq2seq"], false),
    ] {
        let run = train(&folder, name, &[model, &short].concat())?;
        let found = figures(&run)?;
        for number in 1..=5 {
            let figure = format!("alignment{number}.svg");
            ensure!(found.contains(&figure) == drawn, "{name}: {found:?}");
        }
        ensure!(!found.contains(&"alignment6.svg".to_string()));
    }
    Ok(())
}

#[test]
fn unknown_words_are_said_to_be_unknown() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let long = "I'm zebra i'm home i'm yak i'm home i'm zebra i'm home i'm home .";
    for (name, sentence, remark) in [
        ("known", "I'm home.", None),
        (
            "unknown",
            "I'm zebra.",
            Some("(unknown words, read as <unk>: zebra)"),
        ),
        (
            "long",
            long,
            Some(
                "(unknown words, read as <unk>: zebra, yak, zebra; only the first 10 of 15 tokens are read)",
            ),
        ),
    ] {
        let flags = ["--epochs", "0", "--examples", "50", "--translate", sentence];
        let run = train(&folder, name, &[&["bahdanau"][..], &flags].concat())?;
        let lines = translations(&run)?;
        ensure!(
            lines[5].starts_with(&format!("{sentence} => ")),
            "{lines:?}"
        );
        ensure!(lines.get(6).map(String::as_str) == remark, "{lines:?}");
    }
    Ok(())
}

/// The same parameters by hand and with the library: one continues from the other's file.
#[test]
fn parameters_go_from_the_library_to_the_model_by_hand() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let trained = train(&folder, "trained", &["--epochs", "20", "--examples", "100"])?;
    let file = trained.join("model.safetensors");
    let file = file.to_str().context("a plain path")?;
    for implementation in ["scratch", "concise"] {
        let flags = ["--epochs", "0", "--init", file, "--implementation"];
        let flags = [&flags[..], &[implementation, "--examples", "100"]].concat();
        let run = train(&folder, implementation, &flags)?;
        ensure!(
            translations(&run)? == translations(&trained)?,
            "{implementation}"
        );
        let [before, after] = [&trained, &run].map(|run| of_epochs(run, "valid", "loss"));
        let (before, after) = (before?, after?);
        let gap = (before[19] - after[0]).abs();
        ensure!(gap < 1e-5, "{implementation}: {gap}");
    }
    Ok(())
}

#[test]
fn pairs_can_be_inspected() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for (flags, pairs) in [(&["--inspect"][..], 3), (&["--inspect", "5"], 5)] {
        let output = attention(folder.path(), &[&["bahdanau"][..], flags].concat())?;
        let stdout = String::from_utf8(output.stdout)?;
        let wanted = format!("source               [B = {pairs}, T = 10]");
        ensure!(stdout.starts_with(&wanted), "{stdout}");
        ensure!(
            stdout.matches("decoder input  <bos>").count() == pairs,
            "{stdout}"
        );
    }
    ensure!(!folder.path().join("runs").exists(), "nothing is trained");
    Ok(())
}

#[test]
fn a_beam_is_a_choice_that_the_log_shows() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let flags = ["bahdanau", "--epochs", "3", "--examples", "64"];
    let one = train(&folder, "one", &flags)?;
    let three = train(&folder, "three", &[&flags[..], &["--beam", "3"]].concat())?;
    ensure!(log(&one)?[0]["recipe"]["beam"] == 1 && log(&three)?[0]["recipe"]["beam"] == 3);
    ensure!(of_epochs(&one, "train", "loss")? == of_epochs(&three, "train", "loss")?);
    Ok(())
}

/// Interrupted within an epoch and resumed, the loop ends with the same parameters, bit for bit.
#[test]
#[cfg(unix)]
fn an_interrupted_run_goes_on_where_it_stopped() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let flags = ["bahdanau", "--epochs", "40", "--examples", "300"];
    let whole = train(&folder, "whole", &flags)?;
    let stopped = folder.path().join("runs/attention/stopped");
    let more = ["--quiet", "--name", "stopped"];
    let mut child = command(folder.path(), &[&flags[..], &more].concat()).spawn()?;
    while of_epochs(&stopped, "train", "loss").map_or(0, |losses| losses.len()) < 2 {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let id = child.id().to_string();
    ensure!(Command::new("kill").args(["-INT", &id]).status()?.success());
    let status = child.wait()?;
    ensure!(
        status.code() == Some(130),
        "{status}: finished before it was interrupted"
    );

    train(&folder, "stopped", &[&flags[..], &["--resume"]].concat())?;
    let model = |run: &Path| std::fs::read(run.join("model.safetensors"));
    ensure!(model(&whole)? == model(&stopped)?, "parameters differ");
    ensure!(of_epochs(&whole, "train", "loss")? == of_epochs(&stopped, "train", "loss")?);
    ensure!(translations(&whole)? == translations(&stopped)?);
    Ok(())
}

#[test]
fn a_learned_kernel_is_nearer_to_the_curve_than_the_mean_of_all_points() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let run = train(&folder, "learned", &["kernel-regression"])?;
    let losses = of_epochs(&run, "train", "loss")?;
    ensure!(losses.len() == 5 && losses[4] < losses[0], "{losses:?}");
    let [average, fixed, learned] =
        ["average", "fixed", "learned"].map(|name| of_end(&run, &format!("error.{name}")));
    let (average, fixed, learned) = (average?, fixed?, learned?);
    ensure!(
        fixed < average && learned < average,
        "{average} {fixed} {learned}"
    );
    ensure!(of_epochs(&run, "valid", "loss")?.last() == Some(&learned));
    let wanted = ["regression.svg", "weights-fixed.svg", "weights-learned.svg"];
    let found = figures(&run)?;
    ensure!(
        wanted.iter().all(|name| found.contains(&name.to_string())),
        "{found:?}"
    );

    // w = 1 is the fixed kernel, w = 0 the mean of all values.
    for (width, same) in [("1", "error.fixed"), ("0", "error.average")] {
        let flags = ["kernel-regression", "--epochs", "0", "--width", width];
        let run = train(&folder, width, &flags)?;
        ensure!(of_end(&run, "error.learned")? == of_end(&run, same)?);
    }
    Ok(())
}

#[test]
fn bad_flags_are_refused() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let refused: [(&[&str], &str); 8] = [
        (&["bahdanau", "--beam", "0"], "--beam"),
        (
            &["bahdanau", "--dropout", "1.5"],
            "wanted a number from 0 to 1",
        ),
        (&["bahdanau", "--num-layers", "0"], "--num-layers"),
        (
            &["bahdanau", "--encoder-end", "start"],
            "[possible values: padding, word]",
        ),
        (
            &[
                "bahdanau",
                "--implementation",
                "scratch",
                "--encoder-end",
                "word",
            ],
            "--encoder-end: belongs to --implementation concise",
        ),
        (
            &["--context", "state"],
            "write `attention seq2seq --context",
        ),
        (
            &["kernel-regression", "--batch-size", "10"],
            "--batch-size: all points are one minibatch here",
        ),
        (
            &["seq2seq", "--implementation", "scratch"],
            "`seq2seq` has no preset scratch quick",
        ),
    ];
    for (flags, message) in refused {
        let output = attention(folder.path(), flags)?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.code() == Some(2), "{flags:?}: {stderr}");
        ensure!(stderr.contains(message), "{flags:?}: {stderr}");
        ensure!(stderr.lines().count() == 1, "{stderr}");
    }
    ensure!(!folder.path().join("runs").exists(), "nothing was started");
    Ok(())
}
