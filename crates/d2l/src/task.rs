//! What is learned from a batch: regression, yes or no, classification, the next token.

use candle_core::{D, DType, Result, Tensor};
use d2l_nn::{Mode, Network, Step};

use crate::Scores;

/// How a model learns from one kind of batch of `N` tensors.
pub trait Task<const N: usize> {
    /// Mean loss of a batch in training mode: a scalar that carries the graph. Adds to `scores` the other training
    /// metrics of the log; the loop itself adds the loss.
    fn training_loss(&self, batch: &[Tensor; N], step: Step, scores: &mut Scores)
    -> Result<Tensor>;

    /// Adds a batch to `scores` in evaluation mode, including the loss.
    fn evaluate(&self, batch: &[Tensor; N], scores: &mut Scores) -> Result<()>;
}

/// A loss: maps predictions and targets of a batch to the mean over its examples.
pub type Loss = fn(&Tensor, &Tensor) -> Result<Tensor>;

/// Regression from features `[B, D]` to targets `[B, 1]`.
pub struct Regressor<M> {
    /// The model: `[B, D] -> [B, 1]`.
    pub network: M,
    loss: Loss,
}

impl<M: Network> Regressor<M> {
    /// Regression with the mean squared error, without the factor ½.
    pub fn new(network: M) -> Self {
        Self { network, loss: d2l_nn::mse_loss }
    }
}

impl<M: Network> Task<2> for Regressor<M> {
    fn training_loss(&self, [x, y]: &[Tensor; 2], step: Step, _: &mut Scores) -> Result<Tensor> {
        (self.loss)(&self.network.forward(x, Mode::Train(step))?, y)
    }

    fn evaluate(&self, [x, y]: &[Tensor; 2], scores: &mut Scores) -> Result<()> {
        let y_hat = self.network.forward(x, Mode::Evaluate)?;
        scores.add_mean("loss", &(self.loss)(&y_hat, y)?, y.dim(0)?)
    }
}

/// Binary classification: features `[B, D]` and labels `[B, 1]`, 1 for yes and 0 for no.
pub struct BinaryClassifier<M> {
    /// The model: `[B, D] -> [B, 1]`, the logit of yes.
    pub network: M,
}

impl<M: Network> BinaryClassifier<M> {
    /// Binary classification with the binary cross-entropy.
    pub fn new(network: M) -> Self {
        Self { network }
    }
}

impl<M: Network> Task<2> for BinaryClassifier<M> {
    fn training_loss(
        &self,
        [x, y]: &[Tensor; 2],
        step: Step,
        scores: &mut Scores,
    ) -> Result<Tensor> {
        let logits = self.network.forward(x, Mode::Train(step))?;
        scores.add_sum("accuracy", &right(&logits, y)?, y.dim(0)?)?;
        d2l_nn::binary_cross_entropy(&logits, y)
    }

    fn evaluate(&self, [x, y]: &[Tensor; 2], scores: &mut Scores) -> Result<()> {
        let logits = self.network.forward(x, Mode::Evaluate)?;
        scores.add_sum("accuracy", &right(&logits, y)?, y.dim(0)?)?;
        scores.add_mean(
            "loss",
            &d2l_nn::binary_cross_entropy(&logits, y)?,
            y.dim(0)?,
        )
    }
}

/// The number of correct labels, a scalar: a logit above 0, which is a probability above ½, means yes.
fn right(logits: &Tensor, y: &Tensor) -> Result<Tensor> {
    let says_yes = logits.detach().gt(0.0)?;
    says_yes.eq(&y.gt(0.5)?)?.to_dtype(DType::U32)?.sum_all()
}

/// Classification: inputs `[B, …]` and classes `[B]`.
pub struct Classifier<M> {
    /// The model: `[B, …] -> [B, K]`, one logit per class.
    pub network: M,
    loss: Loss,
}

impl<M: Network> Classifier<M> {
    /// Classification with the library's softmax cross-entropy.
    pub fn new(network: M) -> Self {
        Self::with_loss(network, d2l_nn::cross_entropy)
    }

    /// Classification with another loss of outputs `[B, K]` and classes `[B]`.
    pub fn with_loss(network: M, loss: Loss) -> Self {
        Self { network, loss }
    }

    /// The most likely class of each input: `[B, …] -> [B]`.
    pub fn predict(&self, x: &Tensor) -> Result<Tensor> {
        self.network.forward(x, Mode::Evaluate)?.argmax(D::Minus1)
    }
}

impl<M: Network> Task<2> for Classifier<M> {
    fn training_loss(
        &self,
        [x, y]: &[Tensor; 2],
        step: Step,
        scores: &mut Scores,
    ) -> Result<Tensor> {
        let y_hat = self.network.forward(x, Mode::Train(step))?;
        scores.add_sum("accuracy", &hits(&y_hat, y)?, y.dim(0)?)?;
        (self.loss)(&y_hat, y)
    }

    fn evaluate(&self, [x, y]: &[Tensor; 2], scores: &mut Scores) -> Result<()> {
        let y_hat = self.network.forward(x, Mode::Evaluate)?;
        scores.add_sum("accuracy", &hits(&y_hat, y)?, y.dim(0)?)?;
        scores.add_mean("loss", &(self.loss)(&y_hat, y)?, y.dim(0)?)
    }
}

/// The number of examples whose class has the largest output, a scalar.
fn hits(y_hat: &Tensor, y: &Tensor) -> Result<Tensor> {
    y_hat
        .detach()
        .argmax(D::Minus1)?
        .eq(y)?
        .to_dtype(DType::U32)?
        .sum_all()
}

/// Prediction of the next token: tokens `[B, T]` and the tokens that follow them `[B, T]`.
pub struct LanguageModel<M> {
    /// The model: `[B, T] -> [B, T, V]`, one logit per token of the vocabulary.
    pub network: M,
}

impl<M: Network> LanguageModel<M> {
    /// A language model with the mean cross-entropy over all tokens of a batch.
    pub fn new(network: M) -> Self {
        Self { network }
    }
}

/// Mean cross-entropy of the next token: logits `[B, T, V]` and tokens `[B, T]` to a scalar. Its exponential is the
/// perplexity. D2L zh 8.4.4, en 9.3.2.
pub fn next_token_loss(y_hat: &Tensor, y: &Tensor) -> Result<Tensor> {
    d2l_nn::cross_entropy_with(y_hat, y, d2l_nn::CrossEntropyOptions::default())
}

impl<M: Network> Task<2> for LanguageModel<M> {
    fn training_loss(
        &self,
        [x, y]: &[Tensor; 2],
        step: Step,
        scores: &mut Scores,
    ) -> Result<Tensor> {
        let loss = next_token_loss(&self.network.forward(x, Mode::Train(step))?, y)?;
        scores.add_mean_logarithm("perplexity", &loss, y.dim(0)?)?;
        Ok(loss)
    }

    fn evaluate(&self, [x, y]: &[Tensor; 2], scores: &mut Scores) -> Result<()> {
        let loss = next_token_loss(&self.network.forward(x, Mode::Evaluate)?, y)?;
        scores.add_mean_logarithm("perplexity", &loss, y.dim(0)?)?;
        scores.add_mean("loss", &loss, y.dim(0)?)
    }
}
