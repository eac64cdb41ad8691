//! What the presets train is the book's: sizes, shares of dropout, how a text is cut, against `reference/book.toml`.

use anyhow::{Result, bail, ensure};
use toml::Value;

use crate::presets::{book, number, preset_of, presets, text};

#[test]
fn pictures_are_enlarged_as_in_the_book() -> Result<()> {
    for entry in &book()? {
        let model = preset_of(&presets(), entry)?.model;
        let side = convolutional::books_side(model).map(|side| side as i64);
        let wanted = entry["data"].get("resize").and_then(|size| size.get(0));
        ensure!(
            wanted.and_then(Value::as_integer) == side,
            "{model}: {side:?}, wanted {wanted:?}"
        );
    }
    Ok(())
}

#[test]
fn recurrent_networks_are_the_books() -> Result<()> {
    let mut compared = 0;
    for entry in &book()? {
        if entry["data"].get("name").and_then(Value::as_str) != Some("time-machine") {
            continue;
        }
        let presets = presets();
        let preset = preset_of(&presets, entry)?;
        let (id, data) = (text(entry, "id")?, &entry["data"]);
        let hiddens =
            recurrent::default_num_hiddens(preset.model, preset.implementation, preset.name);
        ensure!(
            number(&entry["architecture"], "hidden_size")? == hiddens as f64,
            "{id}: {hiddens} hidden units"
        );
        let num_steps = recurrent::default_num_steps(preset.name);
        ensure!(number(data, "steps")? == num_steps as f64, "{id}");
        ensure!(
            number(data, "train")? == recurrent::MAX_TOKENS as f64,
            "{id}"
        );
        let sampling = recurrent::default_sampling(preset.model, preset.name).name();
        ensure!(
            text(data, "partition")?.starts_with(sampling),
            "{id}: {sampling}"
        );
        let params = d2l::nn::ParamStore::new(0, &candle_core::Device::Cpu);
        let sizes = (number(data, "vocabulary")? as usize, hiddens);
        let initializer = preset.recipe.initializer;
        recurrent::network(
            preset.model,
            preset.implementation,
            sizes,
            &initializer,
            &params,
        )?;
        ensure!(
            number(entry, "parameters")? == params.parameter_count() as f64,
            "{id}: {} parameters",
            params.parameter_count()
        );
        compared += 1;
    }
    ensure!(compared == 17, "{compared} entries of texts");
    Ok(())
}

#[test]
fn dropout_probabilities_are_the_books() -> Result<()> {
    let mut compared = 0;
    for entry in &book()? {
        let Some(wanted) = entry["architecture"].get("dropout") else {
            continue;
        };
        let presets = presets();
        let preset = preset_of(&presets, entry)?;
        let ours = match preset.model {
            "dropout" => mlp::dropout::probabilities(preset.name).to_vec(),
            "alexnet" | "vgg" => vec![convolutional::DENSE_DROPOUT; 2],
            "nin" => vec![convolutional::nin::DROPOUT],
            other => bail!("{other}: no dropout is known here"),
        };
        let ours: Vec<Value> = ours.into_iter().map(Value::from).collect();
        ensure!(
            wanted.as_array() == Some(&ours),
            "{}: {ours:?}, wanted {wanted:?}",
            preset.model
        );
        compared += 1;
    }
    ensure!(compared == 10, "{compared} entries with dropout");
    Ok(())
}
