//! Chapter 03: the multilayer perceptron (D2L zh 4.1-4.6, 4.8 and 4.10, en 5.1-5.7).
//!
//! Reading order:
//! 1. [`scratch`]: one hidden layer and ReLU by their definitions
//! 2. [`concise`]: the same with the library, and any number of layers
//! 3. [`activation`]: what may stand in ReLU's place
//! 4. [`gradients`]: how they vanish and explode through many layers
//! 5. [`dropout`]: two hidden layers whose units fall out at random while training
//! 6. [`regularization`]: a price on large weights, L1 and L2
//! 7. [`binary`]: questions of yes and no, with logistic regression and a small network
//! 8. [`house_price`]: cross-validation, missing values, and a file of predictions for Kaggle
//! 9. [`digits`]: the ladder of Nielsen's course

pub mod activation;
pub mod binary;
pub mod concise;
pub mod digits;
pub mod dropout;
pub mod gradients;
pub mod house_price;
pub mod regularization;
pub mod scratch;

use std::num::NonZeroUsize;

use activation::Activation;
use anyhow::Result;
use candle_core::Tensor;
use concise::Mlp;
use d2l::data::{DiabetesForm, ImageClasses, ImageSet};
use d2l::nn::Network;
use d2l::{Classifier, Implementation, Outcome, Preset, Run, fit, usage};
use regularization::Penalized;

/// Hidden units in both editions (zh 4.2.1 and 4.6.4.2, en 5.2.1 and 5.6.2.1).
const NUM_HIDDENS: usize = 256;

/// Flags of this chapter.
#[derive(Debug, clap::Parser)]
#[command(
    name = "mlp",
    version,
    about = "Chapter 03: the multilayer perceptron. --model mlp (784-256-10), dropout (784-256-256-10), house-price, \
             diabetes, diabetes-logistic, titanic, titanic-logistic, digits-quadratic30 … digits-tuned"
)]
pub struct Args {
    /// The flags that every chapter has.
    #[command(flatten)]
    pub common: d2l::Args,
    /// Units of each hidden layer of `mlp`, `dropout` and `house-price` [default: 256]
    #[arg(long, value_name = "N", help_heading = "Model")]
    pub num_hiddens: Option<NonZeroUsize>,
    /// Hidden layers of `mlp`, concise [default: 1], and of `house-price` [default: none]. With several of `mlp`, the
    /// gradient of each before the first step is logged and drawn
    #[arg(long, value_name = "N", help_heading = "Model")]
    pub num_layers: Option<NonZeroUsize>,
    /// Function behind each hidden layer of `mlp`, concise [default: relu]. All are drawn with their derivatives
    #[arg(long, value_enum, help_heading = "Model")]
    pub activation: Option<Activation>,
    /// Price λ on Σ |w| of `mlp`, concise, added to the training loss [default: 0]
    #[arg(long, value_name = "LAMBDA", value_parser = price, help_heading = "Model")]
    pub l1: Option<f64>,
    /// Price λ on Σ w² / 2 of `mlp`, concise, added to the training loss [default: 0]
    #[arg(long, value_name = "LAMBDA", value_parser = price, help_heading = "Model")]
    pub l2: Option<f64>,
    /// Probability that a unit of the first hidden layer of `dropout` falls out [default: the edition's]
    #[arg(long, value_name = "P", value_parser = probability, help_heading = "Model")]
    pub dropout1: Option<f64>,
    /// Probability that a unit of the second hidden layer of `dropout` falls out [default: the edition's]
    #[arg(long, value_name = "P", value_parser = probability, help_heading = "Model")]
    pub dropout2: Option<f64>,
    /// What `diabetes` and `diabetes-logistic` learn from [default: raw]: the table as published, unknown values as 0;
    /// the same with the training rows' median in their place; or the courses' file of 759 women, scaled to -1 .. 1, with
    /// yes and no exchanged
    #[arg(long, value_name = "raw|filled|scaled", help_heading = "Data")]
    pub form: Option<DiabetesForm>,
    /// Which images `mlp` and `dropout` learn from [default: fashion-mnist]
    #[arg(
        long,
        value_name = "fashion-mnist|mnist|cifar-10",
        help_heading = "Data"
    )]
    pub data_set: Option<ImageSet>,
}

