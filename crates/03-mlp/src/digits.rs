//! Handwritten digits from 95 % to 98 %, one idea per rung: the lower rungs of the ladder in Nielsen's book. The upper
//! rungs, with convolutions, are in chapter 04.
//!
//! Nielsen 2015, *Neural Networks and Deep Learning*, chapters 1 and 3. One hidden layer, sigmoids, plain SGD with
//! minibatches of 10, 50,000 of MNIST's training images; the other 10,000 are his validation set. He trains with the
//! quadratic cost first, then with the cross-entropy, then with weight decay on the weights.

use anyhow::Result;
use candle_core::{D, DType, Tensor};
use d2l::data::{ImageSet, Splits};
use d2l::nn::{Initializer, Mode, Network, ParamGroup, binary_cross_entropy};
use d2l::{
    Classifier, Loss, Model, Preset, PresetName, Recipe, Run, at_least_one, draw_classification,
    evaluate, fit,
};
use serde::Serialize;

use crate::activation::Activation;
use crate::concise::Mlp;

/// Training images; the rest of the 60,000 is for validation.
const TRAIN: usize = 50_000;

const QUADRATIC: Recipe = Recipe {
    epochs: 30,
    batch_size: 10,
    learning_rate: 3.0,
    initializer: Initializer::NormalBias { std: 1.0 },
    ..Recipe::SGD
};
const CROSS_ENTROPY: Recipe = Recipe { learning_rate: 0.5, ..QUADRATIC };
const L2: Recipe = Recipe {
    weight_decay: 5.0 / TRAIN as f64, // Nielsen's λ = 5, which he divides by the number of examples
    ..CROSS_ENTROPY
};
const TUNED: Recipe = Recipe { epochs: 60, learning_rate: 0.1, ..L2 };

/// The options in which the rungs differ, besides their recipes.
#[derive(Clone, Debug, clap::Args, Serialize)]
#[command(next_help_heading = "Model")]
struct Options {
    /// Units of the hidden layer
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    num_hiddens: usize,
    /// The loss: `[B, K]` and classes `[B]` to a scalar.
    #[arg(skip = quadratic_cost as Loss)]
    #[serde(skip)]
    cost: Loss,
    /// Nielsen evaluates his first rungs on the test images, the later ones on the validation images.
    #[arg(skip = Part::Test)]
    #[serde(skip)]
    evaluated_on: Part,
    /// Accuracy of his best epoch.
    #[arg(skip)]
    #[serde(skip)]
    published: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Test,
    Validation,
}

/// The rungs, the lowest first: name, line for the help, experiment.
const LADDER: [(&str, &str, Preset<Options>); 7] = [
    (
        "digits-quadratic30",
        "Nielsen's ladder: quadratic cost, 30 hidden units (chapter 1)",
        rung(QUADRATIC, 30, quadratic_cost, Part::Test, 0.9542),
    ),
    (
        "digits-quadratic100",
        "Nielsen's ladder: quadratic cost, 100 hidden units (chapter 1)",
        rung(QUADRATIC, 100, quadratic_cost, Part::Test, 0.9659),
    ),
    (
        "digits-cross-entropy30",
        "Nielsen's ladder: cross-entropy, 30 hidden units (chapter 3)",
        rung(CROSS_ENTROPY, 30, cross_entropy_cost, Part::Test, 0.9549),
    ),
    (
        "digits-cross-entropy100",
        "Nielsen's ladder: cross-entropy, 100 hidden units (chapter 3)",
        rung(CROSS_ENTROPY, 100, cross_entropy_cost, Part::Test, 0.9682),
    ),
    (
        "digits-l2-30",
        "Nielsen's ladder: weight decay, 30 hidden units (chapter 3)",
        rung(L2, 30, cross_entropy_cost, Part::Test, 0.9649),
    ),
    (
        "digits-l2-100",
        "Nielsen's ladder: weight decay, 100 hidden units (chapter 3)",
        rung(L2, 100, cross_entropy_cost, Part::Validation, 0.9792),
    ),
    (
        "digits-tuned",
        "Nielsen's ladder: a smaller learning rate, 60 epochs (chapter 3)",
        rung(TUNED, 100, cross_entropy_cost, Part::Validation, 0.9804),
    ),
];

