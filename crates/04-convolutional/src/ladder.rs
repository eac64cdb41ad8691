//! The upper rungs of the ladder in Nielsen's course: handwritten digits from 98.8 % to 99.6 % with convolutions, one
//! idea per rung. Its lower rungs are chapter 03's.
//!
//! Nielsen 2015, *Neural Networks and Deep Learning*, chapter 6. From his text: feature maps, sizes, units, rates, λ,
//! epochs, batches of 10, 50,000 training images and 10,000 for validation, and the accuracies: on the test images, at
//! the epoch that is best on the validation images. From his program, `network3.py`, which the text leaves details to:
//!
//! - weights from N(0, 1/n), where n counts a layer's outputs (a convolution's, as pooling thins them out:
//!   filters · 25 / 4) and not its inputs; biases from N(0, 1); zeros for both in the last layer;
//! - the function stands behind the pooling: it rises everywhere, so that the order changes nothing but the work;
//! - λ is divided by the number of batches: the weights decay by λ / 5,000, and by λ / 25,000 on the expanded set;
//! - dropout stands in front of each of the three dense layers, and the numbers that stay are not scaled up in training
//!   but down in use.
//!
//! Unlike his program, which goes through the batches in one order, ours shuffles in every epoch.

use anyhow::Result;
use candle_core::{Module, Tensor};
use d2l::data::{Column, Dataset, ImageSet, Splits};
use d2l::nn::{
    Conv2d, Conv2dConfig, Dropout, Initializer, Linear, Mode, Network, ParamGroup, ParamStore,
    Pool2d, backward, linear, max_pool2d, relu, sigmoid,
};
use d2l::{
    Classifier, Evaluation, Implementation, Preset, PresetName, Recipe, Run, Task,
    draw_classification, evaluate,
};

/// Training images; the rest of the 60,000 is for validation.
const TRAIN: usize = 50_000;
const BATCH_SIZE: usize = 10;
/// Cells of a kernel's side, and of a pooling window's.
const KERNEL: usize = 5;
const POOL: usize = 2;
/// Cells of a picture's side.
const SIDE: usize = 28;
/// Half of the units fall out.
const DROPPED: f64 = 0.5;

/// One rung.
struct Rung {
    model: &'static str,
    /// Of each convolution.
    feature_maps: &'static [usize],
    /// Units of each dense layer in front of the output.
    hiddens: &'static [usize],
    activation: fn(&Tensor) -> candle_core::Result<Tensor>,
    /// Whether the training images stand there five times: as they are, and a pixel further in each direction.
    expanded: bool,
    dropout: bool,
    /// Accuracy on the test images, at the epoch that is best on the validation images.
    published: f64,
}

const ONE: Rung = Rung {
    model: "digits-convolution",
    feature_maps: &[20],
    hiddens: &[100],
    activation: sigmoid,
    expanded: false,
    dropout: false,
    published: 0.9878,
};

const TWO: Rung = Rung {
    model: "digits-two-convolutions",
    feature_maps: &[20, 40],
    published: 0.9906,
    ..ONE
};

const RELU: Rung = Rung {
    model: "digits-relu",
    activation: relu,
    published: 0.9923,
    ..TWO
};

const EXPANDED: Rung = Rung {
    model: "digits-expanded",
    expanded: true,
    published: 0.9937,
    ..RELU
};

const DROPOUT: Rung = Rung {
    model: "digits-dropout",
    hiddens: &[1000, 1000],
    dropout: true,
    published: 0.9960,
    ..EXPANDED
};

const LADDER: [Rung; 5] = [ONE, TWO, RELU, EXPANDED, DROPOUT];

/// The experiments, from the lowest rung up.
pub const PRESETS: &[Preset] = &[
    preset(&ONE, 0.1, 0.0, 60),
    preset(&TWO, 0.1, 0.0, 60),
    preset(&RELU, 0.03, 0.1, 60),
    preset(&EXPANDED, 0.03, 0.1, 60),
    preset(&DROPOUT, 0.03, 0.0, 40),
];

