//! Yes or no: diabetes among Pima women, survival on the Titanic. Logistic regression, and a small network.
//!
//! p = σ(o), o = Hw + b, trained with the cross-entropy of yes and no. Without hidden layers this is logistic
//! regression (en 4.1 has its generalisation, softmax). 8-6-4-1 is the network of the PyTorch courses of Sung Kim and
//! Liu Er; theirs has the sigmoid behind every layer, as here.

use anyhow::Result;
use d2l::data::{DiabetesForm, Tabular, diabetes, titanic};
use d2l::nn::Initializer;
use d2l::{BinaryClassifier, Implementation, Preset, PresetName, Recipe, Run, fit};

use crate::Args;
use crate::activation::Activation;
use crate::concise::Mlp;

/// Diabetes, 8-6-4-1.
pub const DIABETES: &str = "diabetes";
/// Diabetes by logistic regression.
pub const DIABETES_LOGISTIC: &str = "diabetes-logistic";
/// Survival, with one hidden layer.
pub const TITANIC: &str = "titanic";
/// Survival by logistic regression.
pub const TITANIC_LOGISTIC: &str = "titanic-logistic";

/// The experiments.
pub const PRESETS: &[Preset] = &[
    BASE,
    Preset {
        model: DIABETES_LOGISTIC,
        ..BASE
    },
    Preset {
        model: TITANIC,
        ..BASE
    },
    Preset {
        model: TITANIC_LOGISTIC,
        ..BASE
    },
];

const BASE: Preset = Preset {
    model: DIABETES,
    implementation: Implementation::Concise,
    name: PresetName::Quick,
    section: "zh 4.1, en 5.1",
    recipe: Recipe {
        epochs: 100,
        batch_size: 32,
        learning_rate: 0.1,
        initializer: Initializer::PytorchDefault,
        ..Recipe::SGD
    },
    bands: &[],
};

/// Hidden units of each layer.
fn hidden(model: &str) -> &'static [usize] {
    match model {
        DIABETES => &[6, 4],
        TITANIC => &[8],
        _ => &[],
    }
}

/// Trains, and says what guessing the commoner answer would reach and, for logistic regression, what each feature
/// weighs.
pub fn train(args: &Args, run: &mut Run) -> Result<()> {
    let table: Tabular = match run.model() {
        TITANIC | TITANIC_LOGISTIC => run.load(titanic)?,
        _ => {
            let form = args.form.unwrap_or_default();
            run.hyperparameter("form", Some(form.name()), DiabetesForm::default().name());
            run.load(|choice, folder| diabetes(choice, folder, form))?
        }
    };
    let splits = run.first_examples(table.splits);
    let hidden = hidden(run.model());
    let widths = [&[table.feature_names.len()], hidden, &[1]].concat();
    let initializer = run.recipe().initializer;
    let model = Mlp::new(&widths, Activation::Sigmoid, &initializer, run.params())?;
    if run.shows_summary(&model, &splits.train.batch(&[0], &run.device())?[0])? {
        return Ok(());
    }
    let task = BinaryClassifier::new(model);
    let mut optimizer = run.optimizer()?;
    fit(&task, &splits, &mut optimizer, run)?;

    let rows: Vec<usize> = (0..splits.valid.len()).collect();
    let [_, y] = splits.valid.batch(&rows, &run.device())?;
    let yes = f64::from(y.mean_all()?.to_scalar::<f32>()?);
    run.record_final("valid.accuracy_of_guessing", yes.max(1.0 - yes));
    if hidden.is_empty() {
        say_weights(run, &table.feature_names)?;
    }
    Ok(())
}

/// Prints the weight of each feature, the heaviest first. Features are standardised, so that weights compare.
fn say_weights(run: &Run, names: &[String]) -> Result<()> {
    let parameters = run.params().parameters();
    for (_, weight) in parameters
        .iter()
        .filter(|(name, _)| name == "output.weight")
    {
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
