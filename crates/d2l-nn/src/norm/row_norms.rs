//! Normalisation of each example by itself: of a layer, of groups of channels, and by the root mean square.
//!
//! y = (x - μ) / √(σ² + ε) · γ + β, where μ and σ² are mean and variance (divided by n) over
//!
//! - the last dimension: layer normalisation, D2L zh 10.7.3, en 11.7.3; Ba et al. 2016, arXiv:1607.06450;
//! - a group of channels at all positions: group normalisation, Wu and He 2018, arXiv:1803.08494; one channel for each
//!   group is instance normalisation, Ulyanov et al. 2016, arXiv:1607.08022.
//!
//! With μ = 0 and the mean square for σ², and without β, it is RMS normalisation, Zhang and Sennrich 2019,
//! arXiv:1910.07467.

use candle_core::{Module, Result, Tensor, bail};
use candle_nn::{Init, VarBuilder};
use d2l_kernels::norm::Rows;

use crate::graph::{self, exactly};
use crate::kernel;
use crate::observe::{Sees, report_layer};

/// Layer normalisation over the last dimension, `normalized_dim` wide: `weight` (ones) and `bias` (zeros). PyTorch's
/// default for ε is 1e-5.
pub fn layer_norm(normalized_dim: usize, eps: f64, vb: VarBuilder) -> Result<LayerNorm> {
    Parameters::new("layer_norm", normalized_dim, eps, true, vb).map(LayerNorm)
}

/// RMS normalisation over the last dimension: `weight` (ones) and no bias.
pub fn rms_norm(normalized_dim: usize, eps: f64, vb: VarBuilder) -> Result<RmsNorm> {
    Parameters::new("rms_norm", normalized_dim, eps, false, vb).map(RmsNorm)
}

/// Group normalisation of `num_channels` channels in `num_groups` groups: `weight` (ones) and `bias` (zeros),
/// `[num_channels]`. With as many groups as channels it is instance normalisation.
pub fn group_norm(
    num_groups: usize,
    num_channels: usize,
    eps: f64,
    vb: VarBuilder,
) -> Result<GroupNorm> {
    if num_groups == 0 || !num_channels.is_multiple_of(num_groups) {
        bail!(
            "group_norm: found {num_channels} channels in {num_groups} groups, wanted groups of equal size"
        );
    }
    Ok(GroupNorm {
        parameters: Parameters::new("group_norm", num_channels, eps, true, vb)?,
        num_groups,
    })
}

/// Layer normalisation; see [`layer_norm`].
#[derive(Clone, Debug)]
pub struct LayerNorm(Parameters);

/// RMS normalisation; see [`rms_norm`].
#[derive(Clone, Debug)]
pub struct RmsNorm(Parameters);

/// Group normalisation; see [`group_norm`].
#[derive(Clone, Debug)]
pub struct GroupNorm {
    parameters: Parameters,
    num_groups: usize,
}

#[derive(Clone, Debug)]
struct Parameters {
    /// The name in error messages.
    kind: &'static str,
    /// The prefix of the parameters.
    name: String,
    weight: Tensor,
    bias: Tensor,
    eps: f64,
    /// Whether the mean is subtracted.
    centered: bool,
}

impl Parameters {
    fn new(kind: &'static str, n: usize, eps: f64, centered: bool, vb: VarBuilder) -> Result<Self> {
        if n == 0 || !(eps > 0.0 && eps.is_finite()) {
            bail!(
                "{kind}: found {n} values and eps {eps}, wanted one or more and a positive number"
            );
        }
        let weight = vb.get_with_hints(n, "weight", Init::Const(1.0))?;
        let bias = match centered {
            true => vb.get_with_hints(n, "bias", Init::Const(0.0))?,
            false => weight.zeros_like()?.detach(),
        };
        Ok(Self { kind, name: vb.prefix(), weight, bias, eps, centered })
    }

    fn check(&self, x: &Tensor, fits: bool, wanted: &str) -> Result<()> {
        if !fits || x.elem_count() == 0 || x.dtype() != self.weight.dtype() {
            let (shape, dtype) = (x.dims(), x.dtype());
            bail!(
                "{}: found an input {shape:?} {dtype:?}, wanted {wanted} {:?}",
                self.kind,
                self.weight.dtype()
            );
        }
        Ok(())
    }

