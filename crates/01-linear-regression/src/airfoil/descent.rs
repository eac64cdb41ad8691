//! Gradient descent as a path on the surface of the loss: what a learning rate does when it is too small, right, and
//! too large.
//!
//! D2L zh 11.2 and 11.3, en 12.2 and 12.3, on measured data. The model sees the two of the five features that are most
//! alike: the larger the angle of attack, the thicker the boundary layer (correlation 0.75). So the surface of the loss
//! is a valley, seven times as steep across as along. There is no bias, as all means are zero: the model has two
//! weights, and the path shows both. Any flag works: `--batch-size 10` or `--momentum 0.5` draw other paths.

use anyhow::Result;
use candle_core::Tensor;
use d2l::PresetName::Quick;
use d2l::data::{Column, Dataset, Splits};
use d2l::nn::{Initializer, Mode, Network, Optimizer, ParamStore};
use d2l::plot::{Series, Surface, contours};
use d2l::{Evaluation, Model, Preset, Recipe, Run};

use super::bowl::Bowl;
use super::data;
use crate::scratch::{evaluate, squared_loss};

/// The minibatch is the whole set, so each step is one of gradient descent.
const QUICK: Recipe = Recipe {
    epochs: 10,
    batch_size: ALL,
    learning_rate: 0.8,
    initializer: Initializer::NormalZeroBias { std: 0.01 },
    ..Recipe::SGD
};
/// Examples in the set.
const ALL: usize = 1500;

/// The columns that the model sees: angle of attack and thickness of the boundary layer.
const ANGLE: usize = 1;
const THICKNESS: usize = 4;

/// Learning rates to compare with the run's own, as shares of the largest one that works: one that crawls along the
/// valley, and one that leaves it.
const TOO_SMALL: f64 = 0.09;
const TOO_LARGE: f64 = 1.05;
/// Steps with each of these.
const STEPS: usize = 10;

/// The entry in the chapter's list: gradient descent on two features.
pub fn model() -> Model {
    let about =
        "Gradient descent drawn on the surface of the loss (D2L zh 11.2-11.3, en 12.2-12.3)";
    let presets = [Preset::plain(Quick, "zh 11.3", QUICK)];
    Model::new("airfoil-descent", about, train, &[], &presets)
}

/// ŷ = w₁x₁ + w₂x₂.
pub struct TwoWeights {
    /// Weight w, `[2, 1]`.
    pub w: Tensor,
}

impl TwoWeights {
    /// Two weights, drawn by `initializer`.
    pub fn new(initializer: &Initializer, params: &ParamStore) -> Result<Self> {
        let weight = initializer.weight(2, 1);
        Ok(Self { w: params.builder().get_with_hints((2, 1), "w", weight)? })
    }

    /// The two weights: the model's place on the surface.
    pub fn place(&self) -> Result<(f64, f64)> {
        let w: Vec<f32> = self.w.flatten_all()?.to_vec1()?;
        let at = |index: usize| w.get(index).copied().map_or(f64::NAN, f64::from);
        Ok((at(0), at(1)))
    }
}

impl Network for TwoWeights {
    /// `[B, 2] -> [B, 1]`
    fn forward(&self, x: &Tensor, _: Mode) -> candle_core::Result<Tensor> {
        x.matmul(&self.w)
    }
}

/// Trains, and draws the path even if training diverged.
fn train(run: &mut Run, _: &()) -> Result<()> {
    let data = two_features(data(run)?)?;
    let [x, _] = data.train.batch(&[0], &run.settings.device)?;
    let model = TwoWeights::new(&run.settings.recipe.initializer, &run.params)?;
    if run.shows_summary(&[&x], || model.forward(&x, Mode::Evaluate))? {
        return Ok(());
    }
    let bowl = bowl(&data.train)?;
    let Some(minimum) = bowl.minimum() else {
        anyhow::bail!(
            "with {} examples the two features are multiples of each other, so there is no single minimum; use more",
            data.train.len()
        )
    };
    let limit = bowl.largest_rate();
    run.record_final("descent.largest_rate", limit);
    run.record_final("descent.least_loss", bowl.height(minimum.0, minimum.1));
    let mut path = vec![model.place()?];
    let trained = descend(run, &data, &model, &mut path);
    draw(run, &bowl, minimum, &path)?;
    trained?;
    run.say(&format!(
        "\nthe minimum is {:.4} at w = ({:.4}, {:.4}); gradient descent moves away from it above a learning rate of \
         {limit:.3}",
        bowl.height(minimum.0, minimum.1),
        minimum.0,
        minimum.1
    ));
    Ok(())
}

