//! The upper rungs of the ladder in Nielsen's course: handwritten digits from 98.8 % to 99.6 % with convolutions, one
//! idea per rung. The lower rungs are in chapter 03.
//!
//! Nielsen 2015, *Neural Networks and Deep Learning*, chapter 6. From his text: feature maps, sizes, units, learning
//! rates, λ, epochs, minibatches of 10, 50,000 training images and 10,000 for validation, and the accuracies: on the
//! test images, at the epoch that is best on the validation images. From his program, `network3.py`, the details that
//! the text leaves open:
//!
//! - Weights are drawn from N(0, 1/n), where n counts a layer's outputs and not its inputs (of a convolution those that
//!   pooling leaves: filters · 25 / 4), biases from N(0, 1). In the last layer both are zeros.
//! - The activation function stands behind the pooling. It is increasing, so the order changes only the work.
//! - λ is divided by the number of minibatches: the weight decay is λ / 5,000, and λ / 25,000 on the expanded set.
//! - Dropout stands in front of each of the three dense layers. The units that stay are not scaled up in training; all
//!   units are scaled down in evaluation.
//!
//! Nielsen's program goes through the minibatches in one order; this one shuffles in every epoch.

use anyhow::Result;
use candle_core::{Module, Tensor};
use d2l::PresetName::Full;
use d2l::data::{Column, Dataset, ImageSet, Splits};
use d2l::nn::{
    Conv2d, Conv2dConfig, Dropout, Initializer, Linear, Mode, Network, ParamGroup, ParamStore,
    Pool2d, block, linear, max_pool2d, relu, sigmoid,
};
use d2l::{
    Classifier, Evaluation, Model, Preset, Recipe, Run, Task, draw_classification, evaluate,
};
use serde::Serialize;

use crate::lenet::Activation;

/// One rung: its network, how it is trained, and what Nielsen's program reached.
#[derive(Clone, Debug, Serialize)]
pub struct Rung {
    /// The model's name.
    #[serde(skip)]
    pub name: &'static str,
    #[serde(skip)]
    about: &'static str,
    /// Of each convolution.
    feature_maps: &'static [usize],
    /// Units of each hidden dense layer.
    num_hiddens: &'static [usize],
    activation: Activation,
    /// Probability that a unit is dropped; 0 for no dropout.
    dropout: f64,
    /// Train on each image five times: as it is, and shifted by a pixel in each direction.
    expanded: bool,
    #[serde(skip)]
    learning_rate: f64,
    #[serde(skip)]
    lambda: f64,
    #[serde(skip)]
    epochs: usize,
    /// Epochs of the preset quick, and images of which it takes a part for training and the rest for validation.
    #[serde(skip)]
    quick: (usize, usize),
    /// Accuracy on the test images, at the epoch that is best on the validation images.
    #[serde(skip)]
    published: f64,
}

const CONVOLUTION: Rung = Rung {
    name: "digits-convolution",
    about: "Handwritten digits: a convolution and a dense layer (Nielsen chapter 6)",
    feature_maps: &[20],
    num_hiddens: &[100],
    activation: Activation::Sigmoid,
    dropout: 0.0,
    expanded: false,
    learning_rate: 0.1,
    lambda: 0.0,
    epochs: 60,
    quick: (5, IMAGES),
    published: 0.9878,
};
const TWO_CONVOLUTIONS: Rung = Rung {
    name: "digits-two-convolutions",
    about: "Handwritten digits: a second convolution (Nielsen chapter 6)",
    feature_maps: &[20, 40],
    quick: (3, IMAGES),
    published: 0.9906,
    ..CONVOLUTION
};
const RELU: Rung = Rung {
    name: "digits-relu",
    about: "Handwritten digits: ReLU instead of sigmoids (Nielsen chapter 6)",
    activation: Activation::Relu,
    learning_rate: 0.03,
    lambda: 0.1,
    published: 0.9923,
    ..TWO_CONVOLUTIONS
};
const EXPANDED: Rung = Rung {
    name: "digits-expanded",
    about: "Handwritten digits: each image also shifted by a pixel (Nielsen chapter 6)",
    expanded: true,
    quick: (1, 36_000),
    published: 0.9937,
    ..RELU
};
const DROPOUT: Rung = Rung {
    name: "digits-dropout",
    about: "Handwritten digits: two large dense layers with dropout (Nielsen chapter 6)",
    num_hiddens: &[1000, 1000],
    dropout: 0.5,
    lambda: 0.0,
    epochs: 40,
    quick: (1, 15_000),
    published: 0.9960,
    ..EXPANDED
};
/// The rungs, from the lowest up.
pub const LADDER: [Rung; 5] = [CONVOLUTION, TWO_CONVOLUTIONS, RELU, EXPANDED, DROPOUT];