const fn preset(rung: &Rung, learning_rate: f64, lambda: f64, epochs: usize) -> Preset {
    let images = TRAIN * if rung.expanded { 5 } else { 1 };
    Preset {
        model: rung.model,
        implementation: Implementation::Concise,
        name: PresetName::Quick,
        section: "Nielsen chapter 6",
        recipe: Recipe {
            epochs,
            batch_size: BATCH_SIZE,
            learning_rate,
            weight_decay: lambda / (images / BATCH_SIZE) as f64,
            initializer: Initializer::FanOut,
            ..Recipe::SGD
        },
        bands: &[],
    }
}

/// Whether `model` is a rung of the ladder.
pub fn is_rung(model: &str) -> bool {
    LADDER.iter().any(|rung| rung.model == model)
}

/// Convolutions with pooling behind them, dense layers, and an output layer.
pub struct Digits {
    convolutions: Vec<Conv2d>,
    dense: Vec<Linear>,
    output: Linear,
    activation: fn(&Tensor) -> candle_core::Result<Tensor>,
    dropout: Vec<Dropout>,
}

impl Digits {
    /// The network of the rung `model`, for grey pictures of 28 × 28 pixels.
    ///
    /// # Errors
    /// Where there is no such rung.
    pub fn new(
        model: &str,
        num_outputs: usize,
        initializer: &Initializer,
        params: &ParamStore,
    ) -> Result<Self> {
        let rung = rung(model)?;
        let vb = params.builder();
        let (mut channels, mut side) = (1, SIDE);
        let mut convolutions = Vec::new();
        for (number, &maps) in (1..).zip(rung.feature_maps) {
            let vb = vb.pp(format!("conv{number}"));
            let area = KERNEL * KERNEL;
            let (fan_in, fan_out) = (channels * area, maps * area / (POOL * POOL));
            let hint = initializer.weight(fan_in, fan_out);
            let weight = vb.get_with_hints((maps, channels, KERNEL, KERNEL), "weight", hint)?;
            let bias = vb.get_with_hints(maps, "bias", initializer.bias(fan_in))?;
            let config = Conv2dConfig::default();
            convolutions.push(Conv2d::new(weight, Some(bias), config));
            (channels, side) = (maps, (side - KERNEL + 1) / POOL);
        }
        let mut width = channels * side * side;
        let mut dense = Vec::new();
        for (number, &units) in (1..).zip(rung.hiddens) {
            let vb = vb.pp(format!("dense{number}"));
            dense.push(linear(width, units, initializer, vb)?);
            width = units;
        }
        // Of his own rule the last layer is an exception; another rule that the flags ask for is for all.
        let last = match initializer {
            Initializer::FanOut => Initializer::Zeros,
            other => *other,
        };
        let layers = if rung.dropout { dense.len() + 1 } else { 0 };
        let dropout = |number| Dropout::new(DROPPED, format!("dropout{number}"));
        Ok(Self {
            convolutions,
            dense,
            output: linear(width, num_outputs, &last, vb.pp("output"))?,
            activation: rung.activation,
            dropout: (1..=layers).map(dropout).collect::<Result<_, _>>()?,
        })
    }

    fn layers_t(&self, x: &Tensor, mode: Mode) -> candle_core::Result<Vec<(String, Tensor)>> {
        let mut layers: Vec<(String, Tensor)> = Vec::new();
        let mut add = |name: String, output: &Tensor| layers.push((name, output.clone()));
        let mut h = x.clone();
        for (number, convolution) in (1..).zip(&self.convolutions) {
            h = convolution.forward(&h)?;
            add(format!("conv{number}"), &h);
            h = (self.activation)(&max_pool2d(&h, &Pool2d::new(POOL))?)?;
            add(format!("pool{number}"), &h);
        }
        h = h.flatten_from(1)?;
        add("flatten".to_string(), &h);
        for (number, dense) in (1..).zip(&self.dense) {
            h = (self.activation)(&dense.forward(&self.thin(number, &h, mode)?)?)?;
            add(format!("dense{number}"), &h);
        }
        h = self.thin(self.dense.len() + 1, &h, mode)?;
        h = self.output.forward(&h)?;
        add("output".to_string(), &h);
        Ok(layers)
    }

