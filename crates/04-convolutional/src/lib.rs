//! Chapter 04: convolutional networks (D2L zh 6.2-6.6 and 7, en 7.2-7.6 and 8).
//!
//! Reading order:
//! 1. [`cross_correlation`]: what a kernel sees, with padding, stride and channels
//! 2. [`edge_kernel`]: a kernel that is learned from one picture
//! 3. [`pooling`]: the largest number or the mean of a window
//! 4. [`lenet`]: the first network of these parts, by hand and with the library
//! 5. [`batch_norm_lenet`]: batch normalisation by its definition, and what it does for LeNet
//! 6. [`alexnet`]: wider and deeper, with ReLU and dropout
//! 7. [`vgg`]: the same block again and again
//! 8. [`nin`]: a dense network at every pixel
//! 9. [`googlenet`]: several windows side by side
//! 10. [`resnet`]: eighteen layers, batch normalisation, and paths around the blocks
//! 11. [`densenet`]: every layer sees all before it
//! 12. [`regnet`]: a network found in a space of networks
//! 13. [`ladder`]: handwritten digits, the upper rungs of Nielsen's ladder

pub mod alexnet;
pub mod batch_norm_lenet;
pub mod cross_correlation;
mod dense_head;
pub mod densenet;
pub mod edge_kernel;
pub mod googlenet;
pub mod ladder;
mod layers;
pub mod lenet;
pub mod nin;
pub mod pooling;
pub mod regnet;
pub mod resnet;
pub mod vgg;

use std::num::NonZeroUsize;

use anyhow::Result;
use candle_core::Tensor;
use d2l::data::{Augmentation, ImageClasses, ImageSet};
use d2l::nn::Network;
use d2l::{Classifier, Implementation, Outcome, Preset, PresetName, Run, fit, usage};
pub use dense_head::DENSE_DROPOUT;
use lenet::{Activation, Parts, Pooling};

/// Flags of this chapter.
#[derive(Debug, clap::Parser)]
#[command(
    name = "convolutional",
    version,
    about = "Chapter 04: convolutional networks. --model lenet, batchnorm-lenet, alexnet, vgg, nin, googlenet, \
             resnet18, densenet, regnet, edge-kernel, digits-convolution … digits-dropout"
)]
pub struct Args {
    /// The flags that every chapter has.
    #[command(flatten)]
    pub common: d2l::Args,
    /// Function behind the layers of `lenet` [default: sigmoid]
    #[arg(long, value_enum, help_heading = "Model")]
    pub activation: Option<Activation>,
    /// Pooling of `lenet` [default: avg]
    #[arg(long, value_enum, help_heading = "Model")]
    pub pooling: Option<Pooling>,
    /// Blocks in each of the four stages of `resnet18` [default: 2]
    #[arg(long, value_name = "N", help_heading = "Model")]
    pub num_blocks: Option<NonZeroUsize>,
    /// Take batch normalisation out of `resnet18`
    #[arg(long, help_heading = "Model")]
    pub no_batch_norm: bool,
    /// Take the paths around the blocks out of `resnet18`
    #[arg(long, help_heading = "Model")]
    pub no_shortcut: bool,
    /// Pixels along a side that the pictures of the deep networks are enlarged to [default: the preset's]
    #[arg(long, value_name = "N", help_heading = "Data")]
    pub side: Option<NonZeroUsize>,
    /// Which images the networks learn from, but `edge-kernel` and the digits [default: fashion-mnist]
    #[arg(
        long,
        value_name = "fashion-mnist|mnist|cifar-10",
        help_heading = "Data"
    )]
    pub data_set: Option<ImageSet>,
    /// Random changes of the training pictures, in every epoch others: flip, crop, colour, with commas between them
    #[arg(long, value_name = "flip,crop,colour", help_heading = "Data")]
    pub augment: Option<Augmentation>,
    /// Which validation picture the figure of feature maps follows through the layers [default: 0]
    #[arg(long, value_name = "N", help_heading = "Run")]
    pub figure_image: Option<usize>,
}

