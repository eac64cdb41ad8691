//! The presets are the book's: hyperparameters and bands, against `reference/book.toml` and the PyTorch twin's runs.

use anyhow::{Context, Result, bail, ensure};
use d2l::nn::Initializer;
use d2l::{Preset, PresetName};
use toml::{Table, Value};

use crate::support::root;

/// From this number of official builds on, their extremes are the band; below, the PyTorch twin's runs are pooled in.
const ENOUGH_BUILDS: i64 = 20;

/// Models whose section the book publishes no distribution for, so that their presets have no bands.
const WITHOUT_BANDS: [&str; 1] = ["airfoil"];

/// Models of which there are too few builds in some editions, and no runs of the PyTorch twin to pool them with: those
/// with pictures of 96 × 96 and more take hours without a GPU, the recurrent ones have no twin that trains.
const WITHOUT_RUNS_OF_THE_TWIN: [&str; 12] = [
    "alexnet",
    "vgg",
    "nin",
    "googlenet",
    "resnet18",
    "densenet",
    "regnet",
    "rnn",
    "gru",
    "lstm",
    "deep-rnn",
    "deep-gru",
];

pub fn presets() -> Vec<Preset> {
    [
        linear_regression::presets(),
        softmax_regression::presets(),
        mlp::presets(),
        convolutional::presets(),
        recurrent::presets(),
    ]
    .concat()
}

pub fn book() -> Result<Vec<Value>> {
    let text = std::fs::read_to_string(root().join("tests/reference/book.toml"))?;
    let book: Table = text.parse()?;
    Ok(book["entry"]
        .as_array()
        .context("book.toml lists entries")?
        .clone())
}

pub fn text<'a>(value: &'a Value, key: &str) -> Result<&'a str> {
    value
        .get(key)
        .and_then(Value::as_str)
        .with_context(|| format!("no text {key} in {value:?}"))
}

pub fn number(value: &Value, key: &str) -> Result<f64> {
    let found = value
        .get(key)
        .and_then(|found| found.as_float().or(found.as_integer().map(|n| n as f64)));
    found.with_context(|| format!("no number {key} in {value:?}"))
}

/// Whether the table says that a number jumps from epoch to epoch: then a preset may leave it out.
fn is_volatile(band: &Value) -> bool {
    band.get("volatile").and_then(Value::as_bool) == Some(true)
}

/// The preset that stands for an entry of the book.
pub fn preset_of<'a>(presets: &'a [Preset], entry: &Value) -> Result<&'a Preset> {
    let (model, implementation) = (text(entry, "model")?, text(entry, "implementation")?);
    let name = match text(entry, "edition")? {
        "zh" => PresetName::Zh,
        "en" => PresetName::En,
        other => bail!("edition {other}"),
    };
    let found = presets.iter().find(|preset| {
        preset.model == model
            && preset.implementation.to_string() == implementation
            && preset.name == name
    });
    found.with_context(|| format!("no preset for {model} {implementation}"))
}

/// The book's name of a quantity as the log has it; of a cross-validation with the fold before it.
fn metric(band: &Value) -> Result<String> {
    let point = text(band, "point")?;
    let metric = metric_of_epoch(band)?;
    Ok(match point.rsplit_once(", ") {
        Some((_, "mean of folds")) => format!("folds.{metric}"),
        Some((_, fold)) if fold.starts_with("fold ") => {
            format!("{}.{metric}", fold.replace(' ', ""))
        }
        _ => metric,
    })
}

fn metric_of_epoch(band: &Value) -> Result<String> {
    let name = text(band, "metric")?;
    let group = match text(band, "how")? {
        "whole-train-eval" => "train_after",
        "window-mean" | "window-mean-of-exp" => "train_window",
        "batch-mean-eval" | "batch-mean-of-exp" => "valid_batches",
        "running-mean-epoch" | "whole-test-eval" | "after-training" | "exp-of-epoch-mean" => {
            let of_every_tenth = text(band, "point")? == "lowest of every tenth epoch";
            let every = if of_every_tenth { "_of_every10" } else { "" };
            return Ok(format!("{name}{every}"));
        }
        "before-update" => {
            // Where an epoch is one batch, the loss of epoch n is the one before step n.
            let step = text(band, "point")?.strip_prefix("step ");
            return Ok(format!("{name}.epoch{}", step.context("a step")?));
        }
        other => bail!("a way to compute it that is not known: {other}"),
    };
    let (_, quantity) = name.split_once('.').context("metrics are group.quantity")?;
    let quantity = quantity.replace("log_mse", "loss"); // what en 5.7 trains on
    let point = match text(band, "point")? {
        "epoch 1" => ".epoch1",
        "epoch 2" => ".epoch2",
        _ => "",
    };
    Ok(format!("{group}.{quantity}{point}"))
}

