//! Chapter 03: the multilayer perceptron on images of clothes (D2L zh 4.1-4.3, en 5.1-5.2).
//!
//! Reading order:
//! 1. [`scratch`]: one hidden layer and ReLU by their definitions
//! 2. [`concise`]: the same with the library

pub mod concise;
pub mod scratch;

use anyhow::Result;
use d2l::data::{ImageClasses, ImageSet};
use d2l::nn::Network;
use d2l::{Classifier, Implementation, Outcome, Preset, Run, fit};

/// Hidden units in both editions (zh 4.2.1, en 5.2.1).
const NUM_HIDDENS: usize = 256;

/// Flags of this chapter.
#[derive(Debug, clap::Parser)]
#[command(
    name = "mlp",
    version,
    about = "Chapter 03: the multilayer perceptron, 784-256-10"
)]
pub struct Args {
    /// The flags that every chapter has.
    #[command(flatten)]
    pub common: d2l::Args,
    /// Units of the hidden layer [default: 256]
    #[arg(long, value_name = "N", help_heading = "Model")]
    pub num_hiddens: Option<std::num::NonZeroUsize>,
    /// Which images [default: fashion-mnist]
    #[arg(long, value_name = "fashion-mnist|mnist", help_heading = "Data")]
    pub data_set: Option<ImageSet>,
}

/// All experiments of this chapter.
pub fn presets() -> Vec<Preset> {
    [scratch::PRESETS, concise::PRESETS].concat()
}

/// Trains what the flags ask for.
pub fn run(args: &Args) -> Result<Outcome> {
    d2l::chapter("mlp", &presets(), &args.common, |run| {
        let images = run.images(args.data_set, ImageSet::FashionMnist)?;
        let num_hiddens = run.hyperparameter(
            "num-hiddens",
            args.num_hiddens.map(usize::from),
            NUM_HIDDENS,
        );
        let sizes = [images.pixels(), num_hiddens, images.class_names.len()];
        let initializer = run.recipe().initializer;
        match run.implementation() {
            Implementation::Scratch => {
                let model = scratch::Mlp::new(sizes, &initializer, run.params())?;
                train(run, &images, model)
            }
            Implementation::Concise => {
                let model = concise::Mlp::new(sizes, &initializer, run.params())?;
                train(run, &images, model)
            }
        }
    })
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
