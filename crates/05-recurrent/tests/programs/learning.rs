//! Every model learns.

use anyhow::{Context, Result, ensure};

use d2l::testing::program;

use crate::{log, perplexities, train, valid, written};

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
    let flags = [&classifier[..], &again, &[model, "--data", "builtin"]].concat();
    let output = program(env!("CARGO_BIN_EXE_recurrent"), folder.path(), &flags).output()?;
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