#[test]
fn hyperparameters_are_the_books() -> Result<()> {
    let presets = presets();
    let entries = book()?;
    // Together with `preset_of` below: each entry has its preset, and each preset of an edition its entry.
    let editions = presets
        .iter()
        .filter(|preset| matches!(preset.name, PresetName::Zh | PresetName::En))
        .filter(|preset| !WITHOUT_BANDS.contains(&preset.model))
        .count();
    ensure!(
        entries.len() == editions,
        "{} entries, {editions} presets",
        entries.len()
    );
    let unjudged = |preset: &&Preset| WITHOUT_BANDS.contains(&preset.model);
    for preset in presets.iter().filter(unjudged) {
        ensure!(preset.bands.is_empty(), "{} has bands", preset.model);
    }
    for entry in &entries {
        let preset = preset_of(&presets, entry)?;
        let id = text(entry, "id")?;
        let (recipe, optimizer) = (&preset.recipe, &entry["optimizer"]);
        ensure!(
            preset.section == format!("{} {}", text(entry, "edition")?, text(entry, "section")?),
            "{id}"
        );
        ensure!(
            recipe.optimizer.to_string() == text(optimizer, "name")?,
            "{id}"
        );
        for (key, value) in [
            ("epochs", recipe.epochs as f64),
            ("batch_size", recipe.batch_size as f64),
            ("learning_rate", recipe.learning_rate),
        ] {
            ensure!(number(optimizer, key)? == value, "{id}: {key} is {value}");
        }
        // Of SGD alone; Adam's own settings are the library's defaults in both.
        let momentum = optimizer
            .get("momentum")
            .map_or(0.0, |m| m.as_float().unwrap_or(f64::NAN));
        ensure!(momentum == recipe.momentum, "{id}: momentum is {momentum}");
        // By hand the penalty is in the loss, and with the library in the optimizer; the recipe has one word for both.
        let penalty = entry["loss"].get("penalty_lambda");
        let decay = penalty.unwrap_or(&optimizer["weight_decay"]);
        ensure!(
            decay.as_float() == Some(recipe.weight_decay),
            "{id}: weight decay is {}",
            recipe.weight_decay
        );
        let is_shuffled = optimizer["shuffle"].as_bool() == Some(true);
        let is_one_example = entry["data"]["train"].as_integer() == Some(1);
        let is_cut_anew = entry["data"].get("offset").is_some(); // a text, by the chapter's own loop
        ensure!(is_shuffled || is_one_example || is_cut_anew, "{id}");
        let clip_norm = optimizer.get("clip_norm").and_then(Value::as_float);
        ensure!(
            clip_norm == recipe.clip_norm,
            "{id}: {:?}",
            recipe.clip_norm
        );
        if let Some(recurrent) = entry["init"].get("recurrent") {
            let hiddens = number(&entry["architecture"], "hidden_size")?;
            let bound = number(recurrent, "bound")?; // six digits of PyTorch's 1 / √H
            ensure!((bound - 1.0 / hiddens.sqrt()).abs() < 1e-6, "{id}: {bound}");
            ensure!(recipe.initializer == Initializer::PytorchDefault, "{id}");
            continue;
        }
        let weight = text(&entry["init"]["weight"], "distribution")?;
        let bias = match entry["init"].get("bias") {
            Some(bias) => text(bias, "distribution")?,
            None => "none", // a model without a bias
        };
        let wanted = match (weight, bias) {
            ("normal", "zeros") => Initializer::NormalZeroBias {
                std: number(&entry["init"]["weight"], "std")?,
            },
            ("normal", "normal") => Initializer::NormalBias {
                std: number(&entry["init"]["weight"], "std")?,
            },
            ("normal", "uniform" | "none") => Initializer::Normal {
                std: number(&entry["init"]["weight"], "std")?,
            },
            ("uniform", "uniform" | "none") => Initializer::PytorchDefault,
            ("xavier-uniform", "uniform") => Initializer::Xavier,
            other => bail!("{id}: initial values {other:?}"),
        };
        ensure!(
            recipe.initializer == wanted,
            "{id}: {:?}, wanted {wanted:?}",
            recipe.initializer
        );
    }
    Ok(())
}

