//! Learning a kernel from data: which two numbers turn a picture into its vertical edges? D2L zh 6.2.4, en 7.2.4.
//!
//! The picture is 1 with a stripe of 0. The target is its cross-correlation with `[1, -1]`: 1 where the picture falls
//! from 1 to 0, -1 where it rises again, 0 elsewhere. Ten steps of gradient descent on this one picture, from random
//! numbers, find nearly that kernel. The book's loss is the sum over all places,
//!
//! l = Σ (ŷ - y)².
//!
//! The book's exercise is flags: a picture with a diagonal edge, and picture or kernel transposed.

use anyhow::Result;
use candle_core::{Device, Module, Tensor};
use d2l::PresetName::{En, Zh};
use d2l::data::{Column, Dataset, Provenance, Splits};
use d2l::nn::{Conv2d, Conv2dConfig, Initializer, Mode, Network, ParamStore, Step, block};
use d2l::plot::{Picture, Scale, image_grid};
use d2l::{Implementation, Model, Preset, Recipe, Run, Scores, Task, fit};
use serde::Serialize;

use crate::cross_correlation::corr2d;

const ZH: Recipe = Recipe {
    epochs: 10,
    batch_size: 1,
    learning_rate: 0.03,
    initializer: Initializer::PytorchDefault,
    ..Recipe::SGD
};
/// The experiments with the library. An epoch is one step on the one picture, so the loss of epoch n is the loss before
/// step n. The book prints it for every second step.
pub const PRESETS: &[Preset<Options>] = &[
    Preset::quick(10, "zh 6.2", ZH, Options::BOOK),
    Preset::new(Zh, "zh 6.2", ZH, Options::BOOK),
    Preset::new(En, "en 7.2", ZH, Options::BOOK),
];
/// The experiment by hand.
pub const SCRATCH_PRESETS: &[Preset<Options>] = &[Preset::quick(10, "zh 6.2", ZH, Options::BOOK)];

/// A kernel of two cells without a bias.
pub struct EdgeKernel {
    w: Tensor,
    implementation: Implementation,
}

impl EdgeKernel {
    /// `weight` `[1, 1, 1, 2]`, or `[1, 1, 2, 1]` if the kernel is transposed, drawn by `init`.
    pub fn new(
        implementation: Implementation,
        options: &Options,
        init: &Initializer,
        params: &ParamStore,
    ) -> Result<Self> {
        let hint = init.weight(2, 2);
        let vb = params.builder();
        let (height, width) = options.kernel_size();
        Ok(Self {
            w: vb.get_with_hints((1, 1, height, width), "weight", hint)?,
            implementation,
        })
    }
}

impl Network for EdgeKernel {
    /// `[B, 1, H, W] -> [B, 1, H, W - 1]`, or `[B, 1, H - 1, W]` if the kernel is transposed.
    fn forward(&self, x: &Tensor, _: Mode) -> candle_core::Result<Tensor> {
        block("weight", || match self.implementation {
            Implementation::Scratch => corr2d(x, &self.w),
            Implementation::Concise => {
                Conv2d::new(self.w.clone(), None, Conv2dConfig::default()).forward(x)
            }
        })
    }
}

/// The kernel and the loss Σ (ŷ - y)².
pub struct Edges(pub EdgeKernel);

impl Task<2> for Edges {
    fn training_loss(
        &self,
        [x, y]: &[Tensor; 2],
        step: Step,
        _: &mut Scores,
    ) -> candle_core::Result<Tensor> {
        let y_hat = self.0.forward(x, Mode::Train(step))?;
        (y_hat - y)?.sqr()?.sum_all()
    }

    /// There is no other picture to evaluate on.
    fn evaluate(&self, _: &[Tensor; 2], _: &mut Scores) -> candle_core::Result<()> {
        Ok(())
    }
}

/// Rows and columns of the picture.
const SIZE: (usize, usize) = (6, 8);

/// The dark columns of the book's picture.
const STRIPE: std::ops::Range<usize> = 2..6;

/// The kernel that makes the target. zh 6.2.3, en 7.2.3.
const TRUE_KERNEL: [f32; 2] = [1.0, -1.0];

/// What the exercise changes.
#[derive(Clone, Debug, clap::Args, Serialize)]
#[command(next_help_heading = "Model")]
pub struct Options {
    /// The picture
    #[arg(long, value_enum)]
    pub picture: Drawing,
    /// Make the picture's rows its columns
    #[arg(long)]
    pub transpose_picture: bool,
    /// Put the kernel's two cells one above the other, in the target too
    #[arg(long)]
    pub transpose_kernel: bool,
}

