//! Batch normalisation. D2L zh 7.5, en 8.5; Ioffe and Szegedy 2015, arXiv:1502.03167.
//!
//! y = (x - μ) / √(σ² + ε) · γ + β, where μ and σ² are, for each channel, mean and variance (divided by n) over the
//! batch and all positions. In evaluation they are the running ones, which every training step updates:
//!
//! running ← (1 - m) running + m · batch's, with the variance divided by n - 1, as in PyTorch.

use candle_core::{DType, Result, Tensor, Var, bail};
use candle_nn::VarBuilder;
use d2l_kernels::norm::{MeanAndVariance, Planes};

use crate::constants::zeros_as;
use crate::graph::{self, exactly};
use crate::memory::put;
use crate::observe::{is_observed, report_layer};
use crate::{Mode, Sees, kernel};

/// Batch normalisation of `num_features` channels: `weight` (γ, ones) and `bias` (β, zeros), and the buffers
/// `running_mean` (zeros) and `running_var` (ones), all `[num_features]`. As in PyTorch, ε is 1e-5 and the momentum 0.1
/// unless [`BatchNorm::with_eps`] and [`BatchNorm::with_momentum`] say otherwise. In the book's own code the momentum
/// is the share that stays, 0.9.
pub fn batch_norm(num_features: usize, vb: VarBuilder) -> Result<BatchNorm> {
    let ones = candle_nn::Init::Const(1.0);
    let zeros = candle_nn::Init::Const(0.0);
    Ok(BatchNorm {
        name: vb.prefix(),
        weight: vb.get_with_hints(num_features, "weight", ones)?,
        bias: vb.get_with_hints(num_features, "bias", zeros)?,
        running_mean: Var::from_tensor(&vb.get_with_hints(num_features, "running_mean", zeros)?)?,
        running_var: Var::from_tensor(&vb.get_with_hints(num_features, "running_var", ones)?)?,
        eps: 1e-5,
        momentum: 0.1,
    })
}

/// Batch normalisation; see [`batch_norm`]. Clones share the running statistics.
#[derive(Clone, Debug)]
pub struct BatchNorm {
    name: String,
    weight: Tensor,
    bias: Tensor,
    running_mean: Var,
    running_var: Var,
    eps: f64,
    momentum: f64,
}

impl BatchNorm {
    /// Another ε, which is added to the variance.
    ///
    /// # Errors
    /// If it isn't positive and finite.
    pub fn with_eps(self, eps: f64) -> Result<Self> {
        if !(eps > 0.0 && eps.is_finite()) {
            bail!("batch_norm: found eps {eps}, wanted a positive number such as 1e-5");
        }
        Ok(Self { eps, ..self })
    }

    /// Another momentum m: the weight of the newest batch in the running statistics.
    ///
    /// # Errors
    /// If it isn't from 0 to 1.
    pub fn with_momentum(self, momentum: f64) -> Result<Self> {
        if !(0.0..=1.0).contains(&momentum) {
            bail!("batch_norm: found momentum {momentum}, wanted one from 0 to 1");
        }
        Ok(Self { momentum, ..self })
    }

    /// `[N, C]`, `[N, C, L]` or `[N, C, H, W]` to the same shape. In training the running statistics are updated.
    ///
    /// # Errors
    /// If C is not the layer's, or if in training a channel has only one value, which has no variance.
    pub fn forward_t(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        self.forward(x, mode, false)
    }

    /// max(y, 0) of [`BatchNorm::forward_t`]'s y, in the same pass; the gradient is that of [`relu`](crate::relu()).
    pub fn forward_t_relu(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        if is_observed() {
            return crate::relu(&self.forward(x, mode, false)?); // two reports, the same numbers
        }
        self.forward(x, mode, true)
    }

    fn forward(&self, x: &Tensor, mode: Mode, relu: bool) -> Result<Tensor> {
        let features = self.weight.dim(0)?;
        let &[batch, channels, ref places @ ..] = x.dims() else {
            bail!(
                "batch_norm: found an input {:?}, wanted [batch, {features}, …]",
                x.dims()
            );
        };
        if channels != features || x.elem_count() == 0 || x.dtype() != self.weight.dtype() {
            bail!(
                "batch_norm: found an input {:?} {:?}, wanted [batch, {features}, …] {:?}",
                x.dims(),
                x.dtype(),
                self.weight.dtype()
            );
        }
        let training = matches!(mode, Mode::Train(_));
        let inner: usize = places.iter().product();
        if training && batch * inner == 1 {
            bail!(
                "batch_norm: found one value for each channel in {:?}, wanted two or more to train on",
                x.dims()
            );
        }
        let (y, moments) = match kernel::has_kernel(x) {
            true => self.fused(x, training, relu)?,
            false => self.composed(x, training, relu)?,
        };
        if let Some(Moments { mean, variance, divisor }) = moments {
            let n = (batch * inner) as f64;
            self.update(&self.running_mean, &mean, 1.0)?;
            self.update(&self.running_var, &variance, n / divisor / (n - 1.0))?;
        }
        report_layer(&self.name, x, &y, Sees::Same, 0);
        Ok(y)
    }

    fn update(&self, running: &Var, batch: &Tensor, factor: f64) -> Result<()> {
        let batch = (batch.to_dtype(running.dtype())? * (self.momentum * factor))?;
        let kept = (running.as_detached_tensor() * (1.0 - self.momentum))?;
        put(running, (kept + batch)?)
    }