#[test]
fn bands_of_many_builds_are_the_books() -> Result<()> {
    let presets = presets();
    let mut compared = 0;
    for entry in &book()? {
        let preset = preset_of(&presets, entry)?;
        let id = text(entry, "id")?;
        for band in entry["bands"].as_array().context("bands")? {
            if number(band, "builds")? < ENOUGH_BUILDS as f64 {
                let is_alone = WITHOUT_RUNS_OF_THE_TWIN.contains(&preset.model);
                ensure!(!is_alone || preset.bands.is_empty(), "{id} has bands");
                continue;
            }
            let name = metric(band)?;
            let decimals = (text(band, "read")? == "printed")
                .then(|| number(band, "decimals"))
                .transpose()?;
            // The book may print a number and draw it too.
            let is_it =
                |ours: &&d2l::Band| ours.metric == name && ours.decimals.map(f64::from) == decimals;
            let ours = preset.bands.iter().find(is_it);
            if ours.is_none() && is_volatile(band) {
                continue;
            }
            let ours = ours.with_context(|| format!("{id}: no band for {name}"))?;
            for (key, value) in [
                ("low", ours.low),
                ("median", ours.median),
                ("high", ours.high),
            ] {
                ensure!(
                    number(band, key)? == value,
                    "{}: {name} {key} is {value}",
                    text(entry, "id")?
                );
            }
            ensure!(
                number(band, "builds")? == ours.runs as f64 && ours.source == "book",
                "{}: {name}",
                text(entry, "id")?
            );
            compared += 1;
        }
    }
    ensure!(
        compared >= 24,
        "{compared} bands of the Chinese edition were compared"
    );
    Ok(())
}

#[test]
fn bands_of_few_builds_are_pooled_with_the_twins_runs() -> Result<()> {
    let mut compared = 0;
    for preset in presets()
        .iter()
        .filter(|preset| preset.name == PresetName::En)
        .filter(|preset| !WITHOUT_RUNS_OF_THE_TWIN.contains(&preset.model))
    {
        let file = format!(
            "tests/reference/en-{}-{}.json",
            preset.model, preset.implementation
        );
        let text = std::fs::read_to_string(root().join(&file)).context(file.clone())?;
        let reference: serde_json::Value = serde_json::from_str(&text)?;
        let mut metrics = reference["metrics"].as_array().context("metrics")?.clone();
        let has_band = |metric: &serde_json::Value| {
            let name = metric["metric"].as_str();
            preset.bands.iter().any(|band| Some(band.metric) == name)
        };
        metrics.retain(|metric| metric["book"]["volatile"] != true || has_band(metric));
        ensure!(
            metrics.len() == preset.bands.len(),
            "{file}: {} metrics",
            metrics.len()
        );
        for wanted in &metrics {
            let name = wanted["metric"].as_str().context("a name")?;
            let ours = preset.bands.iter().find(|ours| ours.metric == name);
            let ours = ours.with_context(|| format!("{file}: no band for {name}"))?;
            let band = &wanted["band"];
            for (key, value) in [
                ("low", ours.low),
                ("mean", ours.median),
                ("high", ours.high),
            ] {
                ensure!(
                    band[key] == value,
                    "{file}: {name}: {key} is {value}, wanted {}",
                    band[key]
                );
            }
            ensure!(
                band["values"] == ours.runs,
                "{file}: {name}: {} runs",
                ours.runs
            );
            // The band is what it says: mean ± 3 sample standard deviations over twin and builds together.
            let mut values: Vec<f64> = Vec::new();
            for list in [&wanted["twin"]["values"], &wanted["book"]["build_values"]] {
                values.extend(
                    list.as_array()
                        .context("values")?
                        .iter()
                        .filter_map(|value| value.as_f64()),
                );
            }
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let variance = values
                .iter()
                .map(|value| (value - mean).powi(2))
                .sum::<f64>()
                / (values.len() - 1) as f64;
            let close = |a: f64, b: f64| (a - b).abs() <= 1e-6 * mean.abs().max(variance.sqrt());
            ensure!(
                close(ours.low, mean - 3.0 * variance.sqrt()),
                "{file}: {name}"
            );
            ensure!(
                close(ours.high, mean + 3.0 * variance.sqrt()),
                "{file}: {name}"
            );
            compared += 1;
        }
    }
    ensure!(
        compared >= 20,
        "{compared} bands of the English edition were compared"
    );
    Ok(())
}
