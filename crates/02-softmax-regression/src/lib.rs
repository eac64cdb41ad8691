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
use d2l::nn::{Network, Optimizer};
use d2l::{Classifier, Implementation, Outcome, Preset, Run, fit};

/// Flags of this chapter.
#[derive(Debug, clap::Parser)]
#[command(
    name = "softmax-regression",
    version,
    about = "Chapter 02: softmax regression, a linear image classifier"
)]
pub struct Args {
    /// The flags that every chapter has.
    #[command(flatten)]
    pub common: d2l::Args,
    /// Which images [default: fashion-mnist]
    #[arg(
        long,
        value_name = "fashion-mnist|mnist|cifar-10",
        help_heading = "Data"
    )]
    pub data_set: Option<ImageSet>,
}

/// All experiments of this chapter.
pub fn presets() -> Vec<Preset> {
    [scratch::PRESETS, concise::PRESETS].concat()
}

/// Trains what the flags ask for.
pub fn run(args: &Args) -> Result<Outcome> {
    d2l::chapter("softmax-regression", &presets(), &args.common, |run| {
        let images = run.images(args.data_set, ImageSet::FashionMnist)?;
        let (num_inputs, num_outputs) = (images.pixels(), images.class_names.len());
        let initializer = run.recipe().initializer;
        match run.implementation() {
            Implementation::Scratch => {
                let model = scratch::SoftmaxRegression::new(
                    num_inputs,
                    num_outputs,
                    &initializer,
                    run.params(),
                )?;
                let optimizer = linear_regression::scratch::Sgd::new(run.params(), run.recipe())?;
                let weight = model.w.t()?;
                train(
                    run,
                    &images,
                    Classifier::with_loss(model, scratch::cross_entropy),
                    optimizer,
                    &weight,
                )
            }
            Implementation::Concise => {
                let model = concise::SoftmaxRegression::new(
                    num_inputs,
                    num_outputs,
                    &initializer,
                    run.params(),
                )?;
                let optimizer = run.optimizer()?;
                let weight = model.linear.weight().clone();
                train(run, &images, Classifier::new(model), optimizer, &weight)
            }
        }
    })
}

/// Trains and draws; `weight` is `[K, pixels]` and follows the training.
fn train<M: Network>(
    run: &mut Run,
    images: &ImageClasses,
    task: Classifier<M>,
    mut optimizer: impl Optimizer,
    weight: &Tensor,
) -> Result<()> {
    if run.shows_summary(
        &task.network,
        &images.splits.train.batch(&[0], &run.device())?[0],
    )? {
        return Ok(());
    }
    fit(&task, &images.splits, &mut optimizer, run)?;
    d2l::draw_classification(run, &task, images)?;
    weights::draw(run, weight, images)
}