/// All experiments of this chapter.
pub fn presets() -> Vec<Preset> {
    [
        lenet::scratch::PRESETS,
        lenet::concise::PRESETS,
        batch_norm_lenet::scratch::PRESETS,
        batch_norm_lenet::concise::PRESETS,
        alexnet::PRESETS,
        vgg::PRESETS,
        nin::PRESETS,
        googlenet::PRESETS,
        resnet::PRESETS,
        densenet::PRESETS,
        regnet::PRESETS,
        edge_kernel::PRESETS,
        ladder::PRESETS,
    ]
    .concat()
}

/// Trains what the flags ask for.
pub fn run(args: &Args) -> Result<Outcome> {
    d2l::chapter("convolutional", &presets(), &args.common, |run| {
        args.check(run)?;
        match run.model() {
            edge_kernel::NAME => edge_kernel::train(run),
            model if ladder::is_rung(model) => ladder::train(run),
            _ => train_on_pictures(args, run),
        }
    })
}

impl Args {
    /// Refuses flags of the chapter's other models.
    fn check(&self, run: &Run) -> Result<()> {
        let model = run.model();
        let is_lenet = model == lenet::NAME;
        let is_resnet = model == resnet::NAME;
        let on_pictures = model != edge_kernel::NAME && !ladder::is_rung(model);
        let given = [
            ("activation", self.activation.is_some(), is_lenet, "lenet"),
            ("pooling", self.pooling.is_some(), is_lenet, "lenet"),
            (
                "num-blocks",
                self.num_blocks.is_some(),
                is_resnet,
                "resnet18",
            ),
            ("no-batch-norm", self.no_batch_norm, is_resnet, "resnet18"),
            ("no-shortcut", self.no_shortcut, is_resnet, "resnet18"),
            (
                "side",
                self.side.is_some(),
                books_side(model).is_some(),
                "the deep networks",
            ),
            (
                "data-set",
                self.data_set.is_some(),
                on_pictures,
                "the models of Fashion-MNIST",
            ),
            (
                "figure-image",
                self.figure_image.is_some(),
                on_pictures,
                "the models of Fashion-MNIST",
            ),
            (
                "augment",
                self.augment.is_some(),
                on_pictures,
                "the models of Fashion-MNIST",
            ),
        ];
        for (flag, is_given, belongs, to) in given {
            if is_given && !belongs {
                usage!("--{flag} belongs to {to}, not to {model}");
            }
        }
        Ok(())
    }

    /// The side of the pictures that the network sees, of a data set whose own is `stored`.
    fn side(&self, run: &mut Run, stored: usize) -> usize {
        let Some(books) = books_side(run.model()) else {
            return stored;
        };
        let preset = match run.preset() {
            PresetName::Quick => stored,
            PresetName::Small => SMALL_SIDE,
            PresetName::Zh | PresetName::En => books,
        };
        run.hyperparameter("side", self.side.map(usize::from), preset)
    }

    /// What stands between LeNet's layers.
    fn parts(&self, run: &mut Run) -> Parts {
        let parts = Parts {
            activation: self.activation.unwrap_or_default(),
            pooling: self.pooling.unwrap_or_default(),
        };
        let default = Parts::default();
        run.hyperparameter(
            "activation",
            Some(parts.activation.name()),
            default.activation.name(),
        );
        run.hyperparameter(
            "pooling",
            Some(parts.pooling.name()),
            default.pooling.name(),
        );
        parts
    }

    /// What the exercises change in ResNet.
    fn options(&self, run: &mut Run) -> resnet::Options {
        let default = resnet::Options::default();
        let blocks = self.num_blocks.map(usize::from);
        resnet::Options {
            blocks: run.hyperparameter("num-blocks", blocks, default.blocks),
            batch_norm: !run.switch("no-batch-norm", self.no_batch_norm),
            shortcut: !run.switch("no-shortcut", self.no_shortcut),
        }
    }
}

