//! Yes or no: diabetes among Pima women, survival on the Titanic. Logistic regression, and a small network.
//!
//! p = σ(o), o = Hw + b, trained with the cross-entropy of yes and no. Without hidden layers this is logistic
//! regression; its generalisation to several classes is softmax regression (zh 3.4, en 4.1). 8-6-4-1 is the network of
//! the PyTorch courses of Sung Kim and Liu Er, with sigmoids after all layers, as here.

use std::path::Path;

use anyhow::Result;
use d2l::data::{DiabetesForm, Tabular, diabetes, titanic};
use d2l::nn::{Mode, Network};
use d2l::{BinaryClassifier, Model, Preset, PresetName, Recipe, Run, as_text, fit};
use serde::Serialize;

use crate::activation::Activation;
use crate::concise::Mlp;

const RECIPE: Recipe = Recipe {
    epochs: 100,
    batch_size: 32,
    learning_rate: 0.1,
    ..Recipe::SGD
};

/// The entries in the chapter's list: a network and logistic regression for each table.
pub fn models() -> Vec<Model> {
    vec![
        of_diabetes(
            "diabetes",
            "Diabetes: a network of sigmoids, 8-6-4-1",
            &[6, 4],
        ),
        of_diabetes("diabetes-logistic", "Diabetes: logistic regression", &[]),
        of_titanic("titanic", "Titanic: one hidden layer of 8 sigmoids", &[8]),
        of_titanic("titanic-logistic", "Titanic: logistic regression", &[]),
    ]
}

/// The options of the models of diabetes.
#[derive(Clone, Debug, clap::Args, Serialize)]
struct Diabetes {
    /// The table as published, with unknown values as 0 (raw); the same with the training rows' median in their place
    /// (filled); or the courses' file of 759 women, scaled to -1 .. 1, with yes and no exchanged (scaled)
    #[arg(long, value_name = "raw|filled|scaled", help_heading = "Data")]
    #[serde(serialize_with = "as_text")]
    form: DiabetesForm,
    /// Units of each hidden layer.
    #[arg(skip)]
    #[serde(skip)]
    hidden: &'static [usize],
}

/// The options of the models of survival.
#[derive(Clone, Debug, clap::Args, Serialize)]
struct Titanic {
    /// Units of each hidden layer.
    #[arg(skip)]
    #[serde(skip)]
    hidden: &'static [usize],
}

fn of_diabetes(name: &'static str, about: &'static str, hidden: &'static [usize]) -> Model {
    let from_table = |run: &mut Run, options: &Diabetes| {
        let load = |choice, folder: &Path| diabetes(choice, folder, options.form);
        let table = run.settings.load(load)?;
        train(run, table, options.hidden)
    };
    let form = DiabetesForm::Raw;
    let presets = [preset(Diabetes { form, hidden })];
    Model::new(name, about, from_table, &[], &presets)
}

fn of_titanic(name: &'static str, about: &'static str, hidden: &'static [usize]) -> Model {
    let from_table = |run: &mut Run, options: &Titanic| {
        let table = run.settings.load(titanic)?;
        train(run, table, options.hidden)
    };
    Model::new(name, about, from_table, &[], &[preset(Titanic { hidden })])
}

/// The only experiment of each model.
fn preset<O>(options: O) -> Preset<O> {
    Preset::new(PresetName::Quick, "zh 4.1, en 5.1", RECIPE, options)
}

/// Trains, and records the accuracy of guessing the more frequent answer. Logistic regression also prints the weight of
/// each feature.
fn train(run: &mut Run, table: Tabular, hidden: &[usize]) -> Result<()> {
    let splits = run.settings.first_examples(table.splits);
    let widths = [&[table.feature_names.len()], hidden, &[1]].concat();
    let initializer = &run.settings.recipe.initializer;
    let network = Mlp::new(&widths, Activation::Sigmoid, initializer, &run.params)?;
    let [x, _] = splits.train.batch(&[0], &run.settings.device)?;
    if run.shows_summary(&[&x], || network.forward(&x, Mode::Evaluate))? {
        return Ok(());
    }
    let task = BinaryClassifier::new(network);
    let mut optimizer = run.settings.optimizer(&run.params)?;
    fit(&task, &splits, &mut optimizer, run)?;

    let rows: Vec<usize> = (0..splits.valid.len()).collect();
    let [_, y] = splits.valid.batch(&rows, &run.settings.device)?;
    let yes = f64::from(y.mean_all()?.to_scalar::<f32>()?);
    run.record_final("valid.accuracy_of_guessing", yes.max(1.0 - yes));
    if hidden.is_empty() {
        say_weights(run, &table.feature_names)?;
    }
    Ok(())
}

/// Prints the weight of each feature, the largest first. Features are standardised, so that weights can be compared.
fn say_weights(run: &Run, names: &[String]) -> Result<()> {
    let mut parameters = run.params.parameters();
    parameters.retain(|(name, _)| name == "output.weight");
    for (_, weight) in parameters {
        let weights: Vec<f32> = weight.flatten_all()?.to_vec1()?;
        let mut named: Vec<(&String, f32)> = names.iter().zip(weights).collect();
        named.sort_by(|(_, a), (_, b)| b.abs().total_cmp(&a.abs()));
        run.say("");
        for (name, weight) in named {
            run.say(&format!("{name:<28}{weight:>8.3}"));
        }
    }
    Ok(())
}