/// MNIST's training images, and how many of them are for training; the rest is for validation.
const IMAGES: usize = 60_000;
const TRAIN: usize = 50_000;
const BATCH_SIZE: usize = 10;

impl Rung {
    /// How it is trained.
    pub fn recipe(&self) -> Recipe {
        let images = TRAIN * if self.expanded { 5 } else { 1 };
        Recipe {
            epochs: self.epochs,
            batch_size: BATCH_SIZE,
            learning_rate: self.learning_rate,
            weight_decay: self.lambda / (images / BATCH_SIZE) as f64,
            initializer: Initializer::FanOut,
            ..Recipe::SGD
        }
    }
}

/// Convolutions, each with pooling, then dense layers and an output layer.
pub struct Digits {
    convolutions: Vec<Conv2d>,
    dense: Vec<Linear>,
    output: Linear,
    dropout: Vec<Dropout>,
    activation: Activation,
}

/// Pixels along a picture's side, and cells along the side of a kernel and of a pooling region.
const SIDE: usize = 28;
const KERNEL: usize = 5;
const POOL: usize = 2;

impl Digits {
    /// The network of a rung, for grey pictures of 28 × 28 pixels.
    pub fn new(
        rung: &Rung,
        classes: usize,
        init: &Initializer,
        params: &ParamStore,
    ) -> Result<Self> {
        let vb = params.builder();
        let (mut channels, mut side) = (1, SIDE);
        let mut convolutions = Vec::new();
        for (number, &maps) in (1..).zip(rung.feature_maps) {
            let vb = vb.pp(format!("conv{number}"));
            let area = KERNEL * KERNEL;
            let (fan_in, fan_out) = (channels * area, maps * area / (POOL * POOL));
            let hint = init.weight(fan_in, fan_out);
            let weight = vb.get_with_hints((maps, channels, KERNEL, KERNEL), "weight", hint)?;
            let bias = vb.get_with_hints(maps, "bias", init.bias(fan_in))?;
            convolutions.push(Conv2d::new(weight, Some(bias), Conv2dConfig::default()));
            (channels, side) = (maps, (side - KERNEL + 1) / POOL);
        }
        let mut width = channels * side * side;
        let mut dense = Vec::new();
        for (number, &units) in (1..).zip(rung.num_hiddens) {
            dense.push(linear(width, units, init, vb.pp(format!("dense{number}")))?);
            width = units;
        }
        // Nielsen's rule excepts the last layer. Another rule, from --initializer, holds for all layers.
        let last = match init {
            Initializer::FanOut => Initializer::Zeros,
            other => *other,
        };
        let layers = if rung.dropout > 0.0 {
            dense.len() + 1
        } else {
            0
        };
        let dropout = |number| Dropout::new(rung.dropout, format!("dropout{number}"));
        Ok(Self {
            convolutions,
            dense,
            output: linear(width, classes, &last, vb.pp("output"))?,
            dropout: (1..=layers).map(dropout).collect::<Result<_, _>>()?,
            activation: rung.activation,
        })
    }
}

impl Network for Digits {
    /// `[B, 1, 28, 28] -> [B, K]`: logits.
    fn forward(&self, x: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
        let activate = match self.activation {
            Activation::Sigmoid => sigmoid,
            Activation::Relu => relu,
        };
        // On average (1 - p) h: in training a share of 1 - p of the units as they are, in evaluation all of them,
        // smaller.
        let mut dropout = self.dropout.iter();
        let mut thin = |h: Tensor| match dropout.next() {
            Some(dropout) => dropout.forward_t(&h, mode)? * (1.0 - dropout.probability()),
            None => Ok(h),
        };
        let mut h = x.clone();
        for (number, convolution) in (1..).zip(&self.convolutions) {
            h = block(format_args!("conv{number}"), || convolution.forward(&h))?;
            h = activate(&max_pool2d(&h, &Pool2d::new(POOL))?)?;
        }
        h = h.flatten_from(1)?;
        for dense in &self.dense {
            h = activate(&dense.forward(&thin(h)?)?)?;
        }
        self.output.forward(&thin(h)?)
    }
}

const SECTION: &str = "Nielsen chapter 6";

/// The rungs in the chapter's list: Nielsen's own training is the preset full.
pub fn models() -> Vec<Model> {
    let model = |rung: Rung| {
        let (name, about, recipe) = (rung.name, rung.about, rung.recipe());
        let ((epochs, examples), options) = (rung.quick, Options { rung });
        let full = Preset::new(Full, SECTION, recipe.clone(), options.clone());
        let quick = Preset::quick(epochs, SECTION, recipe, options).on_first(examples);
        Model::new(name, about, train, &[], &[quick, full])
    };
    LADDER.map(model).into()
}

