//! Chapter 03: the multilayer perceptron on images of clothes (D2L zh 4.1-4.3, 4.6 and 4.8, en 5.1, 5.2, 5.4 and 5.6).
//!
//! Reading order:
//! 1. [`scratch`]: one hidden layer and ReLU by their definitions
//! 2. [`concise`]: the same with the library, and any number of layers
//! 3. [`activation`]: what may stand in ReLU's place
//! 4. [`gradients`]: how they vanish and explode through many layers
//! 5. [`dropout`]: two hidden layers whose units fall out at random while training

pub mod activation;
pub mod concise;
pub mod dropout;
pub mod gradients;
pub mod scratch;

use std::num::NonZeroUsize;

use activation::Activation;
use anyhow::Result;
use d2l::data::{ImageClasses, ImageSet};
use d2l::nn::Network;
use d2l::{Classifier, Implementation, Outcome, Preset, Run, fit, usage};

/// Hidden units in both editions (zh 4.2.1 and 4.6.4.2, en 5.2.1 and 5.6.2.1).
const NUM_HIDDENS: usize = 256;

/// Flags of this chapter.
#[derive(Debug, clap::Parser)]
#[command(
    name = "mlp",
    version,
    about = "Chapter 03: the multilayer perceptron (--model mlp, 784-256-10) and dropout (--model dropout, \
             784-256-256-10)"
)]
pub struct Args {
    /// The flags that every chapter has.
    #[command(flatten)]
    pub common: d2l::Args,
    /// Units of each hidden layer [default: 256]
    #[arg(long, value_name = "N", help_heading = "Model")]
    pub num_hiddens: Option<NonZeroUsize>,
    /// Hidden layers of `mlp`, concise [default: 1]. With several, the gradient of each before the first step is
    /// logged and drawn
    #[arg(long, value_name = "N", help_heading = "Model")]
    pub num_layers: Option<NonZeroUsize>,
    /// Function behind each hidden layer of `mlp`, concise [default: relu]. All are drawn with their derivatives
    #[arg(long, value_enum, help_heading = "Model")]
    pub activation: Option<Activation>,
    /// Probability that a unit of the first hidden layer of `dropout` falls out [default: the edition's]
    #[arg(long, value_name = "P", value_parser = probability, help_heading = "Model")]
    pub dropout1: Option<f64>,
    /// Probability that a unit of the second hidden layer of `dropout` falls out [default: the edition's]
    #[arg(long, value_name = "P", value_parser = probability, help_heading = "Model")]
    pub dropout2: Option<f64>,
    /// Which images [default: fashion-mnist]
    #[arg(long, value_name = "fashion-mnist|mnist", help_heading = "Data")]
    pub data_set: Option<ImageSet>,
}

/// Reads a probability.
fn probability(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(p) if (0.0..=1.0).contains(&p) => Ok(p),
        _ => Err("wanted a number from 0 to 1".to_string()),
    }
}

/// All experiments of this chapter.
pub fn presets() -> Vec<Preset> {
    [
        scratch::PRESETS,
        concise::PRESETS,
        dropout::scratch::PRESETS,
        dropout::concise::PRESETS,
    ]
    .concat()
}

/// Trains what the flags ask for.
pub fn run(args: &Args) -> Result<Outcome> {
    d2l::chapter("mlp", &presets(), &args.common, |run| {
        args.check(run)?;
        let images = run.images(args.data_set, ImageSet::FashionMnist)?;
        let num_hiddens = run.hyperparameter(
            "num-hiddens",
            args.num_hiddens.map(usize::from),
            NUM_HIDDENS,
        );
        let sizes = [images.pixels(), num_hiddens, images.class_names.len()];
        match run.model() {
            "dropout" => train_dropout(args, run, &images, sizes),
            _ => train_mlp(args, run, &images, sizes),
        }
    })
}

impl Args {
    /// Refuses flags of the chapter's other models.
    fn check(&self, run: &Run) -> Result<()> {
        let is_dropout = run.model() == "dropout";
        let is_concise_mlp = !is_dropout && run.implementation() == Implementation::Concise;
        for (flag, is_given, belongs, to) in [
            (
                "dropout1",
                self.dropout1.is_some(),
                is_dropout,
                "--model dropout",
            ),
            (
                "dropout2",
                self.dropout2.is_some(),
                is_dropout,
                "--model dropout",
            ),
            (
                "num-layers",
                self.num_layers.is_some(),
                is_concise_mlp,
                "--model mlp --implementation concise",
            ),
            (
                "activation",
                self.activation.is_some(),
                is_concise_mlp,
                "--model mlp --implementation concise",
            ),
        ] {
            if is_given && !belongs {
                usage!(
                    "--{flag} belongs to {to}, not to {} {}",
                    run.model(),
                    run.implementation()
                );
            }
        }
        Ok(())
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
    let model = concise::Mlp::new(sizes, num_layers, activation, &initializer, run.params())?;
    if num_layers == 1 {
        train(run, images, model)?;
    } else {
        if let Some(file) = &args.common.init {
            run.params().load(file)?; // what training starts from
        }
        let layers = gradients::record(run, images, &model)?;
        // Where gradients explode, training fails; the figure says why.
        let trained = train(run, images, model);
        gradients::draw(run, &layers)?;
        trained?;
    }
    match args.activation {
        Some(_) => activation::draw(run),
        None => Ok(()),
    }
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
    if run.shows_summary(&model, &images.splits.train.batch(&[0], &run.device())?[0])? {
        return Ok(());
    }
    let task = Classifier::new(model);
    let mut optimizer = run.optimizer()?;
    fit(&task, &images.splits, &mut optimizer, run)?;
    d2l::draw_classification(run, &task, images)
}
