//! Linear regression by hand: model, loss, optimizer and the training loop.
//!
//! D2L zh 3.2, en 3.4. [`d2l::fit`] has this loop for all later chapters. Here it is written out once: every call to
//! `run` only reads a setting or writes the log.

use anyhow::Result;
use candle_core::backprop::GradStore;
use candle_core::{Tensor, Var};
use d2l::PresetName::{En, Zh};
use d2l::data::{Dataset, Splits};
use d2l::nn::{Initializer, Mode, Network, Optimizer, ParamStore, State, backward};
use d2l::{Evaluation, OptimizerKind, Preset, Recipe, Run, Scores, usage};

const ZH: Recipe = Recipe {
    epochs: 3,
    batch_size: 10,
    learning_rate: 0.03,
    initializer: Initializer::NormalZeroBias { std: 0.01 },
    ..Recipe::SGD
};
const EN: Recipe = Recipe { batch_size: 32, ..ZH };
/// The experiments on synthetic data.
pub const PRESETS: &[Preset] = &[
    Preset::quick(3, "zh 3.2", ZH, ()),
    Preset::plain(Zh, "zh 3.2", ZH),
    Preset::plain(En, "en 3.4", EN),
];

/// ŷ = Xw + b.
pub struct LinearRegression {
    /// Weight w, `[D, 1]`.
    pub w: Tensor,
    /// Bias b, `[1]`.
    pub b: Tensor,
}

impl LinearRegression {
    /// w `[D, 1]` and b `[1]`, drawn by `initializer`.
    pub fn new(num_inputs: usize, initializer: &Initializer, params: &ParamStore) -> Result<Self> {
        let vb = params.builder();
        let weight = initializer.weight(num_inputs, 1);
        Ok(Self {
            w: vb.get_with_hints((num_inputs, 1), "w", weight)?,
            b: vb.get_with_hints(1, "b", initializer.bias(num_inputs))?,
        })
    }
}

impl Network for LinearRegression {
    /// `[B, D] -> [B, 1]`
    fn forward(&self, x: &Tensor, _: Mode) -> candle_core::Result<Tensor> {
        x.matmul(&self.w)?.broadcast_add(&self.b)
    }
}

/// l = ½ (ŷ - y)², the mean over the batch: a scalar. zh 3.2.5, en 3.4.2.
pub fn squared_loss(y_hat: &Tensor, y: &Tensor) -> candle_core::Result<Tensor> {
    ((y_hat - y)?.sqr()? / 2.0)?.mean_all()
}

/// Minibatch stochastic gradient descent: w ← w - η g, where g is the gradient of the mean loss of a batch.
/// zh 3.2.6, en 3.4.3.
pub struct Sgd {
    parameters: Vec<(String, Var)>,
    learning_rate: f64,
}

impl Sgd {
    /// SGD over all parameters of `params`; a usage error for a recipe that asks for more than plain SGD.
    pub fn new(params: &ParamStore, recipe: &Recipe) -> Result<Self> {
        if recipe.optimizer != OptimizerKind::Sgd
            || recipe.momentum != 0.0
            || recipe.weight_decay != 0.0
        {
            usage!(
                "--implementation scratch trains with plain SGD here; use --implementation concise for the rest"
            );
        }
        Ok(Self {
            parameters: params.parameters(),
            learning_rate: recipe.learning_rate,
        })
    }
}

impl State for Sgd {}

impl Optimizer for Sgd {
    fn step(&mut self, gradients: &GradStore) -> candle_core::Result<()> {
        for (_, w) in &self.parameters {
            if let Some(gradient) = gradients.get(w) {
                w.set(&(w.as_tensor() - (gradient * self.learning_rate)?)?)?;
            }
        }
        Ok(())
    }

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn set_learning_rate(&mut self, learning_rate: f64) {
        self.learning_rate = learning_rate;
    }
}

/// Trains on features `[N, D]` and targets `[N, 1]` and returns w and b; nothing after `--summary`.
pub fn train(run: &mut Run, data: &Splits<2>) -> Result<Option<(Tensor, Tensor)>> {
    let [x, _] = data.train.batch(&[0], &run.settings.device)?;
    let initializer = &run.settings.recipe.initializer;
    let model = LinearRegression::new(x.dim(1)?, initializer, &run.params)?;
    if run.shows_summary(&[&x], || model.forward(&x, Mode::Evaluate))? {
        return Ok(None);
    }
    fit(&model, data, run)?;
    Ok(Some((model.w, model.b)))
}

/// The training loop.
fn fit(model: &LinearRegression, data: &Splits<2>, run: &mut Run) -> Result<()> {
    let why = "the loop by hand makes a step after every batch";
    run.settings.refuse(&["accumulate"], why)?;
    let mut optimizer = Sgd::new(&run.params, &run.settings.recipe)?;
    let (batch_size, device) = (run.settings.recipe.batch_size, run.settings.device.clone());

    run.start(data, &mut optimizer)?;
    while run.next_epoch() {
        optimizer.set_learning_rate(run.learning_rate());
        for batch in data.train.batches(run.order(), batch_size, &device) {
            let [x, y] = batch?;
            let y_hat = model.forward(&x, Mode::Train(run.step()))?;
            let loss = squared_loss(&y_hat, &y)?;
            let mut gradients = backward(&loss)?;
            run.clip(&mut gradients)?;
            optimizer.step(&gradients)?;
            run.record_step(&loss, x.dim(0)?, &optimizer)?;
        }
        let evaluation = Evaluation {
            valid: evaluate(model, &data.valid, run)?,
            train_after: evaluate(model, &data.train, run)?,
        };
        run.record_epoch(&evaluation, &optimizer)?;
    }
    run.finish()
}

/// Loss on all examples of `data`.
pub(crate) fn evaluate(model: &impl Network, data: &Dataset<2>, run: &Run) -> Result<Scores> {
    let mut scores = Scores::default();
    let (all, settings) = ((0..data.len()).collect(), &run.settings);
    for batch in data.batches(all, settings.recipe.batch_size, &settings.device) {
        let [x, y] = batch?;
        let y_hat = model.forward(&x, Mode::Evaluate)?;
        scores.add_mean("loss", &squared_loss(&y_hat, &y)?, x.dim(0)?)?;
    }
    Ok(scores)
}