/// The rung of a run. None of it is a flag.
#[derive(Clone, Debug, clap::Args, Serialize)]
struct Options {
    #[arg(skip = CONVOLUTION)]
    #[serde(flatten)]
    rung: Rung,
}

/// Trains one rung and says what Nielsen reached.
fn train(run: &mut Run, Options { rung }: &Options) -> Result<()> {
    let mut images = run.settings.images(ImageSet::Mnist)?;
    let init = &run.settings.recipe.initializer;
    let network = Digits::new(rung, images.class_names.len(), init, &run.params)?;
    let [x, _] = images.splits.train.batch(&[0], &run.settings.device)?;
    if run.shows_summary(&[&x], || network.forward(&x, Mode::Evaluate))? {
        return Ok(());
    }
    let all = &images.splits.train;
    let cut = TRAIN.min(all.len() * 5 / 6); // fewer under `--examples`
    let training = all.rows(&(0..cut).collect::<Vec<_>>())?;
    let validation = all.rows(&(cut..all.len()).collect::<Vec<_>>())?;
    let test = images.splits.valid;
    images.splits = Splits {
        train: match rung.expanded {
            true => expanded(&training)?,
            false => training,
        },
        valid: validation,
        provenance: images.splits.provenance,
    };
    let task = Classifier::new(network);
    fit(&task, &images.splits, &test, run)?;
    run.say(&format!(
        "Nielsen's run of {} epochs has {:.4} on the 10,000 test images, at its best epoch on the validation images",
        rung.epochs, rung.published
    ));
    draw_classification(run, &task, &images)
}

/// Not [`d2l::fit()`] because there is a third set of images: an epoch that is the best so far on the validation
/// images, or as good as the best, is also judged on the test images. The rest of the loop is the same.
fn fit(
    task: &Classifier<Digits>,
    data: &Splits<2>,
    test: &Dataset<2>,
    run: &mut Run,
) -> Result<()> {
    let weight_decay = run.settings.recipe.weight_decay;
    let groups = ParamGroup::sparing_biases(run.params.parameters(), weight_decay);
    let mut optimizer = run.settings.recipe.optimizer_over(groups)?;
    run.start(data, &mut optimizer)?;
    while run.next_epoch() {
        optimizer.set_learning_rate(run.learning_rate());
        let (batch_size, device) = (run.settings.recipe.batch_size, run.settings.device.clone());
        for batch in data.train.batches(run.order(), batch_size, &device) {
            let batch = batch?;
            let loss = task.training_loss(&batch, run.step(), run.scores())?;
            let examples = batch[0].dim(0)?;
            if let Some(mut gradients) = run.accumulate(run.backward(&loss)?, examples)?
                && run.clip(&mut gradients)?
            {
                optimizer.step(&gradients)?;
            }
            run.record_step(&loss, examples, &optimizer)?;
        }
        let valid = evaluate(task, &data.valid, run, &optimizer)?;
        let best = run.value("valid.accuracy.best");
        if valid.means().get("accuracy").copied() >= best {
            for (name, value) in evaluate(task, test, run, &optimizer)?.means() {
                run.record_final(&format!("test.{name}"), value);
            }
        }
        let evaluation = Evaluation { valid, ..Evaluation::default() };
        run.record_epoch(&evaluation, &optimizer)?;
    }
    run.finish()
}

/// The pictures as they are, then all of them shifted by a pixel: down, up, right and left, with 0 where nothing was.
pub fn expanded(data: &Dataset<2>) -> Result<Dataset<2>> {
    let (Column::Pixels { values, shape }, Column::Labels(labels)) =
        (data.column(0), data.column(1))
    else {
        anyhow::bail!("found other columns than pixels and labels");
    };
    let &[_, height, width] = shape.as_slice() else {
        anyhow::bail!("found pictures of shape {shape:?}, wanted [1, height, width]");
    };
    let mut all = values.clone();
    for (down, right) in [(1, 0), (-1, 0), (0, 1), (0, -1)] {
        for picture in values.chunks_exact(height * width) {
            for row in 0..height {
                for column in 0..width {
                    let from = row.checked_add_signed(-down);
                    let from = from.zip(column.checked_add_signed(-right));
                    let from = from.filter(|&(row, column)| row < height && column < width);
                    let pixel = from.and_then(|(row, column)| picture.get(row * width + column));
                    all.push(pixel.copied().unwrap_or(0));
                }
            }
        }
    }
    Dataset::new([
        Column::Pixels { values: all, shape: shape.clone() },
        Column::Labels(labels.repeat(5)),
    ])
}