/// The side of pictures in `small` presets, which five halvings make 1.
const SMALL_SIDE: usize = 32;

/// The side that the book enlarges the pictures of a model to, in both editions; `None` where it takes them as they are.
pub fn books_side(model: &str) -> Option<usize> {
    match model {
        alexnet::NAME | vgg::NAME | nin::NAME => Some(224),
        googlenet::NAME | resnet::NAME | densenet::NAME | regnet::NAME => Some(96),
        _ => None,
    }
}

fn train_on_pictures(args: &Args, run: &mut Run) -> Result<()> {
    let images = run.images(args.data_set, ImageSet::FashionMnist)?;
    let side = args.side(run, images.size().0);
    let augmentation = run.augmentation(args.augment);
    let images = images.resized(side)?.augmented(augmentation);
    let figure_image = args.figure_image.unwrap_or(0);
    d2l::check_figure_image(&images, figure_image)?;
    let model = network(args, run, &images)?;
    if run.shows_summary(&model, &first(&images, run)?)? {
        return Ok(());
    }
    let task = Classifier::new(model);
    let mut optimizer = run.optimizer()?;
    fit(&task, &images.splits, &mut optimizer, run)?;
    d2l::draw_classification(run, &task, &images)?;
    d2l::draw_features(run, &task.network, &images, figure_image)
}

/// The network that the run asks for, for pictures of this shape and as many classes.
fn network(args: &Args, run: &mut Run, images: &ImageClasses) -> Result<Box<dyn Network>> {
    let (channels, side, _) = images.shape();
    let (shape, outputs) = ((channels, side), images.class_names.len());
    let initializer = run.recipe().initializer;
    let init = &initializer;
    Ok(match (run.model(), run.implementation()) {
        (alexnet::NAME, _) => {
            let sizes = alexnet::Sizes::of(side);
            let params = run.params();
            Box::new(alexnet::AlexNet::new(sizes, shape, outputs, init, params)?)
        }
        (vgg::NAME, _) => {
            let sizes = vgg::Sizes::of(side);
            Box::new(vgg::Vgg::new(sizes, shape, outputs, init, run.params())?)
        }
        (nin::NAME, _) => {
            let sizes = nin::Sizes::of(side);
            Box::new(nin::Nin::new(sizes, channels, outputs, init, run.params())?)
        }
        (googlenet::NAME, _) => {
            let params = run.params();
            Box::new(googlenet::GoogLeNet::new(channels, outputs, init, params)?)
        }
        (densenet::NAME, _) => {
            let (blocks, params) = (densenet::blocks(side), run.params());
            Box::new(densenet::DenseNet::new(
                blocks, channels, outputs, init, params,
            )?)
        }
        (regnet::NAME, _) => Box::new(regnet::RegNet::new(channels, outputs, init, run.params())?),
        (resnet::NAME, _) => {
            let (options, params) = (args.options(run), run.params());
            let model = resnet::ResNet18::with_options(channels, outputs, &options, init, params)?;
            Box::new(model)
        }
        (batch_norm_lenet::NAME, Implementation::Scratch) => {
            use batch_norm_lenet::scratch::BatchNormLeNet;
            Box::new(BatchNormLeNet::new(shape, outputs, init, run.params())?)
        }
        (batch_norm_lenet::NAME, Implementation::Concise) => {
            use batch_norm_lenet::concise::BatchNormLeNet;
            Box::new(BatchNormLeNet::new(shape, outputs, init, run.params())?)
        }
        (_, Implementation::Scratch) => {
            let parts = args.parts(run);
            let model = lenet::scratch::LeNet::new(shape, outputs, init, run.params())?;
            Box::new(model.with_parts(parts))
        }
        (_, Implementation::Concise) => {
            let parts = args.parts(run);
            let model = lenet::concise::LeNet::new(shape, outputs, init, run.params())?;
            Box::new(model.with_parts(parts))
        }
    })
}

/// The first training picture, `[1, C, H, W]`.
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