    /// What dropout number `number` leaves, on the average (1 - p) h: in training a share of 1 - p of the units as they
    /// are, in use all of them, smaller.
    fn thin(&self, number: usize, h: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
        match self.dropout.get(number - 1) {
            Some(dropout) => dropout.forward_t(h, mode)? * (1.0 - dropout.probability()),
            None => Ok(h.clone()),
        }
    }
}

impl Network for Digits {
    /// `[B, 1, 28, 28] -> [B, K]`: logits.
    fn forward_t(&self, x: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
        crate::output_of(self.layers_t(x, mode)?)
    }

    fn layers(&self, x: &Tensor) -> candle_core::Result<Vec<(String, Tensor)>> {
        self.layers_t(x, Mode::Evaluate)
    }
}

fn rung(model: &str) -> Result<&'static Rung> {
    match LADDER.iter().find(|rung| rung.model == model) {
        Some(rung) => Ok(rung),
        None => anyhow::bail!("{model} is no rung of the ladder"),
    }
}

/// Trains one rung and says what Nielsen reached.
pub fn train(run: &mut Run) -> Result<()> {
    let rung = rung(run.model())?;
    let mut images = run.images(None, ImageSet::Mnist)?;
    let initializer = run.recipe().initializer;
    let outputs = images.class_names.len();
    let model = Digits::new(rung.model, outputs, &initializer, run.params())?;
    if run.shows_summary(&model, &crate::first(&images, run)?)? {
        return Ok(());
    }
    let all = &images.splits.train;
    let cut = TRAIN.min(all.len() * 5 / 6); // fewer under `--examples`
    let training = all.rows(&(0..cut).collect::<Vec<_>>())?;
    let validation = all.rows(&(cut..all.len()).collect::<Vec<_>>())?;
    let test = images.splits.valid.clone();
    images.splits = Splits {
        train: match rung.expanded {
            true => expanded(&training)?,
            false => training,
        },
        valid: validation,
        provenance: images.splits.provenance.clone(),
    };
    let task = Classifier::new(model);
    fit(&task, &images.splits, &test, run)?;
    run.say(&format!(
        "Nielsen's run has {:.4} on the 10,000 test images, at its best epoch on the validation images",
        rung.published
    ));
    draw_classification(run, &task, &images)
}

/// The loop of [`d2l::fit()`], written out because of one thing: an epoch that is the best so far on the validation
/// images, or as good, is judged on the test images too.
fn fit(
    task: &Classifier<Digits>,
    data: &Splits<2>,
    test: &Dataset<2>,
    run: &mut Run,
) -> Result<()> {
    let groups = ParamGroup::sparing_biases(run.params().parameters(), run.recipe().weight_decay);
    let mut optimizer = run.recipe().optimizer_over(groups)?;
    run.start(data, &mut optimizer)?;
    while run.next_epoch() {
        optimizer.set_learning_rate(run.learning_rate());
        for batch in data
            .train
            .batches(run.order(), run.batch_size(), &run.device())
        {
            let batch = batch?;
            let loss = task.training_loss(&batch, run.step(), run.scores())?;
            let examples = batch[0].dim(0)?;
            if let Some(mut gradients) = run.accumulate(backward(&loss)?, examples)? {
                run.clip(&mut gradients)?;
                optimizer.step(&gradients)?;
            }
            run.record_step(&loss, examples, &optimizer)?;
        }
        let valid = evaluate(task, &data.valid, run)?;
        let best = run.value("valid.accuracy.best");
        if valid.means().get("accuracy").copied() >= best {
            for (name, value) in evaluate(task, test, run)?.means() {
                run.record_final(&format!("test.{name}"), value);
            }
        }
        let evaluation = Evaluation {
            valid,
            ..Evaluation::default()
        };
        run.record_epoch(&evaluation, &optimizer)?;
    }
    run.finish()
}

/// The pictures as they are, then all of them a pixel further down, up, right and left, with 0 where nothing was.
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
        Column::Pixels {
            values: all,
            shape: shape.clone(),
        },
        Column::Labels(labels.repeat(5)),
    ])
}
