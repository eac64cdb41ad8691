//! Convolutional layers with PyTorch's names and a rule for their initial values. D2L zh 6.2-6.4, en 7.2-7.4.
//!
//! What the field calls convolution is cross-correlation:
//!
//! y[n, o, r, c] = b[o] + Σ w[o, k, i, j] · x[n, k, r·s + i·d - p, c·s + j·d - p]
//!
//! over input channels k and entries (i, j) of the kernel, with stride s, padding p and dilation d; x is 0 outside. Its
//! gradients: ∂l/∂x is the transposed convolution of ∂l/∂y with w; ∂l/∂w is the sum of ∂l/∂y times the entries of x
//! that the kernel read.
//!
//! candle 0.11 computes the gradient of x in loops over single numbers, and computes it for pictures too, which need
//! none; the two were most of LeNet's time. Here the output and both gradients are matrix products over blocks that
//! stay in the cache.

mod composed;
mod layer;
mod op;
#[cfg(test)]
mod tests;
mod transposed;

use candle_core::{Error, Result, Tensor, bail};

use crate::graph;
use crate::kernel;
use crate::precision;
pub use d2l_kernels::conv::Conv2dConfig;
use d2l_kernels::conv::Geometry;
pub use layer::{Conv1d, Conv2d, conv1d, conv2d, conv2d_no_bias};
pub use transposed::{ConvTranspose2d, conv_transpose2d};

/// The cross-correlation of images `x` `[N, C, H, W]` with `weight` `[O, C / groups, kh, kw]`, plus `bias` `[O]`:
/// `[N, O, H', W']` with H' = ⌊(H + 2p - d(kh - 1) - 1) / s⌋ + 1.
///
/// # Errors
/// If shapes or types don't fit, or the kernel is larger than the padded image.
fn convolve(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    config: &Conv2dConfig,
) -> Result<Tensor> {
    let geometry = Geometry::new(x.dims(), weight.dims(), config).map_err(Error::wrap)?;
    check(x, weight, bias, geometry.filters)?;
    if precision::narrows(x) {
        let bias = bias.map(precision::narrowed).transpose()?;
        let [x, weight] = [precision::narrowed(x)?, precision::narrowed(weight)?];
        return precision::widened(&correlated(geometry, &x, &weight, bias.as_ref())?);
    }
    correlated(geometry, x, weight, bias)
}

/// The cross-correlation, by the kernel if there is one.
fn correlated(
    geometry: Geometry,
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
) -> Result<Tensor> {
    if kernel::has_kernel(x) {
        let op = op::Convolution(geometry);
        return match bias {
            Some(bias) => graph::apply(op, &[x, weight, bias]),
            None => graph::apply(op, &[x, weight]),
        };
    }
    add_bias(composed::convolution(geometry, x, weight)?, bias)
}

fn check(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>, filters: usize) -> Result<()> {
    if x.dtype() != weight.dtype() {
        bail!(
            "convolution: found an input {:?} and a weight {:?}, wanted one type",
            x.dtype(),
            weight.dtype()
        );
    }
    match bias {
        Some(bias) if bias.dims() != [filters] || bias.dtype() != x.dtype() => bail!(
            "convolution: found a bias {:?} {:?}, wanted [{filters}] {:?}",
            bias.dims(),
            bias.dtype(),
            x.dtype()
        ),
        _ => Ok(()),
    }
}

fn add_bias(y: Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    match bias {
        Some(bias) => composed::plus_bias(&y, bias),
        None => Ok(y),
    }
}
