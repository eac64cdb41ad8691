//! Linear regression by hand: model, loss, optimizer and the training loop.
//!
//! D2L zh 3.2, en 3.4. This is the loop that [`d2l::fit`] holds for all later chapters, written out once: every call
//! to `run` only reads a setting or writes the log.

use anyhow::Result;
use candle_core::backprop::GradStore;
use candle_core::{Tensor, Var};
use d2l::data::{Dataset, Splits};
use d2l::nn::{Initializer, Mode, Network, Optimizer, ParamStore, backward};
use d2l::{
    Band, Evaluation, Implementation, OptimizerKind, Preset, PresetName, Recipe, Run, Scores, usage,
};

use crate::data;

/// The experiments: the Chinese edition's setting is quick enough to be the first.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: PresetName::Quick,
        bands: &[],
        ..ZH
    },
    ZH,
    Preset {
        name: PresetName::En,
        section: "en 3.4",
        recipe: Recipe {
            batch_size: 32,
            ..ZH.recipe
        },
        bands: &[
            Band::pooled("train_window.loss", 0.03997554, 0.08342049, 0.1268654, 51),
            Band::pooled("valid_batches.loss", 0.01816394, 0.04881398, 0.07946402, 51),
            Band::pooled("error.weight1", 0.00682521, 0.1025772, 0.1983292, 51),
            Band::pooled("error.weight2", -0.2972176, -0.188997, -0.08077641, 51),
            Band::pooled("error.bias", 0.1619296, 0.221517, 0.2811044, 51),
        ],
        ..ZH
    },
];

const ZH: Preset = Preset {
    model: "linear-regression",
    implementation: Implementation::Scratch,
    name: PresetName::Zh,
    section: "zh 3.2",
    recipe: Recipe {
        epochs: 3,
        batch_size: 10,
        learning_rate: 0.03,
        initializer: Initializer::NormalZeroBias { std: 0.01 },
        ..Recipe::SGD
    },
    bands: &[
        Band::book("train_after.loss.epoch1", 0.023696, 0.037697, 0.061779, 55).printed(6),
        Band::book("train_after.loss.epoch2", 8.4e-5, 1.39e-4, 3.1e-4, 55).printed(6),
        Band::book("train_after.loss", 4.5e-5, 5e-5, 5.5e-5, 55).printed(6),
        Band::book("error.weight1", -0.0005, 0.0002, 0.0013, 55),
        Band::book("error.weight2", -0.00141, -0.000296, 0.0006, 55),
        Band::book("error.bias", -0.0004, 0.0005, 0.0013, 55),
    ],
};

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
        let parameters = params.builder();
        let w =
            parameters.get_with_hints((num_inputs, 1), "w", initializer.weight(num_inputs, 1))?;
        let b = parameters.get_with_hints(1, "b", initializer.bias(num_inputs))?;
        Ok(Self { w, b })
    }

    /// `[B, D] -> [B, 1]`
    pub fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        x.matmul(&self.w)?.broadcast_add(&self.b)
    }
}

impl Network for LinearRegression {
    fn forward_t(&self, x: &Tensor, _: Mode) -> candle_core::Result<Tensor> {
        self.forward(x)
    }

    fn layers(&self, x: &Tensor) -> candle_core::Result<Vec<(String, Tensor)>> {
        let product = x.matmul(&self.w)?;
        let output = product.broadcast_add(&self.b)?;
        Ok(vec![("w".into(), product), ("b".into(), output)])
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

/// Trains and reports.
pub fn train(run: &mut Run) -> Result<()> {
    let data = data::synthetic_data(run)?;
    let model = LinearRegression::new(
        data::TRUE_WEIGHT.len(),
        &run.recipe().initializer,
        run.params(),
    )?;
    if run.shows_summary(&model, &data.train.batch(&[0], &run.device())?[0])? {
        return Ok(());
    }
    fit(&model, &data, run)?;
    data::report(run, &data, &model.w, &model.b)
}

/// The training loop.
pub fn fit(model: &LinearRegression, data: &Splits<2>, run: &mut Run) -> Result<()> {
    run.steps_after_every_batch()?;
    let mut optimizer = Sgd::new(run.params(), run.recipe())?;

    run.start(data, &mut optimizer)?;
    while run.next_epoch() {
        optimizer.set_learning_rate(run.learning_rate());
        for batch in data
            .train
            .batches(run.order(), run.batch_size(), &run.device())
        {
            let [x, y] = batch?;
            let loss = squared_loss(&model.forward(&x)?, &y)?;
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
    for batch in data.batches((0..data.len()).collect(), run.batch_size(), &run.device()) {
        let [x, y] = batch?;
        let y_hat = model.forward_t(&x, Mode::Evaluate)?;
        scores.add_mean("loss", &squared_loss(&y_hat, &y)?, x.dim(0)?)?;
    }
    Ok(scores)
}
