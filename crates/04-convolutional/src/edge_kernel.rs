//! Learning a kernel from data: which two numbers turn a picture into its vertical edges? D2L zh 6.2.4, en 7.2.4.
//!
//! The picture is 1 with a stripe of 0; the target is its cross-correlation with `[1, -1]`, which is 1 where the
//! picture turns from 1 to 0, -1 where it turns back, and 0 elsewhere. Ten steps of gradient descent on the one
//! picture, from random numbers, find nearly that kernel. The book's loss is the sum over all places,
//!
//! l = Σ (ŷ - y)².

use anyhow::Result;
use candle_core::{Module, Tensor};
use d2l::data::{Column, Dataset, Provenance, Splits};
use d2l::nn::{Conv2d, Conv2dConfig, Initializer, Mode, Network, ParamStore, Step};
use d2l::plot::{Picture, Scale, image_grid};
use d2l::{Band, Implementation, Preset, PresetName, Recipe, Run, Scores, Task, fit};

use crate::cross_correlation::corr2d;

/// As in `--model`.
pub const NAME: &str = "edge-kernel";

/// The experiments. An epoch is the one picture, so that the loss of epoch n is the one in front of step n, which the
/// book prints for every second step.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: PresetName::Quick,
        bands: &[],
        ..ZH
    },
    ZH,
    Preset {
        name: PresetName::En,
        section: "en 7.2",
        bands: &[
            Band::pooled("train.loss.epoch2", -5.796412, 7.222856, 20.24212, 52),
            Band::pooled("train.loss.epoch4", -2.470668, 1.771536, 6.01374, 52),
            Band::pooled("train.loss.epoch6", -1.093073, 0.5302081, 2.153489, 52),
            Band::pooled("train.loss.epoch8", -0.468109, 0.1847654, 0.8376398, 52),
            Band::pooled("train.loss.epoch10", -0.1962668, 0.07003419, 0.3363352, 52),
        ],
        ..ZH
    },
    Preset {
        implementation: Implementation::Scratch,
        name: PresetName::Quick,
        bands: &[],
        ..ZH
    },
];

const ZH: Preset = Preset {
    model: NAME,
    implementation: Implementation::Concise,
    name: PresetName::Zh,
    section: "zh 6.2",
    recipe: Recipe {
        epochs: 10,
        batch_size: 1,
        learning_rate: 0.03,
        initializer: Initializer::PytorchDefault,
        ..Recipe::SGD
    },
    bands: &[
        Band::book("train.loss.epoch2", 0.976, 7.8, 20.512, 53).printed(3),
        Band::book("train.loss.epoch4", 0.189, 1.743, 7.332, 53).printed(3),
        Band::book("train.loss.epoch6", 0.042, 0.392, 2.824, 53).printed(3),
        Band::book("train.loss.epoch8", 0.009, 0.129, 1.127, 53).printed(3),
        Band::book("train.loss.epoch10", 0.002, 0.046, 0.456, 53).printed(3),
    ],
};

/// Rows and columns of the picture.
const SIZE: (usize, usize) = (6, 8);

/// The dark columns.
const STRIPE: std::ops::Range<usize> = 2..6;

/// The kernel that makes the target. zh 6.2.3, en 7.2.3.
pub const TRUE_KERNEL: [f32; 2] = [1.0, -1.0];

/// The picture, `[1, 6, 8]`, and its edges, `[1, 6, 7]`.
pub fn picture() -> Result<Splits<2>> {
    let (rows, columns) = SIZE;
    let row = |column: usize| if STRIPE.contains(&column) { 0.0 } else { 1.0 };
    let picture: Vec<f32> = (0..rows * columns).map(|i| row(i % columns)).collect();
    let device = candle_core::Device::Cpu;
    let x = Tensor::from_slice(&picture, (1, 1, rows, columns), &device)?;
    let w = Tensor::from_slice(&TRUE_KERNEL, (1, 1, 1, 2), &device)?;
    let edges = corr2d(&x, &w)?.flatten_all()?.to_vec1()?;
    let floats = |values, columns| Column::Floats {
        values,
        shape: vec![1, rows, columns],
    };
    let train = Dataset::new([floats(picture, columns), floats(edges, columns - 1)])?;
    Ok(Splits {
        provenance: Provenance::synthetic("stripe", &[&train]),
        valid: train.clone().first(0),
        train,
    })
}

/// A kernel of 1 × 2 without a bias.
pub struct EdgeKernel {
    w: Tensor,
    implementation: Implementation,
}

impl EdgeKernel {
    /// `weight` `[1, 1, 1, 2]`, drawn by `initializer`.
    pub fn new(
        implementation: Implementation,
        initializer: &Initializer,
        params: &ParamStore,
    ) -> Result<Self> {
        let hint = initializer.weight(2, 2);
        let w = params
            .builder()
            .get_with_hints((1, 1, 1, 2), "weight", hint)?;
        Ok(Self { w, implementation })
    }
}

impl Network for EdgeKernel {
    /// `[B, 1, H, W] -> [B, 1, H, W - 1]`
    fn forward_t(&self, x: &Tensor, _: Mode) -> candle_core::Result<Tensor> {
        match self.implementation {
            Implementation::Scratch => corr2d(x, &self.w),
            Implementation::Concise => {
                Conv2d::new(self.w.clone(), None, Conv2dConfig::default()).forward(x)
            }
        }
    }

    fn layers(&self, x: &Tensor) -> candle_core::Result<Vec<(String, Tensor)>> {
        Ok(vec![(String::new(), self.forward_t(x, Mode::Evaluate)?)])
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
        let y_hat = self.0.forward_t(x, Mode::Train(step))?;
        (y_hat - y)?.sqr()?.sum_all()
    }

    /// There is no other picture to evaluate on.
    fn evaluate(&self, _: &[Tensor; 2], _: &mut Scores) -> candle_core::Result<()> {
        Ok(())
    }
}

/// Trains, shows the kernel that was learned, and draws what it sees.
pub fn train(run: &mut Run) -> Result<()> {
    let data = picture()?;
    let kernel = EdgeKernel::new(
        run.implementation(),
        &run.recipe().initializer,
        run.params(),
    )?;
    let [x, y] = data.train.batch(&[0], &run.device())?;
    if run.shows_summary(&kernel, &x)? {
        return Ok(());
    }
    let w = kernel.w.clone();
    let task = Edges(kernel);
    let mut optimizer = run.optimizer()?;
    fit(&task, &data, &mut optimizer, run)?;
    let learned = w.flatten_all()?.to_vec1::<f32>()?;
    if let [left, right] = learned.as_slice() {
        run.record_final("kernel.left", f64::from(*left));
        run.record_final("kernel.right", f64::from(*right));
        run.say(&format!(
            "learned [{left:.4}, {right:.4}]; the edges were made with [1, -1]"
        ));
    }
    draw(run, [&x, &y, &task.0.forward_t(&x, Mode::Evaluate)?])
}

/// Draws `figures/edges.svg`: the picture, its edges, and those that the learned kernel finds.
fn draw(run: &Run, pictures: [&Tensor; 3]) -> Result<()> {
    let Some(path) = run.figure("edges") else {
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