const fn rung(
    recipe: Recipe,
    num_hiddens: usize,
    cost: Loss,
    evaluated_on: Part,
    published: f64,
) -> Preset<Options> {
    let options = Options { num_hiddens, cost, evaluated_on, published };
    Preset::new(PresetName::Quick, "Nielsen chapters 1, 3", recipe, options)
}

/// The entries in the chapter's list: the rungs.
pub fn models() -> Vec<Model> {
    let model = |(name, about, preset)| Model::new(name, about, train, &[], &[preset]);
    LADDER.map(model).into()
}

/// ½ Σ (σ(o) - y)², where y is 1 at the class and 0 elsewhere; the mean over the batch. `[B, K]` and `[B]` to a scalar.
/// Far from 0 the sigmoid is flat and this gradient nearly 0, however wrong the answer is.
pub fn quadratic_cost(logits: &Tensor, classes: &Tensor) -> candle_core::Result<Tensor> {
    let error = (candle_nn::ops::sigmoid(logits)? - one_hot(logits, classes)?)?;
    error.sqr()?.sum_all()? / (2 * logits.dim(0)?) as f64
}

/// -Σ y ln σ(o) + (1 - y) ln(1 - σ(o)); the mean over the batch. `[B, K]` and `[B]` to a scalar. Its gradient is
/// σ(o) - y: the more wrong the answer, the larger the step.
pub fn cross_entropy_cost(logits: &Tensor, classes: &Tensor) -> candle_core::Result<Tensor> {
    binary_cross_entropy(logits, &one_hot(logits, classes)?)
}

/// 1 at each example's class, 0 elsewhere: classes `[B]` to `[B, K]`, in the type of the logits.
fn one_hot(logits: &Tensor, classes: &Tensor) -> candle_core::Result<Tensor> {
    let all = Tensor::arange(0, logits.dim(D::Minus1)? as u32, logits.device())?; // [K]
    let classes = classes.to_dtype(DType::U32)?.unsqueeze(1)?; // [B, 1]
    classes.broadcast_eq(&all)?.to_dtype(logits.dtype())
}

/// Trains one rung and prints Nielsen's result.
fn train(run: &mut Run, options: &Options) -> Result<()> {
    let mut images = run.settings.images(ImageSet::Mnist)?;
    let all = &images.splits.train;
    let cut = TRAIN.min(all.len() * 5 / 6); // fewer under `--examples`
    let training = all.rows(&(0..cut).collect::<Vec<_>>())?;
    let validation = all.rows(&(cut..all.len()).collect::<Vec<_>>())?;
    let test = images.splits.valid.clone();
    images.splits = Splits {
        train: training,
        valid: match options.evaluated_on {
            Part::Test => test.clone(),
            Part::Validation => validation,
        },
        provenance: images.splits.provenance.clone(),
    };
    let widths = [
        images.pixels(),
        options.num_hiddens,
        images.class_names.len(),
    ];
    let recipe = &run.settings.recipe;
    let activation = Activation::Sigmoid;
    let network = Mlp::new(&widths, activation, &recipe.initializer, &run.params)?;
    let [x, _] = images.splits.train.batch(&[0], &run.settings.device)?;
    if run.shows_summary(&[&x], || network.forward(&x, Mode::Evaluate))? {
        return Ok(());
    }
    let task = Classifier::with_loss(network, options.cost);
    let groups = ParamGroup::sparing_biases(run.params.parameters(), recipe.weight_decay);
    let mut optimizer = recipe.optimizer_over(groups)?;
    fit(&task, &images.splits, &mut optimizer, run)?;
    let part = match options.evaluated_on {
        Part::Test => "test",
        Part::Validation => {
            for (name, value) in evaluate(&task, &test, run, &optimizer)?.means() {
                run.record_final(&format!("test.{name}"), value);
            }
            "validation"
        }
    };
    run.say(&format!(
        "Nielsen's best epoch has {:.4} on the same 10,000 {part} images (one run)",
        options.published
    ));
    draw_classification(run, &task, &images)
}