/// The training loop, which adds the place after each step to `path`.
fn descend(
    run: &mut Run,
    data: &Splits<2>,
    model: &TwoWeights,
    path: &mut Vec<(f64, f64)>,
) -> Result<()> {
    let mut optimizer = run.settings.optimizer(&run.params)?;
    let (batch_size, device) = (run.settings.recipe.batch_size, run.settings.device.clone());
    run.start(data, &mut optimizer)?;
    while run.next_epoch() {
        optimizer.set_learning_rate(run.learning_rate());
        for batch in data.train.batches(run.order(), batch_size, &device) {
            let [x, y] = batch?;
            let examples = x.dim(0)?;
            let y_hat = model.forward(&x, Mode::Train(run.step()))?;
            let loss = squared_loss(&y_hat, &y)?;
            if let Some(mut gradients) = run.accumulate(run.backward(&loss)?, examples)?
                && run.clip(&mut gradients)?
            {
                optimizer.step(&gradients)?;
            }
            run.record_step(&loss, examples, &optimizer)?;
            path.push(model.place()?);
        }
        let evaluation = Evaluation {
            valid: evaluate(model, &data.valid, run)?,
            ..Evaluation::default()
        };
        run.record_epoch(&evaluation, &optimizer)?;
    }
    run.finish()
}

/// The same examples with two of the five features, `[N, 2]`.
fn two_features(data: Splits<2>) -> Result<Splits<2>> {
    let chosen = |part: &Dataset<2>| -> Result<Dataset<2>> {
        let Column::Floats { values, shape } = part.column(0) else {
            anyhow::bail!("the airfoil data hold no floats; wanted five features")
        };
        let width = shape.iter().product::<usize>().max(1);
        let rows = values.chunks(width);
        let values = rows
            .flat_map(|row| [row.get(ANGLE), row.get(THICKNESS)])
            .flatten()
            .copied();
        let features = Column::Floats { values: values.collect(), shape: vec![2] };
        Dataset::new([features, part.column(1).clone()])
    };
    Ok(Splits {
        train: chosen(&data.train)?,
        valid: chosen(&data.valid)?,
        ..data
    })
}

/// The loss over both weights.
fn bowl(data: &Dataset<2>) -> Result<Bowl> {
    let (Column::Floats { values: x, .. }, Column::Floats { values: y, .. }) =
        (data.column(0), data.column(1))
    else {
        anyhow::bail!("the airfoil data hold no floats; wanted features and targets")
    };
    let (pairs, _) = x.as_chunks::<2>();
    let x: Vec<[f64; 2]> = pairs.iter().map(|pair| pair.map(f64::from)).collect();
    let y: Vec<f64> = y.iter().copied().map(f64::from).collect();
    Ok(Bowl::of(&x, &y))
}

/// Draws `figures/descent.svg`: the run's path, and plain gradient descent from the same start with a learning rate
/// that is too small and one that is too large.
fn draw(run: &Run, bowl: &Bowl, minimum: (f64, f64), path: &[(f64, f64)]) -> Result<()> {
    let (Some(figure), Some(&start)) = (run.figure("descent")?, path.first()) else {
        return Ok(());
    };
    let line = |name: String, points: Vec<(f64, f64)>| Series { name, points };
    let hundredths = |rate: f64| (rate * 100.0).round() / 100.0;
    let [small, large] =
        [TOO_SMALL, TOO_LARGE].map(|share| hundredths(share * bowl.largest_rate()));
    let recipe = &run.settings.recipe;
    let mut name = format!("this run, η = {}", recipe.learning_rate);
    if recipe.batch_size < ALL {
        name += &format!(", batches of {}", recipe.batch_size);
    }
    // The first path is drawn below the others, because it is the longest.
    let paths = [
        line(
            format!("η = {large}, too large"),
            bowl.descend(start, large, STEPS),
        ),
        line(name, path.to_vec()),
        line(
            format!("η = {small}, too small"),
            bowl.descend(start, small, STEPS),
        ),
        line("minimum".to_string(), vec![minimum]),
    ];
    // Points far from the minimum are left out: they would make everything else small.
    let distance = |point: &(f64, f64)| (point.0 - minimum.0).hypot(point.1 - minimum.1);
    let near = 1.5 * distance(&start);
    let points = paths.iter().flat_map(|line| &line.points).copied();
    let seen: Vec<(f64, f64)> = points.filter(|point| distance(point) <= near).collect();
    let surface = Surface::around(&seen, |w1, w2| bowl.height(w1, w2))?;
    contours(
        &figure,
        &run.title("steps on the loss over two weights"),
        "weight of the angle of attack",
        "weight of the thickness",
        &surface,
        &paths,
    )
}