    /// The definition in candle's own operations: the kernel's reference, and what other devices run. With mean
    /// and variance of the batch, `[C]`, in training.
    fn composed(&self, x: &Tensor, training: bool, relu: bool) -> Result<Normalised> {
        if training {
            return self.composed_of_batch(x, relu);
        }
        let column = |of_channels: &Tensor| of_channels.reshape((1, (), 1));
        let (mean, variance) = self.running();
        let deviation = (column(&variance)? + self.eps)?.sqrt()?;
        let y = graph::input(x)
            .reshape((x.dim(0)?, x.dim(1)?, ()))?
            .broadcast_sub(&column(&mean)?)?
            .broadcast_div(&deviation)?
            .broadcast_mul(&column(&graph::input(&self.weight))?)?
            .broadcast_add(&column(&graph::input(&self.bias))?)?
            .reshape(x.shape())?;
        let y = if relu { crate::relu(&y)? } else { y };
        Ok((y, None))
    }

    /// With mean and variance of the batch. With x̂ = (x - μ) / √(σ² + ε) and n values for each channel,
    ///
    /// ∂l/∂β = Σ dy,   ∂l/∂γ = Σ dy ∘ x̂,   ∂l/∂x = γ / √(σ² + ε) (dy - ∂l/∂β / n - x̂ ∂l/∂γ / n)
    fn composed_of_batch(&self, x: &Tensor, relu: bool) -> Result<Normalised> {
        let (batch, channels) = (x.dim(0)?, x.dim(1)?);
        let count = (x.elem_count() / channels) as f64;
        let rows = move |x: &Tensor| x.reshape((batch, channels, ()));
        let column = |of_channels: &Tensor| of_channels.reshape((1, (), 1));
        let mut moments = None;
        let forward = |inputs: &[Tensor]| {
            let [x, weight, bias] = exactly(inputs)?;
            let gamma = column(weight)?;
            let mean = (rows(x)?.sum_keepdim((0, 2))? / count)?;
            let centered = rows(x)?.broadcast_sub(&mean)?;
            let squares = centered.sqr()?.sum_keepdim((0, 2))?;
            let scale = squares.affine(1.0 / count, self.eps)?.powf(-0.5)?;
            let x_hat = centered.broadcast_mul(&scale)?;
            let y = x_hat.broadcast_mul(&gamma)?.broadcast_add(&column(bias)?)?;
            let y = if relu { y.elu(0.0)? } else { y };
            let factor = (gamma * scale)?;
            moments = Some(Moments {
                mean: mean.flatten_all()?.detach(),
                variance: squares.flatten_all()?.detach(),
                divisor: count,
            });
            Ok((y.reshape(x.shape())?, [x_hat, factor]))
        };
        let inputs = [x, &self.weight, &self.bias];
        let y = graph::define("batch_norm", &inputs, forward, move |known| {
            let [x_hat, factor] = known.kept;
            let dy = match relu {
                true => {
                    let is_on = known.y.gt(&zeros_as(known.y)?)?;
                    is_on.where_cond(known.dy, &zeros_as(known.dy)?)?
                }
                false => known.dy.clone(),
            };
            let dy = rows(&dy)?;
            let of_bias = dy.sum_keepdim((0, 2))?;
            let of_weight = (&dy * x_hat)?.sum_keepdim((0, 2))?;
            let dx = known.wanted(0, || {
                let shared = x_hat.broadcast_mul(&(&of_weight / count)?)?;
                dy.broadcast_sub(&(&of_bias / count)?)?
                    .sub(&shared)?
                    .broadcast_mul(factor)?
                    .reshape(known.y.shape())
            })?;
            let [of_weight, of_bias] = [of_weight, of_bias].map(|sums| sums.flatten_all());
            Ok(vec![dx, Some(of_weight?), Some(of_bias?)])
        })?;
        Ok((y, moments))
    }

    fn fused(&self, x: &Tensor, training: bool, relu: bool) -> Result<Normalised> {
        let given = match training {
            true => None,
            false => {
                let (mean, variance) = self.running();
                let values = |x: &Tensor| x.to_dtype(DType::F64)?.to_vec1::<f64>();
                let both = values(&mean)?.into_iter().zip(values(&variance)?);
                Some(both.collect::<Vec<MeanAndVariance>>())
            }
        };
        // Without positions, the batch is the plane.
        let planes = match x.rank() {
            2 => x.t()?.contiguous()?.unsqueeze(0)?,
            _ => x.contiguous()?,
        };
        let op = Planes { given, eps: self.eps, relu };
        let (y, moments) = graph::apply_all(op, &[&planes, &self.weight, &self.bias])?;
        let y = match x.rank() {
            2 => y.squeeze(0)?.t()?,
            _ => y,
        };
        let moments = match moments.as_slice() {
            [mean, variance] => Some(Moments {
                mean: mean.detach(),
                variance: variance.detach(),
                divisor: 1.0,
            }),
            _ => None,
        };
        Ok((y, moments))
    }

    fn running(&self) -> (Tensor, Tensor) {
        (
            self.running_mean.as_detached_tensor(),
            self.running_var.as_detached_tensor(),
        )
    }
}

/// The output, and in training what the batch says of mean and variance.
type Normalised = (Tensor, Option<Moments>);

/// Mean and variance of the batch, `[C]`.
struct Moments {
    mean: Tensor,
    /// Times the divisor.
    variance: Tensor,
    divisor: f64,
}

#[cfg(test)]
mod tests;