    /// Keeps the shape: x is read as rows of `dim`, and each run of `segment` elements shares a weight.
    fn forward(&self, x: &Tensor, dim: usize, segment: usize) -> Result<Tensor> {
        let y = if kernel::has_kernel(x) {
            let op = Rows { eps: self.eps, centered: self.centered, dim, segment };
            graph::apply(op, &[x, &self.weight, &self.bias])?
        } else {
            self.composed(x, dim, segment)?
        };
        report_layer(&self.name, x, &y, Sees::Same, 0);
        Ok(y)
    }

    /// The definition in candle's own operations: the kernel's reference, and what other devices run. With
    /// x̂ = (x - μ) / √(σ² + ε) and g = γ ∘ dy, both rows of n,
    ///
    /// ∂l/∂x = (g - Σ g / n - x̂ Σ (g ∘ x̂) / n) / √(σ² + ε),   ∂l/∂γ = Σ dy ∘ x̂,   ∂l/∂β = Σ dy
    ///
    /// where the last two sums are over all that share a weight. Without μ, Σ g / n is 0 too.
    fn composed(&self, x: &Tensor, dim: usize, segment: usize) -> Result<Tensor> {
        let (channels, is_centered, n) = (self.weight.dim(0)?, self.centered, dim as f64);
        let by_channel = move |x: &Tensor| x.reshape(((), channels, segment));
        let column = move |of_channels: &Tensor| of_channels.reshape((1, channels, 1));
        let forward = |inputs: &[Tensor]| {
            let [x, weight, bias] = exactly(inputs)?;
            let rows = x.reshape(((), dim))?;
            let centered = match is_centered {
                true => rows.broadcast_sub(&rows.mean_keepdim(1)?)?,
                false => rows,
            };
            let squares = centered.sqr()?.sum_keepdim(1)?;
            let scale = squares.affine(1.0 / n, self.eps)?.powf(-0.5)?;
            let x_hat = centered.broadcast_mul(&scale)?;
            let y = by_channel(&x_hat)?
                .broadcast_mul(&column(weight)?)?
                .broadcast_add(&column(bias)?)?;
            Ok((y.reshape(x.shape())?, [x_hat, scale]))
        };
        let inputs = [x, &self.weight, &self.bias];
        graph::define(self.kind, &inputs, forward, move |known| {
            let ([x, weight, _], [x_hat, scale]) = (exactly(known.inputs)?, known.kept);
            let dy = by_channel(known.dy)?;
            let of_weight = known.wanted(1, || (&dy * by_channel(x_hat)?)?.sum((0, 2)))?;
            let of_bias = known.wanted(2, || dy.sum((0, 2)))?;
            let dx = known.wanted(0, || {
                let g = dy.broadcast_mul(&column(weight)?)?;
                let g = g.reshape(x_hat.shape())?;
                let shared = x_hat.broadcast_mul(&(&g * x_hat)?.mean_keepdim(1)?)?;
                let dx = match is_centered {
                    true => g.broadcast_sub(&g.mean_keepdim(1)?)?.sub(&shared)?,
                    false => g.sub(&shared)?,
                };
                dx.broadcast_mul(scale)?.reshape(x.shape())
            })?;
            Ok(vec![dx, of_weight, of_bias])
        })
    }

    /// `[…, D]` to the same shape.
    fn over_last(&self, x: &Tensor) -> Result<Tensor> {
        let dim = self.weight.dim(0)?;
        self.check(x, x.dims().last() == Some(&dim), &format!("[…, {dim}]"))?;
        self.forward(x, dim, 1)
    }
}

impl Module for LayerNorm {
    /// `[…, D]` to the same shape.
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.0.over_last(x)
    }
}

impl Module for RmsNorm {
    /// `[…, D]` to the same shape.
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.0.over_last(x)
    }
}

