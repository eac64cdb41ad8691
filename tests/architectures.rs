//! The presets train the book's experiments: sizes of pictures and networks, how a text is cut, dropout.

use anyhow::{Context, Result, ensure};
use d2l::Implementation::{self, Concise, Scratch};
use d2l::PresetName::{self, En, Zh};
use serde_json::{Value, json};

use crate::support::{Desk, chapters};

/// An option of a model's preset; `None` for a model without it.
fn option(
    model: &str,
    implementation: Implementation,
    preset: PresetName,
    name: &str,
) -> Result<Value> {
    let models = chapters().into_iter().flat_map(|chapter| chapter.models);
    let mut experiments = models
        .filter(|one| one.name == model)
        .flat_map(|one| one.experiments);
    let found =
        experiments.find(|one| one.implementation == implementation && one.preset == preset);
    let found = found.with_context(|| format!("no {model} {implementation} {preset}"))?;
    Ok(found.options.get(name).cloned().unwrap_or_default())
}

/// zh 7.1-7.7, en 8.1-8.8: the side of the pictures. zh 6.6 and 7.5 train on them as they are.
#[test]
fn pictures_are_enlarged_as_in_the_book() -> Result<()> {
    for (model, presets, side) in [
        ("lenet", &[Zh, En][..], json!(null)),
        ("batchnorm-lenet", &[Zh, En], json!(null)),
        ("alexnet", &[Zh, En], json!(224)),
        ("vgg", &[Zh, En], json!(224)),
        ("nin", &[Zh, En], json!(224)),
        ("googlenet", &[Zh, En], json!(96)),
        ("resnet18", &[Zh, En], json!(96)),
        ("densenet", &[Zh, En], json!(96)),
        ("regnet", &[En], json!(96)),
    ] {
        for &preset in presets {
            let found = option(model, Concise, preset, "side")?;
            ensure!(found == side, "{model} {preset}: {found}, wanted {side}");
        }
    }
    Ok(())
}

/// zh 8.1-9.4, en 9.1-10.3: the number of hidden units, and the network's number of parameters, which follows from them
/// and the 28 characters of the vocabulary.
#[test]
fn recurrent_networks_are_the_books() -> Result<()> {
    let desk = Desk::new()?;
    for (model, implementation, preset, hiddens, parameters) in [
        ("autoregressive", Concise, Zh, 10, "61"),
        ("autoregressive", Concise, En, 0, "5"),
        ("rnn", Scratch, Zh, 512, "291,356"),
        ("rnn-random-sampling", Scratch, Zh, 512, "291,356"),
        ("rnn", Concise, Zh, 256, "80,412"),
        ("gru", Scratch, Zh, 256, "226,076"),
        ("gru", Concise, Zh, 256, "226,844"),
        ("lstm", Scratch, Zh, 256, "299,036"),
        ("lstm", Concise, Zh, 256, "300,060"),
        ("deep-lstm", Concise, Zh, 256, "826,396"),
        ("bidirectional-lstm", Concise, Zh, 256, "2,177,052"),
        ("rnn", Scratch, En, 32, "2,876"),
        ("rnn", Concise, En, 32, "2,908"),
        ("lstm", Scratch, En, 32, "8,732"),
        ("lstm", Concise, En, 32, "8,860"),
        ("gru", Scratch, En, 32, "6,780"),
        ("gru", Concise, En, 32, "6,876"),
        ("deep-rnn", Scratch, En, 32, "4,956"),
        ("deep-gru", Concise, En, 32, "13,212"),
    ] {
        let name = format!("{model} {implementation} {preset}");
        let found = option(model, implementation, preset, "num_hiddens")?;
        ensure!(found == hiddens, "{name}: {found}, wanted {hiddens}");
        let (implementation, preset) = (implementation.to_string(), preset.to_string());
        let call = [
            model,
            "--implementation",
            &implementation,
            "--preset",
            &preset,
        ];
        let summary = [&call[..], &["--data", "builtin", "--summary"]].concat();
        let shown = desk.succeed("recurrent", &summary)?;
        let total = shown.lines().find_map(|line| line.strip_prefix("total"));
        let total = total.map(str::trim);
        ensure!(
            total == Some(parameters),
            "{name}: {total:?}, wanted {parameters}"
        );
    }
    Ok(())
}

/// zh 8.3: the first 10,000 characters, in text windows of 35 that follow one another or are taken in random order. en
/// 9.3: 10,000 text windows of 32, each one character later than the one before.
#[test]
fn texts_are_cut_as_in_the_book() -> Result<()> {
    for (model, preset, steps, sampling) in [
        ("rnn", Zh, 35, "sequential"),
        ("rnn-random-sampling", Zh, 35, "random"),
        ("rnn", En, 32, "windows"),
    ] {
        let of = |name| option(model, Scratch, preset, name);
        ensure!(of("max_tokens")? == 10_000, "{model} {preset}");
        ensure!(of("num_steps")? == steps, "{model} {preset}");
        ensure!(of("sampling")? == sampling, "{model} {preset}");
    }
    Ok(())
}

/// zh 4.6, en 5.6.
#[test]
fn dropout_probabilities_are_the_books() -> Result<()> {
    for implementation in [Scratch, Concise] {
        for (preset, first) in [(Zh, 0.2), (En, 0.5)] {
            let of = |name| option("dropout", implementation, preset, name);
            ensure!(
                of("dropout1")? == first && of("dropout2")? == 0.5,
                "{preset}"
            );
        }
    }
    Ok(())
}