/// Reads a probability.
fn probability(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(p) if (0.0..=1.0).contains(&p) => Ok(p),
        _ => Err("wanted a number from 0 to 1".to_string()),
    }
}

/// Reads a price on large weights.
fn price(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(lambda) if (0.0..f64::INFINITY).contains(&lambda) => Ok(lambda),
        _ => Err("wanted a number of 0 or more".to_string()),
    }
}

/// All experiments of this chapter.
pub fn presets() -> Vec<Preset> {
    [
        scratch::PRESETS,
        concise::PRESETS,
        dropout::scratch::PRESETS,
        dropout::concise::PRESETS,
        house_price::PRESETS,
        binary::PRESETS,
        digits::PRESETS,
    ]
    .concat()
}

/// Trains what the flags ask for.
pub fn run(args: &Args) -> Result<Outcome> {
    d2l::chapter("mlp", &presets(), &args.common, |run| {
        args.check(run)?;
        match run.model() {
            "mlp" | "dropout" => train_on_clothes(args, run),
            house_price::NAME => house_price::train(args, run),
            model if digits::is_rung(model) => digits::train(run),
            _ => binary::train(args, run),
        }
    })
}

impl Args {
    /// Refuses flags of the chapter's other models.
    fn check(&self, run: &Run) -> Result<()> {
        const CONCISE_MLP: &str = "--model mlp --implementation concise";
        let model = run.model();
        let is_concise_mlp = model == "mlp" && run.implementation() == Implementation::Concise;
        let has_layers = is_concise_mlp || model == house_price::NAME;
        let is_on_clothes = matches!(model, "mlp" | "dropout");
        let has_width = is_on_clothes || (has_layers && self.num_layers.is_some());
        let given = [
            (
                "num-hiddens",
                self.num_hiddens.is_some(),
                has_width,
                "--model mlp, to dropout, and to house-price with --num-layers",
            ),
            (
                "num-layers",
                self.num_layers.is_some(),
                has_layers,
                "--model mlp --implementation concise and to house-price",
            ),
            (
                "activation",
                self.activation.is_some(),
                is_concise_mlp,
                CONCISE_MLP,
            ),
            ("l1", self.l1.is_some(), is_concise_mlp, CONCISE_MLP),
            ("l2", self.l2.is_some(), is_concise_mlp, CONCISE_MLP),
            (
                "dropout1",
                self.dropout1.is_some(),
                model == "dropout",
                "--model dropout",
            ),
            (
                "dropout2",
                self.dropout2.is_some(),
                model == "dropout",
                "--model dropout",
            ),
            (
                "data-set",
                self.data_set.is_some(),
                is_on_clothes,
                "--model mlp and to dropout",
            ),
            (
                "form",
                self.form.is_some(),
                model.starts_with(binary::DIABETES),
                "--model diabetes and to diabetes-logistic",
            ),
        ];
        for (flag, is_given, belongs, to) in given {
            if is_given && !belongs {
                usage!(
                    "--{flag} belongs to {to}, not to {model} {}",
                    run.implementation()
                );
            }
        }
        Ok(())
    }
}

fn train_on_clothes(args: &Args, run: &mut Run) -> Result<()> {
    let images = run.images(args.data_set, ImageSet::FashionMnist)?;
    let num_hiddens = args.num_hiddens.map(usize::from);
    let num_hiddens = run.hyperparameter("num-hiddens", num_hiddens, NUM_HIDDENS);
    let sizes = [images.pixels(), num_hiddens, images.class_names.len()];
    match run.model() {
        "dropout" => train_dropout(args, run, &images, sizes),
        _ => train_mlp(args, run, &images, sizes),
    }
}

