//! Attention in one dimension: a curve as the weighted mean of nearby noisy points. D2L zh 10.2, en 11.2; Nadaraya
//! 1964, Watson 1964.
//!
//! f(x) = Σ_i α(x, x_i) y_i,   α(x, x_i) = softmax over i of -½ ((x - x_i) w)²
//!
//! x is the query, the x_i are keys, the y_i values. w = 1 fixes the width of the kernel; a learned w makes it narrower or
//! wider. While w is learned, a point must not see itself: it would find its own value, and w would grow without bound.

use anyhow::{Result, ensure};
use candle_core::{D, Tensor};
use candle_nn::Init;
use d2l::PresetName::Zh;
use d2l::data::{Column, Dataset, Provenance, Splits};
use d2l::nn::{ParamStore, backward};
use d2l::plot::{Matrix, Series, heat_map, scatter_with_fit};
use d2l::random::{Purpose, Stream};
use d2l::{Evaluation, Model, Preset, Recipe, Run, Scores};
use serde::Serialize;

/// Noisy points to learn from, and as many places of the curve to evaluate at.
const POINTS: usize = 50;
/// The points lie between 0 and this.
const RANGE: f64 = 5.0;
/// Standard deviation of the noise.
const NOISE: f64 = 0.5;

const ZH: Recipe = Recipe {
    epochs: 5,
    batch_size: POINTS,
    learning_rate: 0.5,
    ..Recipe::SGD
};
const PRESETS: &[Preset<Options>] = &[
    Preset::quick(5, "zh 10.2", ZH, Options::ZH),
    Preset::new(Zh, "zh 10.2", ZH, Options::ZH),
];

/// The entry in the chapter's list.
pub fn model() -> Model {
    let about = "Kernel regression, attention in one dimension (D2L zh 10.2, en 11.2)";
    Model::new("kernel-regression", about, train, PRESETS, &[])
}

/// The model's options.
#[derive(Clone, Debug, clap::Args, Serialize)]
pub struct Options {
    /// Start from this w [default: drawn from U(0, 1)]
    #[arg(
        long,
        value_name = "W",
        help_heading = "Model",
        allow_negative_numbers = true
    )]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<f64>,
}

impl Options {
    const ZH: Self = Self { width: None };
}

/// The curve behind the points. zh 10.2.1.
pub fn curve(x: f64) -> f64 {
    2.0 * x.sin() + x.powf(0.8)
}

/// Points (x, curve(x) + noise) with x in ascending order to train on; points of the curve itself for validation. The
/// columns are x and y.
pub fn points(seed: u64) -> Result<Splits<2>> {
    let draws = |name| Stream::once(seed, Purpose::Data, name);
    let mut x = draws("kernel-regression.x").uniforms(0.0, RANGE, POINTS);
    x.sort_by(f32::total_cmp);
    let noise = draws("kernel-regression.noise").normals(0.0, NOISE, POINTS);
    let at = |x: &f32| curve(f64::from(*x)) as f32;
    let y = x.iter().zip(noise).map(|(x, noise)| at(x) + noise);
    let train = dataset(x.clone(), y.collect())?;
    let x: Vec<f32> = (0..POINTS)
        .map(|i| (i as f64 * RANGE / POINTS as f64) as f32)
        .collect();
    let y = x.iter().map(at).collect();
    let valid = dataset(x, y)?;
    let provenance = Provenance::synthetic("noisy-curve", &[&train, &valid]);
    Ok(Splits { train, valid, provenance })
}

fn dataset(x: Vec<f32>, y: Vec<f32>) -> Result<Dataset<2>> {
    let column = |values| Column::Floats { values, shape: vec![] };
    Dataset::new([column(x), column(y)])
}

/// Kernel regression with one parameter, w.
pub struct KernelRegression {
    /// One over the width of the kernel, `[1]`.
    pub w: Tensor,
}

impl KernelRegression {
    /// w drawn from U(0, 1), or `start`.
    pub fn new(start: Option<f64>, params: &ParamStore) -> Result<Self> {
        let init = match start {
            Some(w) => Init::Const(w),
            None => Init::Uniform { lo: 0.0, up: 1.0 },
        };
        Ok(Self { w: params.builder().get_with_hints(1, "w", init)? })
    }

    /// α(x, x_i): queries `[Q]` and for each its keys `[Q, K]` to weights `[Q, K]`.
    pub fn weights(&self, queries: &Tensor, keys: &Tensor) -> candle_core::Result<Tensor> {
        let distances = queries.unsqueeze(1)?.broadcast_sub(keys)?;
        let scores = (distances.broadcast_mul(&self.w)?.sqr()? * -0.5)?;
        let shifted = scores.broadcast_sub(&scores.max_keepdim(D::Minus1)?.detach())?;
        let exponentials = shifted.exp()?;
        exponentials.broadcast_div(&exponentials.sum_keepdim(D::Minus1)?)
    }

    /// f(x): queries `[Q]` and for each its keys and values `[Q, K]` to `[Q]`.
    pub fn forward(
        &self,
        queries: &Tensor,
        keys: &Tensor,
        values: &Tensor,
    ) -> candle_core::Result<Tensor> {
        (self.weights(queries, keys)? * values)?.sum(D::Minus1)
    }
}

/// For each of n points the other n - 1: `[n] -> [n, n - 1]`
fn others(x: &Tensor) -> candle_core::Result<Tensor> {
    let n = x.dim(0)? as u32;
    let rows = (0..n).flat_map(|own| (0..n).filter(move |&other| other != own));
    let rows = Tensor::from_vec(rows.collect(), (n * (n - 1)) as usize, x.device())?;
    x.index_select(&rows, 0)?.reshape((n as usize, ()))
}

