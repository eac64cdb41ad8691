//! Learning a kernel from data: which two numbers turn a picture into its vertical edges? D2L zh 6.2.4, en 7.2.4.
//!
//! The picture is 1 with a stripe of 0. The target is its cross-correlation with `[1, -1]`: 1 where the picture falls
//! from 1 to 0, -1 where it rises again, 0 elsewhere. Ten steps of gradient descent on this one picture, from random
//! numbers, find nearly that kernel. The book's loss is the sum over all places,
//!
//! l = Σ (ŷ - y)².

use anyhow::Result;
use candle_core::{Device, Module, Tensor};
use d2l::PresetName::{En, Zh};
use d2l::data::{Column, Dataset, Provenance, Splits};
use d2l::nn::{Conv2d, Conv2dConfig, Initializer, Mode, Network, ParamStore, Step, block};
use d2l::plot::{Picture, Scale, image_grid};
use d2l::{Implementation, Model, Preset, Recipe, Run, Scores, Task, fit};

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
pub const PRESETS: &[Preset] = &[
    Preset::quick(10, "zh 6.2", ZH, ()),
    Preset::plain(Zh, "zh 6.2", ZH),
    Preset::plain(En, "en 7.2", ZH),
];
/// The experiment by hand.
pub const SCRATCH_PRESETS: &[Preset] = &[Preset::quick(10, "zh 6.2", ZH, ())];

/// A 1 × 2 kernel without a bias.
pub struct EdgeKernel {
    w: Tensor,
    implementation: Implementation,
}

impl EdgeKernel {
    /// `weight` `[1, 1, 1, 2]`, drawn by `init`.
    pub fn new(
        implementation: Implementation,
        init: &Initializer,
        params: &ParamStore,
    ) -> Result<Self> {
        let hint = init.weight(2, 2);
        let vb = params.builder();
        Ok(Self {
            w: vb.get_with_hints((1, 1, 1, 2), "weight", hint)?,
            implementation,
        })
    }
}

impl Network for EdgeKernel {
    /// `[B, 1, H, W] -> [B, 1, H, W - 1]`
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

/// The dark columns.
const STRIPE: std::ops::Range<usize> = 2..6;

/// The kernel that makes the target. zh 6.2.3, en 7.2.3.
const TRUE_KERNEL: [f32; 2] = [1.0, -1.0];

/// The picture, `[1, 6, 8]`, and its edges, `[1, 6, 7]`.
pub fn picture() -> Result<Splits<2>> {
    let (rows, columns) = SIZE;
    let pixel = |column: usize| if STRIPE.contains(&column) { 0.0 } else { 1.0 };
    let picture: Vec<f32> = (0..rows * columns).map(|i| pixel(i % columns)).collect();
    let x = Tensor::from_slice(&picture, (1, 1, rows, columns), &Device::Cpu)?;
    let w = Tensor::from_slice(&TRUE_KERNEL, (1, 1, 1, 2), &Device::Cpu)?;
    let edges = corr2d(&x, &w)?.flatten_all()?.to_vec1()?;
    let floats = |values, columns| Column::Floats { values, shape: vec![1, rows, columns] };
    let train = Dataset::new([floats(picture, columns), floats(edges, columns - 1)])?;
    Ok(Splits {
        provenance: Provenance::synthetic("stripe", &[&train]),
        valid: train.clone().first(0),
        train,
    })
}

/// The edge kernel in the chapter's list.
pub fn model() -> Model {
    let about = "A kernel that learns to find edges from one picture (D2L zh 6.2, en 7.2)";
    Model::new("edge-kernel", about, train, SCRATCH_PRESETS, PRESETS)
}

/// Trains, shows the kernel that was learned, and draws the edges that it finds.
fn train(run: &mut Run, (): &()) -> Result<()> {
    let data = picture()?;
    let settings = &run.settings;
    let init = &settings.recipe.initializer;
    let kernel = EdgeKernel::new(settings.implementation, init, &run.params)?;
    let [x, y] = data.train.batch(&[0], &settings.device)?;
    if run.shows_summary(&[&x], || kernel.forward(&x, Mode::Evaluate))? {
        return Ok(());
    }
    let task = Edges(kernel);
    let mut optimizer = run.settings.optimizer(&run.params)?;
    fit(&task, &data, &mut optimizer, run)?;
    let Edges(kernel) = task;
    let learned = kernel.w.flatten_all()?.to_vec1::<f32>()?;
    if let [left, right] = learned.as_slice() {
        run.record_final("kernel.left", f64::from(*left));
        run.record_final("kernel.right", f64::from(*right));
        run.say(&format!(
            "learned [{left:.4}, {right:.4}]; the edges were made with [1, -1]"
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
    image_grid(&path, "Vertical edges", &grid, 3, Scale::Diverging)
}
