//! The ladder of Nielsen's course: handwritten digits from 95 % to 98 %, one idea per rung.
//!
//! Nielsen 2015, *Neural Networks and Deep Learning*, chapters 1 and 3. One hidden layer, sigmoids everywhere, plain
//! SGD on batches of 10, 50,000 of MNIST's training images; the other 10,000 are his validation set. He trains with the
//! quadratic cost first, then with the cross-entropy, then with weight decay on the weights (his λ = 5 over n = 50,000
//! examples is λ = 0.0001 here).

use anyhow::Result;
use candle_core::{D, DType, Tensor};
use d2l::data::{ImageSet, Splits};
use d2l::nn::{Initializer, ParamGroup, binary_cross_entropy};
use d2l::{
    Classifier, Implementation, Loss, Preset, PresetName, Recipe, Run, draw_classification,
    evaluate, fit,
};

use crate::activation::Activation;
use crate::concise::Mlp;

/// Training images; the rest of the 60,000 is for validation.
const TRAIN: usize = 50_000;
/// Nielsen's λ / n.
const WEIGHT_DECAY: f64 = 5.0 / TRAIN as f64;

/// One rung.
struct Rung {
    model: &'static str,
    num_hiddens: usize,
    /// `[B, K]` and classes `[B]`, to a scalar.
    cost: Loss,
    /// Nielsen looks at the test set in his first rungs, at the validation set later.
    evaluated_on: Part,
    /// Accuracy of his best epoch.
    published: f64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Test,
    Validation,
}

const LADDER: [Rung; 7] = [
    Rung {
        model: "digits-quadratic30",
        num_hiddens: 30,
        cost: quadratic_cost,
        evaluated_on: Part::Test,
        published: 0.9542,
    },
    Rung {
        model: "digits-quadratic100",
        num_hiddens: 100,
        cost: quadratic_cost,
        evaluated_on: Part::Test,
        published: 0.9659,
    },
    Rung {
        model: "digits-cross-entropy30",
        num_hiddens: 30,
        cost: cross_entropy_cost,
        evaluated_on: Part::Test,
        published: 0.9549,
    },
    Rung {
        model: "digits-cross-entropy100",
        num_hiddens: 100,
        cost: cross_entropy_cost,
        evaluated_on: Part::Test,
        published: 0.9682,
    },
    Rung {
        model: "digits-l2-30",
        num_hiddens: 30,
        cost: cross_entropy_cost,
        evaluated_on: Part::Test,
        published: 0.9649,
    },
    Rung {
        model: "digits-l2-100",
        num_hiddens: 100,
        cost: cross_entropy_cost,
        evaluated_on: Part::Validation,
        published: 0.9792,
    },
    Rung {
        model: "digits-tuned",
        num_hiddens: 100,
        cost: cross_entropy_cost,
        evaluated_on: Part::Validation,
        published: 0.9804,
    },
];

/// The experiments, from the lowest rung up.
pub const PRESETS: &[Preset] = &[
    rung(0, 3.0, 0.0, 30, "Nielsen chapter 1"),
    rung(1, 3.0, 0.0, 30, "Nielsen chapter 1"),
    rung(2, 0.5, 0.0, 30, "Nielsen chapter 3"),
    rung(3, 0.5, 0.0, 30, "Nielsen chapter 3"),
    rung(4, 0.5, WEIGHT_DECAY, 30, "Nielsen chapter 3"),
    rung(5, 0.5, WEIGHT_DECAY, 30, "Nielsen chapter 3"),
    rung(6, 0.1, WEIGHT_DECAY, 60, "Nielsen chapter 3"),
];

const fn rung(
    index: usize,
    learning_rate: f64,
    weight_decay: f64,
    epochs: usize,
    section: &'static str,
) -> Preset {
    Preset {
        model: LADDER[index].model,
        implementation: Implementation::Concise,
        name: PresetName::Quick,
        section,
        recipe: Recipe {
            epochs,
            batch_size: 10,
            learning_rate,
            weight_decay,
            initializer: Initializer::NormalBias { std: 1.0 },
            ..Recipe::SGD
        },
        bands: &[],
    }
}

