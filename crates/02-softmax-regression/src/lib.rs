//! Chapter 02: softmax regression on images of clothes (D2L zh 3.4-3.7, en 4.1-4.5).
//!
//! Reading order:
//! 1. [`scratch`]: softmax and cross-entropy by their definitions, trained with the SGD of chapter 01
//! 2. [`concise`]: the same with the library, where the two are one numerically stable function
//! 3. [`weights`]: what the model has learned, as ten pictures

pub mod concise;
pub mod scratch;
pub mod weights;

use anyhow::Result;
use candle_core::Tensor;
use d2l::data::{ImageClasses, ImageSet};
use d2l::nn::{Mode, Network, Optimizer};
use d2l::{Chapter, Classifier, Implementation, Model, Run, as_text, fit};
use linear_regression::scratch::Sgd;
use serde::Serialize;

/// The chapter's only model.
pub fn chapter() -> Chapter {
    let about = "A linear image classifier (D2L zh 3.6-3.7, en 4.4-4.5)";
    let (scratch, concise) = (scratch::PRESETS, concise::PRESETS);
    Chapter {
        name: "softmax-regression",
        about: "Chapter 02: softmax regression, a linear image classifier",
        models: vec![Model::new(
            "softmax-regression",
            about,
            train,
            scratch,
            concise,
        )],
        bands: include_str!("../bands.toml"),
    }
}

/// The option: which pictures the model is trained on.
#[derive(Clone, Debug, clap::Args, Serialize)]
#[command(next_help_heading = "Pictures")]
pub struct Options {
    /// Data set
    #[arg(long, value_name = "fashion-mnist|mnist|cifar-10")]
    #[serde(serialize_with = "as_text")]
    pub data_set: ImageSet,
}

impl Options {
    /// The book's.
    pub const BOOK: Self = Self { data_set: ImageSet::FashionMnist };
}

fn train(run: &mut Run, options: &Options) -> Result<()> {
    let images = run.settings.images(options.data_set)?;
    let (num_inputs, num_outputs) = (images.pixels(), images.class_names.len());
    let recipe = &run.settings.recipe;
    let (initializer, params) = (&recipe.initializer, &run.params);
    match run.settings.implementation {
        Implementation::Scratch => {
            let model =
                scratch::SoftmaxRegression::new(num_inputs, num_outputs, initializer, params)?;
            let (weight, optimizer) = (model.w.t()?, Sgd::new(params, recipe)?);
            let task = Classifier::with_loss(model, scratch::cross_entropy);
            train_and_draw(run, &images, task, optimizer, &weight)
        }
        Implementation::Concise => {
            let model =
                concise::SoftmaxRegression::new(num_inputs, num_outputs, initializer, params)?;
            let (weight, optimizer) = (model.linear.weight().clone(), recipe.optimizer(params)?);
            train_and_draw(run, &images, Classifier::new(model), optimizer, &weight)
        }
    }
}

/// `weight` is the model's, `[K, pixels]`, and changes with it.
fn train_and_draw<M: Network>(
    run: &mut Run,
    images: &ImageClasses,
    task: Classifier<M>,
    mut optimizer: impl Optimizer,
    weight: &Tensor,
) -> Result<()> {
    let [x, _] = images.splits.train.batch(&[0], &run.settings.device)?;
    if run.shows_summary(&[&x], || task.network.forward(&x, Mode::Evaluate))? {
        return Ok(());
    }
    fit(&task, &images.splits, &mut optimizer, run)?;
    d2l::draw_classification(run, &task, images)?;
    weights::draw(run, weight, images)
}
