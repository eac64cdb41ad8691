//! One squared error, four conventions: sum or mean over the batch, with or without ½.
//!
//! D2L zh 3.2.5 and 3.3.5, en 3.4.2 and 3.5.2. All have their minimum at the same place. They differ in the size of the
//! gradient, and so in the meaning of a learning rate: twice the gradient at half the rate is the same step.
//! `cargo run -p linear-regression --example loss_conventions` prints the numbers.

use anyhow::Result;
use candle_core::{Device, Tensor};
use d2l::data::Dataset;
use d2l::nn::{
    Initializer, Mode, Network, Optimizer, ParamGroup, ParamStore, Sgd, backward, gradient_norm,
};
use d2l::random::{Purpose, Stream};

use crate::scratch::LinearRegression;

/// How the squared errors of a batch become one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Convention {
    /// (1/B) Σ ½ (ŷ − y)²: [`crate::scratch`], and the book's code by hand, whose SGD divides the sum by B.
    HalfMean,
    /// (1/B) Σ (ŷ − y)²: [`crate::concise`], PyTorch's `MSELoss`.
    Mean,
    /// Σ ½ (ŷ − y)²: the loss of the book's code by hand, before that division.
    HalfSum,
    /// Σ (ŷ − y)²: PyTorch's `MSELoss(reduction='sum')`.
    Sum,
}

impl Convention {
    /// From the smallest gradient to the largest.
    pub const ALL: [Self; 4] = [Self::HalfMean, Self::Mean, Self::HalfSum, Self::Sum];

    /// The name in the tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::HalfMean => "½ mean",
            Self::Mean => "mean",
            Self::HalfSum => "½ sum",
            Self::Sum => "sum",
        }
    }

    /// The loss of a batch, `[B, 1]` and `[B, 1]`: a scalar.
    pub fn loss(self, y_hat: &Tensor, y: &Tensor) -> candle_core::Result<Tensor> {
        let squares = (y_hat - y)?.sqr()?;
        match self {
            Self::HalfMean => (squares / 2.0)?.mean_all(),
            Self::Mean => squares.mean_all(),
            Self::HalfSum => (squares / 2.0)?.sum_all(),
            Self::Sum => squares.sum_all(),
        }
    }

    /// The learning rate at which this loss of `batch_size` examples takes the step that the mean takes at `rate`.
    pub fn same_step(self, rate: f64, batch_size: usize) -> f64 {
        let examples = batch_size as f64;
        match self {
            Self::HalfMean => rate * 2.0,
            Self::Mean => rate,
            Self::HalfSum => rate * 2.0 / examples,
            Self::Sum => rate / examples,
        }
    }
}

/// Linear regression computes the same in every mode.
const MODE: Mode = Mode::Evaluate;

/// Linear regression with weights from N(0, 0.01²), the same for every convention, and its parameters.
fn model(features: usize) -> Result<(LinearRegression, ParamStore)> {
    let params = ParamStore::new(0, &Device::Cpu);
    let start = Initializer::NormalZeroBias { std: 0.01 };
    Ok((LinearRegression::new(features, &start, &params)?, params))
}

/// Loss of one batch `[B, D]`, `[B, 1]` before the first step, and the norm of its gradient.
pub fn loss_and_gradient(convention: Convention, [x, y]: &[Tensor; 2]) -> Result<(f64, f64)> {
    let (model, params) = model(x.dim(1)?)?;
    let loss = convention.loss(&model.forward(x, MODE)?, y)?;
    let norm = gradient_norm(&params.parameters(), &backward(&loss)?)?;
    Ok((f64::from(loss.to_scalar::<f32>()?), norm))
}

/// The mean squared error of all examples after `epochs` of SGD with this loss on shuffled minibatches. It is not
/// finite if training diverged.
pub fn error_after_training(
    convention: Convention,
    data: &Dataset<2>,
    batch_size: usize,
    rate: f64,
    epochs: usize,
) -> Result<f64> {
    let all = data.batch(&(0..data.len()).collect::<Vec<_>>(), &Device::Cpu)?;
    let (model, params) = model(all[0].dim(1)?)?;
    let mut sgd = Sgd::new(vec![ParamGroup::new(params.parameters())], rate, 0.0, false)?;
    for epoch in 1..=epochs {
        let order = Stream {
            seed: 0,
            purpose: Purpose::Shuffle,
            name: "train",
            epoch,
            step: 0,
        };
        for batch in data.batches(order.permutation(data.len()), batch_size, &Device::Cpu) {
            let [x, y] = batch?;
            sgd.step(&backward(&convention.loss(&model.forward(&x, MODE)?, &y)?)?)?;
        }
    }
    let [x, y] = all;
    let error = Convention::Mean.loss(&model.forward(&x, MODE)?, &y)?;
    Ok(f64::from(error.to_scalar::<f32>()?))
}
