//! How the chapter's networks are trained: on pictures of ten classes, with figures of what they see.

use anyhow::Result;
use d2l::data::{Augmentation, ImageClasses, ImageSet};
use d2l::nn::{Initializer, Mode, Network, ParamStore};
use d2l::{Classifier, Run, as_text, fit, side};
use serde::Serialize;

/// Options of every network in this chapter.
#[derive(Clone, Debug, clap::Args, Serialize)]
#[command(next_help_heading = "Pictures")]
pub struct Pictures {
    /// Data set
    #[arg(long, value_name = "fashion-mnist|mnist|cifar-10")]
    #[serde(serialize_with = "as_text")]
    pub data_set: ImageSet,
    /// Random changes of the training pictures, new ones in every epoch: flip, crop, colour, with commas between them
    #[arg(long, value_name = "flip,crop,colour")]
    #[serde(
        serialize_with = "as_text",
        skip_serializing_if = "Augmentation::is_nothing"
    )]
    pub augment: Augmentation,
    /// Which validation picture the figure of feature maps shows [default: 0]
    #[arg(long, value_name = "N")]
    #[serde(skip)]
    pub figure_image: usize,
}

impl Pictures {
    /// The book's: Fashion-MNIST as it is.
    pub const BOOK: Self = Self {
        data_set: ImageSet::FashionMnist,
        augment: Augmentation::NOTHING,
        figure_image: 0,
    };
}

/// Options of the networks for which the book enlarges the pictures.
#[derive(Clone, Debug, clap::Args, Serialize)]
pub struct Enlarged {
    /// Enlarge the pictures to N × N pixels [default: the preset's; quick takes them as they are]
    #[arg(long, value_name = "N", value_parser = side, help_heading = "Pictures")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub side: Option<usize>,
    /// The rest of the options.
    #[command(flatten)]
    #[serde(flatten)]
    pub pictures: Pictures,
}

impl Enlarged {
    /// Pictures in the size in which they are published.
    pub const STORED: Self = Self { side: None, pictures: Pictures::BOOK };

    /// Pictures of `side` × `side` pixels.
    pub const fn to(side: usize) -> Self {
        Self { side: Some(side), ..Self::STORED }
    }
}

/// The shape of a network's inputs and outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Channels of a picture: 1 for grey, 3 for colour.
    pub channels: usize,
    /// Pixels along each side.
    pub side: usize,
    /// Classes.
    pub classes: usize,
}

impl Shape {
    /// Grey pictures of `side` × `side` pixels in ten classes, as in Fashion-MNIST.
    pub const fn grey(side: usize) -> Self {
        Self { channels: 1, side, classes: 10 }
    }
}

/// Trains the network that `build` makes for the pictures' shape, and draws what it has learned.
pub fn train<N: Network>(
    run: &mut Run,
    options: &Pictures,
    side: Option<usize>,
    build: impl FnOnce(Shape, &Initializer, &ParamStore) -> Result<N>,
) -> Result<()> {
    train_network(run, options, side, build)?;
    Ok(())
}

/// [`train`], for whoever wants to draw more: the trained network and its pictures, or nothing under `--summary`.
pub fn train_network<N: Network>(
    run: &mut Run,
    options: &Pictures,
    side: Option<usize>,
    build: impl FnOnce(Shape, &Initializer, &ParamStore) -> Result<N>,
) -> Result<Option<(N, ImageClasses)>> {
    let images = run.settings.images(options.data_set)?;
    let side = side.unwrap_or(images.size().0);
    let images = images.resized(side)?.augmented(options.augment);
    d2l::check_figure_image(&images, options.figure_image)?;
    let (channels, side, _) = images.shape();
    let classes = images.class_names.len();
    let shape = Shape { channels, side, classes };
    let network = build(shape, &run.settings.recipe.initializer, &run.params)?;
    let [x, _] = images.splits.train.batch(&[0], &run.settings.device)?;
    if run.shows_summary(&[&x], || network.forward(&x, Mode::Evaluate))? {
        return Ok(None);
    }
    let task = Classifier::new(network);
    let mut optimizer = run.settings.optimizer(&run.params)?;
    fit(&task, &images.splits, &mut optimizer, run)?;
    d2l::draw_classification(run, &task, &images)?;
    d2l::draw_features(run, &task.network, &images, options.figure_image)?;
    Ok(Some((task.network, images)))
}