fn train_mlp(args: &Args, run: &mut Run, images: &ImageClasses, sizes: [usize; 3]) -> Result<()> {
    let initializer = run.recipe().initializer;
    if run.implementation() == Implementation::Scratch {
        let model = scratch::Mlp::new(sizes, &initializer, run.params())?;
        return train(run, images, model);
    }
    let num_layers = run.hyperparameter("num-layers", args.num_layers.map(usize::from), 1);
    let activation = args.activation.unwrap_or_default();
    run.hyperparameter(
        "activation",
        Some(activation.name()),
        Activation::default().name(),
    );
    let l1 = run.hyperparameter("l1", args.l1, 0.0);
    let l2 = run.hyperparameter("l2", args.l2, 0.0);
    let [num_inputs, num_hiddens, num_outputs] = sizes;
    let widths = [
        vec![num_inputs],
        vec![num_hiddens; num_layers],
        vec![num_outputs],
    ]
    .concat();
    let model = Mlp::new(&widths, activation, &initializer, run.params())?;
    if run.shows_summary(&model, &first(images, run)?)? {
        return Ok(());
    }
    let layers = match num_layers {
        1 => None,
        _ => {
            run.load_init()?; // what training starts from
            Some(gradients::record(run, images, &model)?)
        }
    };
    let task = Penalized::new(Classifier::new(model), run.params(), l1, l2);
    // Where gradients explode, training fails; the figure says why.
    let trained = train_penalized(run, images, &task);
    if let Some(layers) = layers {
        gradients::draw(run, &layers)?;
        gradients::draw_initializers(run, images, &widths, activation)?;
    }
    trained?;
    match args.activation {
        Some(_) => activation::draw(run),
        None => Ok(()),
    }
}

/// Trains, and records what the price did to the weights.
fn train_penalized(
    run: &mut Run,
    images: &ImageClasses,
    task: &Penalized<Classifier<Mlp>>,
) -> Result<()> {
    let mut optimizer = run.optimizer()?;
    fit(task, &images.splits, &mut optimizer, run)?;
    if task.is_priced() {
        let (norm, zeros) = task.norm_and_zeros()?;
        run.record_final("weight.norm", norm);
        run.record_final("weight.zeros", zeros);
    }
    d2l::draw_classification(run, &task.task, images)
}

fn train_dropout(
    args: &Args,
    run: &mut Run,
    images: &ImageClasses,
    sizes: [usize; 3],
) -> Result<()> {
    let initializer = run.recipe().initializer;
    let [p1, p2] = dropout::probabilities(run.preset());
    let probabilities = [
        run.hyperparameter("dropout1", args.dropout1, p1),
        run.hyperparameter("dropout2", args.dropout2, p2),
    ];
    match run.implementation() {
        Implementation::Scratch => {
            let model = dropout::scratch::DropoutMlp::new(
                sizes,
                probabilities,
                &initializer,
                run.params(),
            )?;
            train(run, images, model)
        }
        Implementation::Concise => {
            let model = dropout::concise::DropoutMlp::new(
                sizes,
                probabilities,
                &initializer,
                run.params(),
            )?;
            train(run, images, model)
        }
    }
}

fn train(run: &mut Run, images: &ImageClasses, model: impl Network) -> Result<()> {
    if run.shows_summary(&model, &first(images, run)?)? {
        return Ok(());
    }
    let task = Classifier::new(model);
    let mut optimizer = run.optimizer()?;
    fit(&task, &images.splits, &mut optimizer, run)?;
    d2l::draw_classification(run, &task, images)
}

/// The first training picture, `[1, 1, 28, 28]`.
fn first(images: &ImageClasses, run: &Run) -> Result<Tensor> {
    let [x, _] = images.splits.train.batch(&[0], &run.device())?;
    Ok(x)
}