/// ½ Σ (σ(o) - y)², where y is 1 at the class and 0 elsewhere; the mean over the batch. `[B, K]` and `[B]` to a scalar.
/// Where σ is flat, at the far left and right, its gradient is nearly 0 however wrong the answer is.
pub fn quadratic_cost(logits: &Tensor, classes: &Tensor) -> candle_core::Result<Tensor> {
    let error = (candle_nn::ops::sigmoid(logits)? - one_hot(logits, classes)?)?;
    error.sqr()?.sum_all()? / (2 * logits.dim(0)?) as f64
}

/// -Σ y ln σ(o) + (1 - y) ln(1 - σ(o)); the mean over the batch. `[B, K]` and `[B]` to a scalar. Its gradient is
/// σ(o) - y: the more wrong, the faster it learns.
pub fn cross_entropy_cost(logits: &Tensor, classes: &Tensor) -> candle_core::Result<Tensor> {
    binary_cross_entropy(logits, &one_hot(logits, classes)?)
}

/// 1 at each example's class, 0 elsewhere: classes `[B]` to `[B, K]`, in the type of the logits.
fn one_hot(logits: &Tensor, classes: &Tensor) -> candle_core::Result<Tensor> {
    let all = Tensor::arange(0, logits.dim(D::Minus1)? as u32, logits.device())?; // [K]
    let classes = classes.to_dtype(DType::U32)?.unsqueeze(1)?; // [B, 1]
    classes.broadcast_eq(&all)?.to_dtype(logits.dtype())
}

/// Whether `model` is a rung of the ladder.
pub fn is_rung(model: &str) -> bool {
    LADDER.iter().any(|rung| rung.model == model)
}

/// Trains one rung and says what Nielsen reached.
pub fn train(run: &mut Run) -> Result<()> {
    let Some(rung) = LADDER.iter().find(|rung| rung.model == run.model()) else {
        anyhow::bail!("{} is no rung of the ladder", run.model());
    };
    let mut images = run.images(None, ImageSet::Mnist)?;
    let all = &images.splits.train;
    let cut = TRAIN.min(all.len() * 5 / 6); // fewer under `--examples`
    let training = all.rows(&(0..cut).collect::<Vec<_>>())?;
    let validation = all.rows(&(cut..all.len()).collect::<Vec<_>>())?;
    let test = images.splits.valid.clone();
    let held_out = match rung.evaluated_on {
        Part::Test => test.clone(),
        Part::Validation => validation,
    };
    images.splits = Splits {
        train: training,
        valid: held_out,
        provenance: images.splits.provenance.clone(),
    };
    let widths = [images.pixels(), rung.num_hiddens, images.class_names.len()];
    let initializer = run.recipe().initializer;
    let model = Mlp::new(&widths, Activation::Sigmoid, &initializer, run.params())?;
    if run.shows_summary(&model, &images.splits.train.batch(&[0], &run.device())?[0])? {
        return Ok(());
    }
    let task = Classifier::with_loss(model, rung.cost);
    let groups = ParamGroup::sparing_biases(run.params().parameters(), run.recipe().weight_decay);
    let mut optimizer = run.recipe().optimizer_over(groups)?;
    fit(&task, &images.splits, &mut optimizer, run)?;
    if rung.evaluated_on == Part::Validation {
        for (name, value) in evaluate(&task, &test, run)?.means() {
            run.record_final(&format!("test.{name}"), value);
        }
    }
    run.say(&format!(
        "Nielsen's best epoch has {:.4} on the same {} images (one run)",
        rung.published,
        match rung.evaluated_on {
            Part::Test => "10,000 test",
            Part::Validation => "10,000 validation",
        }
    ));
    draw_classification(run, &task, &images)
}
