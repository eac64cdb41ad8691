//! Batch normalisation by its definition, and LeNet with it.
//!
//! D2L zh 7.5.3, en 8.5.3. For each channel, over the batch and all places,
//!
//! μ = mean of x,  σ² = mean of (x - μ)²,  x̂ = (x - μ) / √(σ² + ε),  y = γ x̂ + β.
//!
//! γ and β are learned. In training each batch moves running averages of μ and σ². In evaluation these averages replace
//! the batch's own μ and σ², so that a picture's score doesn't depend on the other pictures.

use anyhow::Result;
use candle_core::{Result as CandleResult, Tensor, Var, bail};
use candle_nn::init;
use d2l::nn::{Initializer, Mode, Network, ParamStore};

use super::last_side;
use crate::lenet::scratch::{Layer, sigmoid};
use crate::lenet::{CHANNELS, HIDDENS};
use crate::pictures::Shape;
use crate::pooling::{Region, avg_pool2d};

/// ε
const EPSILON: f64 = 1e-5;

/// The weight of a new batch in the running averages. (zh 7.5.3 gives the weight of the old average, 0.9; en 8.5.3
/// this.)
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
        let running = |name, start| Var::from_tensor(&vb.get_with_hints(channels, name, start)?);
        Ok(Self {
            gamma: vb.get_with_hints(channels, "weight", init::ONE)?,
            beta: vb.get_with_hints(channels, "bias", init::ZERO)?,
            running_mean: running("running_mean", init::ZERO)?,
            running_var: running("running_var", init::ONE)?,
        })
    }

    /// The shape of x to the same shape. In training the running averages move.
    pub fn forward(&self, x: &Tensor, mode: Mode) -> CandleResult<Tensor> {
        let (over, column): (&[usize], &[usize]) = match x.rank() {
            2 => (&[0], &[1, x.dim(1)?]),
            4 => (&[0, 2, 3], &[1, x.dim(1)?, 1, 1]),
            _ => bail!("found {:?}, wanted [B, C] or [B, C, H, W]", x.dims()),
        };
        let (mean, variance) = match mode {
            Mode::Train(_) => {
                let mean = x.mean_keepdim(over)?;
                let variance = x.broadcast_sub(&mean)?.sqr()?.mean_keepdim(over)?;
                move_towards(&self.running_mean, &mean)?;
                move_towards(&self.running_var, &variance)?;
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

/// running ← (1 - m) running + m · batch's. The book's code uses the batch's own variance, divided by n; PyTorch's
/// layer divides by n - 1.
fn move_towards(running: &Var, batch: &Tensor) -> CandleResult<()> {
    let batch = (batch.detach().flatten_all()? * MOMENTUM)?;
    running.set(&((running.as_detached_tensor() * (1.0 - MOMENTUM))? + batch)?)
}

/// Convolution, batch normalisation, sigmoid and average pooling, twice; then three dense layers, the first two with
/// batch normalisation and sigmoid.
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
    /// For square pictures; the book's are grey, of 28 × 28 pixels.
    pub fn new(shape: Shape, init: &Initializer, params: &ParamStore) -> Result<Self> {
        let layer = |name: &str, shape: &[usize]| Layer::new(name, shape, init, params);
        let [c1, c2] = CHANNELS;
        let [h1, h2] = HIDDENS;
        Ok(Self {
            conv1: layer("conv1", &[c1, shape.channels, 5, 5])?,
            norm1: BatchNorm::new("norm1", c1, params)?,
            conv2: layer("conv2", &[c2, c1, 5, 5])?,
            norm2: BatchNorm::new("norm2", c2, params)?,
            dense1: layer("dense1", &[h1, c2 * last_side(shape.side)?.pow(2)])?,
            norm3: BatchNorm::new("norm3", h1, params)?,
            dense2: layer("dense2", &[h2, h1])?,
            norm4: BatchNorm::new("norm4", h2, params)?,
            output: layer("output", &[shape.classes, h2])?,
        })
    }
}

impl Network for BatchNormLeNet {
    /// `[B, C, S, S] -> [B, K]`: logits.
    fn forward(&self, x: &Tensor, mode: Mode) -> CandleResult<Tensor> {
        let pool = |h: &Tensor| avg_pool2d(h, &Region::side_by_side(2));
        let h = self.norm1.forward(&self.conv1.convolve(x)?, mode)?;
        let h = pool(&sigmoid(&h)?)?; // [B, 6, 12, 12]
        let h = self.norm2.forward(&self.conv2.convolve(&h)?, mode)?;
        let h = pool(&sigmoid(&h)?)?.flatten_from(1)?; // [B, 16 · 4 · 4]
        let h = self.norm3.forward(&self.dense1.multiply(&h)?, mode)?;
        let h = self.dense2.multiply(&sigmoid(&h)?)?;
        let h = self.norm4.forward(&h, mode)?;
        self.output.multiply(&sigmoid(&h)?)
    }
}