/// The points for each of `queries` queries: `[n] -> [queries, n]`
fn all(x: &Tensor, queries: usize) -> candle_core::Result<Tensor> {
    x.unsqueeze(0)?.broadcast_as((queries, x.dim(0)?))
}

/// Σ (ŷ - y)² over the points, as the book adds it up.
pub fn squared_errors(y_hat: &Tensor, y: &Tensor) -> candle_core::Result<Tensor> {
    (y_hat - y)?.sqr()?.sum_all()
}

fn train(run: &mut Run, options: &Options) -> Result<()> {
    let settings = &run.settings;
    let why = "all points are one minibatch here";
    settings.refuse(&["batch-size", "accumulate"], why)?;
    let splits = settings.first_examples(points(settings.seed)?);
    let points = splits.train.len();
    ensure!(
        points > 1,
        "found {points} point, wanted 2 or more: each is predicted from the others"
    );
    let model = KernelRegression::new(options.width, &run.params)?;
    let all_of = |data: &Dataset<2>| {
        let rows: Vec<usize> = (0..data.len()).collect();
        data.batch(&rows, &settings.device)
    };
    let ([x, y], [x_valid, y_valid]) = (all_of(&splits.train)?, all_of(&splits.valid)?);
    let queries = x_valid.dim(0)?;
    let (keys, values) = (all(&x, queries)?, all(&y, queries)?);
    let (other_keys, other_values) = (others(&x)?, others(&y)?);
    if run.shows_summary(&[&x], || model.forward(&x, &other_keys, &other_values))? {
        return Ok(());
    }

    let mut optimizer = run.settings.optimizer(&run.params)?;
    run.start(&splits, &mut optimizer)?;
    while run.next_epoch() {
        optimizer.set_learning_rate(run.learning_rate());
        for _ in run.batches_to_come() {
            let y_hat = model.forward(&x, &other_keys, &other_values)?;
            let loss = squared_errors(&y_hat, &y)?;
            let mut gradients = backward(&loss)?;
            run.clip(&mut gradients)?;
            optimizer.step(&gradients)?;
            run.record_step(&loss, splits.train.len(), &optimizer)?;
        }
        let mut valid = Scores::default();
        let y_hat = model.forward(&x_valid, &keys, &values)?;
        let loss = squared_errors(&y_hat, &y_valid)?;
        valid.add_mean("loss", &loss, queries)?;
        let evaluation = Evaluation { valid, ..Evaluation::default() };
        run.record_epoch(&evaluation, &optimizer)?;
    }
    run.finish()?;
    compare(run, &model, [&x, &y], [&x_valid, &y_valid])
}

/// Records how far the mean of all values, w = 1 and the learned w are from the curve, and draws all three.
fn compare(
    run: &mut Run,
    learned: &KernelRegression,
    [x, y]: [&Tensor; 2],
    [x_valid, y_valid]: [&Tensor; 2],
) -> Result<()> {
    let queries = x_valid.dim(0)?;
    let (keys, values) = (all(x, queries)?, all(y, queries)?);
    let of_width = |w: f32| -> Result<KernelRegression> {
        let w = Tensor::new(&[w], x.device())?;
        Ok(KernelRegression { w })
    };
    let numbers = |tensor: &Tensor| -> Result<Vec<f64>> {
        let numbers: Vec<f32> = tensor.flatten_all()?.to_vec1()?;
        Ok(numbers.into_iter().map(f64::from).collect())
    };
    let places = numbers(x_valid)?;
    let series = |name: &str, y: &Tensor| -> Result<Series> {
        Ok(Series {
            name: name.to_string(),
            points: places.iter().copied().zip(numbers(y)?).collect(),
        })
    };
    let mut lines = vec![series("curve", y_valid)?];
    // With w = 0 all weights are equal: the mean of all values. zh 10.2.2
    let models = [
        ("average", of_width(0.0)?),
        ("fixed", of_width(1.0)?),
        ("learned", KernelRegression { w: learned.w.detach() }),
    ];
    for (name, model) in &models {
        let y_hat = model.forward(x_valid, &keys, &values)?;
        let error = squared_errors(&y_hat, y_valid)?.to_scalar::<f32>()?;
        run.record_final(&format!("error.{name}"), f64::from(error));
        lines.push(series(name, &y_hat)?);
        run.say(&format!("{name:<8} Σ (ŷ - y)² = {error:.2}"));
    }
    let w = numbers(&learned.w)?.first().copied().unwrap_or_default();
    run.record_final("w", w);
    run.say(&format!("w = {w:.3}"));

    let dots: Vec<(f64, f64)> = numbers(x)?.into_iter().zip(numbers(y)?).collect();
    if let Some(path) = run.figure("regression")? {
        scatter_with_fit(&path, "Kernel regression", "x", "y", &dots, &lines)?;
    }
    let names = |places: &[f64]| -> Vec<String> {
        places.iter().map(|place| format!("{place:.1}")).collect()
    };
    for (name, model) in models.iter().skip(1) {
        let weights = numbers(&model.weights(x_valid, &keys)?)?;
        let matrix = Matrix {
            values: &weights,
            rows: &names(&places),
            columns: &names(&numbers(x)?),
        };
        if let Some(path) = run.figure(&format!("weights-{name}"))? {
            let title = format!("Weights, w {name}");
            heat_map(&path, &title, "query x", "key x_i", &matrix, false)?;
        }
    }
    Ok(())
}