impl Module for GroupNorm {
    /// `[N, C]` or `[N, C, …]` to the same shape.
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let channels = self.parameters.weight.dim(0)?;
        let fits = x.dims().get(1) == Some(&channels);
        let wanted = format!("[batch, {channels}, …]");
        self.parameters.check(x, fits, &wanted)?;
        let example = x.elem_count() / x.dim(0)?;
        let (dim, segment) = (example / self.num_groups, example / channels);
        self.parameters.forward(x, dim, segment)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Var};

    use super::*;
    use crate::ParamStore;
    use crate::testing::{check_gradients, filled};

    type Layer = Box<dyn Module>;

    fn layers(channels: usize, vb: &VarBuilder) -> Result<Vec<(Layer, usize)>> {
        Ok(vec![
            (Box::new(layer_norm(channels, 1e-5, vb.pp("layer"))?), 2),
            (Box::new(rms_norm(channels, 1e-6, vb.pp("rms"))?), 2),
            (Box::new(group_norm(2, channels, 1e-5, vb.pp("group"))?), 1),
            (
                Box::new(group_norm(channels, channels, 1e-5, vb.pp("instance"))?),
                1,
            ),
        ])
    }

    #[test]
    fn gradients_are_right() -> anyhow::Result<()> {
        for number in 0..4 {
            for transposed in [false, true] {
                let store = ParamStore::with_dtype(0, DType::F64, &Device::Cpu);
                let all = layers(6, &store.builder())?;
                let (layer, axis) = &all[number];
                let shape = if *axis == 2 { (3, 5, 6) } else { (3, 6, 5) };
                let prefix = ["layer", "rms", "group", "instance"][number];
                let mut inputs = Vec::new();
                for (salt, (name, var)) in (10..).zip(store.parameters()) {
                    var.set(&filled(6, salt, 2.0, DType::F64, &Device::Cpu)?)?;
                    if name.starts_with(prefix) {
                        inputs.push(var);
                    }
                }
                let x = filled(shape, 1, 4.0, DType::F64, &Device::Cpu)?;
                let x = if transposed {
                    x.transpose(1, 2)?.contiguous()?
                } else {
                    x
                };
                let x = Var::from_tensor(&x)?;
                inputs.push(x.clone());
                let weights = filled(shape, 2, 2.0, DType::F64, &Device::Cpu)?;
                let f = || {
                    let x = if transposed {
                        x.transpose(1, 2)?
                    } else {
                        x.as_tensor().clone()
                    };
                    (layer.forward(&x)? * &weights)?.sum_all()
                };
                check_gradients(&inputs, f, 1e-7)?;
            }
        }
        Ok(())
    }

    #[test]
    fn the_kernel_and_the_definition_agree() -> anyhow::Result<()> {
        for (centered, groups, segment) in
            [(true, 1, 1), (false, 1, 1), (true, 3, 700), (true, 6, 49)]
        {
            let vb = ParamStore::with_dtype(0, DType::F64, &Device::Cpu);
            let layer = Parameters::new("test", 6, 1e-5, centered, vb.builder())?;
            let mut inputs: Vec<Var> = Vec::new();
            for (salt, (_, var)) in (10..).zip(vb.parameters()) {
                var.set(&filled(6, salt, 2.0, DType::F64, &Device::Cpu)?)?;
                inputs.push(var);
            }
            let shape = (groups * 1001, 6 / groups * segment);
            let x = (filled(shape, 1, 2.0, DType::F64, &Device::Cpu)? + 3.0)?;
            let x = Var::from_tensor(&x)?;
            inputs.push(x.clone());
            let weights = filled(shape, 2, 2.0, DType::F64, &Device::Cpu)?;
            let (kernel, definition) = (
                layer.forward(&x, x.dim(1)?, segment)?,
                layer.composed(&x, x.dim(1)?, segment)?,
            );
            let of = |y: &Tensor| crate::backward(&(y * &weights)?.sum_all()?);
            let (found, wanted) = (of(&kernel)?, of(&definition)?);
            let mut pairs = vec![(kernel, definition)];
            for var in &inputs {
                let (Some(found), Some(wanted)) = (found.get(var), wanted.get(var)) else {
                    anyhow::bail!("a gradient is missing");
                };
                pairs.push((found.clone(), wanted.clone()));
            }
            for (found, wanted) in pairs {
                let off = (found - &wanted)?.abs()?.max_all()?.to_scalar::<f64>()?;
                let scale = wanted.abs()?.max_all()?.to_scalar::<f64>()?.max(1.0);
                anyhow::ensure!(off <= 1e-11 * scale, "{groups} groups of {segment}: {off}");
            }
        }
        Ok(())
    }

    #[test]
    fn what_does_not_fit_is_refused() -> Result<()> {
        let store = ParamStore::new(0, &Device::Cpu);
        for (layer, _) in layers(4, &store.builder())? {
            let x = Tensor::zeros((2, 3), DType::F32, &Device::Cpu)?;
            let error = layer.forward(&x).expect_err("3 for 4").to_string();
            assert!(
                error.contains("found an input [2, 3] F32, wanted ["),
                "{error}"
            );
        }
        let vb = store.builder();
        assert!(group_norm(3, 4, 1e-5, vb.pp("a")).is_err());
        assert!(layer_norm(4, 0.0, vb.pp("b")).is_err());
        Ok(())
    }
}
