//! Chapter 04: convolutional networks (D2L zh 6.2-6.6, 7.5 and 7.6, en 7.2-7.6, 8.5 and 8.6).
//!
//! Reading order:
//! 1. [`lenet::scratch`]: cross-correlation and pooling by their definitions, and LeNet made of them
//! 2. [`lenet::concise`]: LeNet with the library
//! 3. [`resnet`]: eighteen layers, batch normalisation, and paths around the blocks

pub mod lenet;
pub mod resnet;

use anyhow::Result;
use candle_core::Tensor;
use d2l::data::{ImageClasses, ImageSet};
use d2l::nn::Network;
use d2l::{Classifier, Implementation, Outcome, Preset, Run, fit};

/// Flags of this chapter.
#[derive(Debug, clap::Parser)]
#[command(
    name = "convolutional",
    version,
    about = "Chapter 04: convolutional networks. --model lenet, resnet18"
)]
pub struct Args {
    /// The flags that every chapter has.
    #[command(flatten)]
    pub common: d2l::Args,
    /// Which images [default: fashion-mnist]
    #[arg(long, value_name = "fashion-mnist|mnist", help_heading = "Data")]
    pub data_set: Option<ImageSet>,
}

/// All experiments of this chapter.
pub fn presets() -> Vec<Preset> {
    [
        lenet::scratch::PRESETS,
        lenet::concise::PRESETS,
        resnet::PRESETS,
    ]
    .concat()
}

/// Trains what the flags ask for.
pub fn run(args: &Args) -> Result<Outcome> {
    d2l::chapter("convolutional", &presets(), &args.common, |run| {
        let images = run.images(args.data_set, ImageSet::FashionMnist)?;
        let outputs = images.class_names.len();
        let initializer = run.recipe().initializer;
        match (run.model(), run.implementation()) {
            (resnet::NAME, _) => {
                let model = resnet::ResNet18::new(1, outputs, &initializer, run.params())?;
                train(run, &images, model)
            }
            (_, Implementation::Scratch) => {
                let model = lenet::scratch::LeNet::new(outputs, &initializer, run.params())?;
                train(run, &images, model)
            }
            (_, Implementation::Concise) => {
                let model = lenet::concise::LeNet::new(outputs, &initializer, run.params())?;
                train(run, &images, model)
            }
        }
    })
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

/// The logits: what the last layer gives.
fn output_of(mut layers: Vec<(String, Tensor)>) -> candle_core::Result<Tensor> {
    match layers.pop() {
        Some((_, output)) => Ok(output),
        None => candle_core::bail!("found no layers"),
    }
}
