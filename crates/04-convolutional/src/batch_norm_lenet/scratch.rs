//! Batch normalisation by its definition, and LeNet with it.
//!
//! D2L zh 7.5.3, en 8.5.3. For each channel, over the batch and all places,
//!
//! μ = mean of x,  σ² = mean of (x - μ)²,  x̂ = (x - μ) / √(σ² + ε),  y = γ x̂ + β.
//!
//! γ and β are learned. While training, running averages of μ and σ² take in every batch's; in evaluation they stand in
//! the place of the batch's, so that a picture's score doesn't depend on the others.

use anyhow::Result;
use candle_core::{Result as CandleResult, Tensor, Var, bail};
use candle_nn::init;
use d2l::nn::{Initializer, Mode, Network, ParamStore};
use d2l::{Band, Implementation, Preset, PresetName, Recipe};

use super::{CHANNELS, HIDDENS};
use crate::lenet::scratch::{Layer, sigmoid};
use crate::pooling::{Window, avg_pool2d};

/// The experiments. The book's accuracy after the last epoch of zh has come out anywhere from 0.57 to 0.88: loss,
/// training accuracy and best epoch judge.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: PresetName::Quick,
        recipe: Recipe {
            epochs: 5,
            ..ZH.recipe
        },
        bands: &[],
        ..ZH
    },
    ZH,
    Preset {
        name: PresetName::En,
        section: "en 8.5",
        recipe: Recipe {
            batch_size: 128,
            learning_rate: 0.1,
            ..ZH.recipe
        },
        bands: &[
            Band::pooled("train_window.loss", 0.2905632, 0.3042238, 0.3178844, 31),
            Band::pooled("valid_batches.loss", 0.2033989, 0.39191, 0.5804211, 31),
            Band::pooled(
                "valid_batches.accuracy.best",
                0.8474792,
                0.8721885,
                0.8968978,
                31,
            ),
        ],
        ..ZH
    },
];

const ZH: Preset = Preset {
    model: super::NAME,
    implementation: Implementation::Scratch,
    name: PresetName::Zh,
    section: "zh 7.5",
    recipe: Recipe {
        epochs: 10,
        batch_size: 256,
        learning_rate: 1.0,
        initializer: Initializer::Xavier,
        ..Recipe::SGD
    },
    bands: &[
        Band::book("train.loss", 0.258, 0.267, 0.278, 50).printed(3),
        Band::book("train.accuracy", 0.897, 0.901, 0.905, 50).printed(3),
        Band::book("valid.accuracy.best", 0.8247, 0.8675, 0.8878, 50),
    ],
};

/// ε
const EPSILON: f64 = 1e-5;

/// The weight of a batch in the running averages. (zh 7.5.3 writes 0.9 for what stays, en 8.5.3 0.1 for what comes.)
const MOMENTUM: f64 = 0.1;

/// Batch normalisation of the channels of `[B, C]` or `[B, C, H, W]`.
pub struct BatchNorm {
    gamma: Tensor,
    beta: Tensor,
    running_mean: Var,
    running_var: Var,
}

impl BatchNorm {
    /// γ = 1, β = 0, and running averages of 0 and 1, under PyTorch's names for them.
    pub fn new(name: &str, channels: usize, params: &ParamStore) -> Result<Self> {
        let vb = params.builder().pp(name);
        let running = |name, start| -> Result<Var> {
            Ok(Var::from_tensor(
                &vb.get_with_hints(channels, name, start)?,
            )?)
        };
        Ok(Self {
            gamma: vb.get_with_hints(channels, "weight", init::ONE)?,
            beta: vb.get_with_hints(channels, "bias", init::ZERO)?,
            running_mean: running("running_mean", init::ZERO)?,
            running_var: running("running_var", init::ONE)?,
        })
    }

    /// Shape of x to the same shape. In training the running averages move.
    pub fn forward_t(&self, x: &Tensor, mode: Mode) -> CandleResult<Tensor> {
        let (over, column): (&[usize], &[usize]) = match x.rank() {
            2 => (&[0], &[1, x.dim(1)?]),
            4 => (&[0, 2, 3], &[1, x.dim(1)?, 1, 1]),
            _ => bail!("found {:?}, wanted [B, C] or [B, C, H, W]", x.dims()),
        };
        let (mean, variance) = match mode {
            Mode::Train(_) => {
                let mean = x.mean_keepdim(over)?;
                let variance = x.broadcast_sub(&mean)?.sqr()?.mean_keepdim(over)?;
                take_in(&self.running_mean, &mean)?;
                take_in(&self.running_var, &variance)?;
                (mean, variance)
            }
            Mode::Evaluate => (
                self.running_mean.as_detached_tensor().reshape(column)?,
                self.running_var.as_detached_tensor().reshape(column)?,
            ),
        };
        let deviation = (variance + EPSILON)?.sqrt()?;
        let x_hat = x.broadcast_sub(&mean)?.broadcast_div(&deviation)?;
        x_hat
            .broadcast_mul(&self.gamma.reshape(column)?)?
            .broadcast_add(&self.beta.reshape(column)?)
    }
}