/// A picture of 6 × 8 pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Drawing {
    /// 1 with a stripe of 0, the book's
    Stripe,
    /// 1 above the diagonal, 0 on it and below
    Diagonal,
}

impl Drawing {
    fn is_dark(self, row: usize, column: usize) -> bool {
        match self {
            Self::Stripe => STRIPE.contains(&column),
            Self::Diagonal => column <= row,
        }
    }
}

impl Options {
    /// The book's.
    pub const BOOK: Self = Self {
        picture: Drawing::Stripe,
        transpose_picture: false,
        transpose_kernel: false,
    };

    /// Height and width.
    fn kernel_size(&self) -> (usize, usize) {
        if self.transpose_kernel {
            (2, 1)
        } else {
            (1, 2)
        }
    }

    /// The picture, `[1, 6, 8]`, and its edges, `[1, 6, 7]`, for the book's options.
    pub fn data(&self) -> Result<Splits<2>> {
        let (rows, columns) = SIZE;
        let (picture, (height, width)) = (self.picture, self.kernel_size());
        let pixel = |i: usize| {
            if picture.is_dark(i / columns, i % columns) {
                0.0
            } else {
                1.0
            }
        };
        let pixels: Vec<f32> = (0..rows * columns).map(pixel).collect();
        let mut x = Tensor::from_vec(pixels, (1, 1, rows, columns), &Device::Cpu)?;
        if self.transpose_picture {
            x = x.t()?.contiguous()?;
        }
        let w = Tensor::from_slice(&TRUE_KERNEL, (1, 1, height, width), &Device::Cpu)?;
        let edges = corr2d(&x, &w)?;
        let floats = |x: Tensor| -> Result<Column> {
            let (_, channels, height, width) = x.dims4()?;
            let values = x.flatten_all()?.to_vec1()?;
            Ok(Column::Floats { values, shape: vec![channels, height, width] })
        };
        let train = Dataset::new([floats(x)?, floats(edges)?])?;
        Ok(Splits {
            provenance: Provenance::synthetic(&d2l::name_of(&picture), &[&train]),
            valid: train.clone().first(0),
            train,
        })
    }
}

/// The edge kernel in the chapter's list.
pub fn model() -> Model {
    let about = "A kernel that learns to find edges from one picture (D2L zh 6.2, en 7.2)";
    Model::new("edge-kernel", about, train, SCRATCH_PRESETS, PRESETS)
}

/// Trains, shows the kernel that was learned, and draws the edges that it finds.
fn train(run: &mut Run, options: &Options) -> Result<()> {
    let data = options.data()?;
    let settings = &run.settings;
    let init = &settings.recipe.initializer;
    let kernel = EdgeKernel::new(settings.implementation, options, init, &run.params)?;
    let [x, y] = data.train.batch(&[0], &settings.device)?;
    if run.shows_summary(&[&x], || kernel.forward(&x, Mode::Evaluate))? {
        return Ok(());
    }
    let task = Edges(kernel);
    let mut optimizer = run.settings.optimizer(&run.params)?;
    fit(&task, &data, &mut optimizer, run)?;
    let Edges(kernel) = task;
    let learned = kernel.w.flatten_all()?.to_vec1::<f32>()?;
    if let [first, second] = learned.as_slice() {
        let (names, shown) = match options.transpose_kernel {
            false => (["left", "right"], ""),
            true => (["upper", "lower"], ", one above the other"),
        };
        for (name, &cell) in names.iter().zip(&learned) {
            run.record_final(&format!("kernel.{name}"), f64::from(cell));
        }
        run.say(&format!(
            "learned [{first:.4}, {second:.4}]{shown}; the edges were made with [1, -1]{shown}"
        ));
    }
    draw(run, [&x, &y, &kernel.forward(&x, Mode::Evaluate)?])
}

/// Draws `figures/edges.svg`: the picture, its edges, and those that the learned kernel finds.
fn draw(run: &Run, pictures: [&Tensor; 3]) -> Result<()> {
    let Some(path) = run.figure("edges")? else {
        return Ok(());
    };
    let captions = ["picture", "its edges", "found"];
    let mut grid = Vec::new();
    for (picture, caption) in pictures.into_iter().zip(captions) {
        let (_, _, height, width) = picture.dims4()?;
        grid.push(Picture {
            pixels: picture.flatten_all()?.to_vec1()?,
            width,
            height,
            caption: caption.to_string(),
            highlight: false,
        });
    }
    image_grid(&path, &run.title("edges"), &grid, 3, Scale::Diverging)
}