/// running ← (1 - m) running + m · batch's. Of the variance, the book's code takes in the batch's own, divided by n;
/// PyTorch's layer divides it by n - 1.
fn take_in(running: &Var, batch: &Tensor) -> CandleResult<()> {
    let batch = (batch.detach().flatten_all()? * MOMENTUM)?;
    running.set(&((running.as_detached_tensor() * (1.0 - MOMENTUM))? + batch)?)
}

/// Convolution, batch norm, sigmoid, mean over 2 × 2, twice; then three dense layers, the first two with batch norm and
/// sigmoid.
pub struct BatchNormLeNet {
    conv1: Layer,
    norm1: BatchNorm,
    conv2: Layer,
    norm2: BatchNorm,
    dense1: Layer,
    norm3: BatchNorm,
    dense2: Layer,
    norm4: BatchNorm,
    output: Layer,
}

impl BatchNormLeNet {
    /// For square pictures of `(channels, side)`: the book's are grey, of 28 × 28.
    pub fn new(
        (in_channels, side): (usize, usize),
        num_outputs: usize,
        initializer: &Initializer,
        params: &ParamStore,
    ) -> Result<Self> {
        let layer = |name: &str, shape: &[usize]| Layer::new(name, shape, initializer, params);
        let [first, second] = CHANNELS;
        let [dense1, dense2] = HIDDENS;
        let last_side = super::last_side(side)?;
        Ok(Self {
            conv1: layer("conv1", &[first, in_channels, 5, 5])?,
            norm1: BatchNorm::new("norm1", first, params)?,
            conv2: layer("conv2", &[second, first, 5, 5])?,
            norm2: BatchNorm::new("norm2", second, params)?,
            dense1: layer("dense1", &[dense1, second * last_side * last_side])?,
            norm3: BatchNorm::new("norm3", dense1, params)?,
            dense2: layer("dense2", &[dense2, dense1])?,
            norm4: BatchNorm::new("norm4", dense2, params)?,
            output: layer("output", &[num_outputs, dense2])?,
        })
    }

    fn layers_t(&self, x: &Tensor, mode: Mode) -> CandleResult<Vec<(String, Tensor)>> {
        let halves = Window::side_by_side(2);
        let conv1 = self.conv1.convolve(x)?;
        let norm1 = self.norm1.forward_t(&conv1, mode)?;
        let sigmoid1 = sigmoid(&norm1)?;
        let pool1 = avg_pool2d(&sigmoid1, &halves)?; // [B, 6, 12, 12]
        let conv2 = self.conv2.convolve(&pool1)?;
        let norm2 = self.norm2.forward_t(&conv2, mode)?;
        let sigmoid2 = sigmoid(&norm2)?;
        let pool2 = avg_pool2d(&sigmoid2, &halves)?; // [B, 16, 4, 4]
        let flatten = pool2.flatten_from(1)?;
        let dense1 = self.dense1.multiply(&flatten)?;
        let norm3 = self.norm3.forward_t(&dense1, mode)?;
        let sigmoid3 = sigmoid(&norm3)?;
        let dense2 = self.dense2.multiply(&sigmoid3)?;
        let norm4 = self.norm4.forward_t(&dense2, mode)?;
        let sigmoid4 = sigmoid(&norm4)?;
        let output = self.output.multiply(&sigmoid4)?;
        Ok(super::named([
            conv1, norm1, sigmoid1, pool1, conv2, norm2, sigmoid2, pool2, flatten, dense1, norm3,
            sigmoid3, dense2, norm4, sigmoid4, output,
        ]))
    }
}

impl Network for BatchNormLeNet {
    /// `[B, C, S, S] -> [B, K]`: logits.
    fn forward_t(&self, x: &Tensor, mode: Mode) -> CandleResult<Tensor> {
        crate::output_of(self.layers_t(x, mode)?)
    }

    fn layers(&self, x: &Tensor) -> CandleResult<Vec<(String, Tensor)>> {
        self.layers_t(x, Mode::Evaluate)
    }
}
