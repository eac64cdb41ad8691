//! The transposed convolution: a convolution's gradient as a layer, which makes images larger. D2L zh 13.10, en 14.10.

use candle_core::{Error, Module, Result, Tensor, bail};
use candle_nn::VarBuilder;

use super::{add_bias, check, composed, op};
use crate::graph;
use crate::observe::report_layer;
use crate::{Initializer, Sees, kernel, precision};
use d2l_kernels::conv::{Conv2dConfig, Geometry};

/// A transposed convolution `[N, C, H, W] -> [N, O, H', W']` with square kernels: `weight` `[C, O / groups, k, k]` and
/// `bias` `[O]`; initial values as PyTorch's, which takes the fan from the weight's second dimension.
pub fn conv_transpose2d(
    in_channels: usize,
    out_channels: usize,
    kernel_size: usize,
    config: Conv2dConfig,
    initializer: &Initializer,
    vb: VarBuilder,
) -> Result<ConvTranspose2d> {
    let per_group = out_channels / config.groups.max(1);
    let area = kernel_size * kernel_size;
    let fan_in = per_group * area;
    let weight = vb.get_with_hints(
        (in_channels, per_group, kernel_size, kernel_size),
        "weight",
        initializer.weight(fan_in, in_channels * area),
    )?;
    let bias = vb.get_with_hints(out_channels, "bias", initializer.bias(fan_in))?;
    Ok(ConvTranspose2d {
        name: vb.prefix(),
        ..ConvTranspose2d::new(weight, Some(bias), config)
    })
}

/// A transposed convolution; [`conv_transpose2d`] makes one with initial values.
#[derive(Clone, Debug)]
pub struct ConvTranspose2d {
    name: String,
    weight: Tensor,
    bias: Option<Tensor>,
    config: Conv2dConfig,
    output_padding: (usize, usize),
}

impl ConvTranspose2d {
    /// A layer with `weight` `[C, O / groups, kh, kw]` and an optional `bias` `[O]`.
    pub fn new(weight: Tensor, bias: Option<Tensor>, config: Conv2dConfig) -> Self {
        Self {
            name: "conv_transpose2d".to_string(),
            weight,
            bias,
            config,
            output_padding: (0, 0),
        }
    }

    /// Rows and columns added at one side of the output. They choose among the image sizes that the convolution maps to
    /// one size.
    pub fn output_padding(self, output_padding: (usize, usize)) -> Self {
        Self { output_padding, ..self }
    }
}

impl Module for ConvTranspose2d {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let y = convolve_transposed(
            x,
            &self.weight,
            self.bias.as_ref(),
            &self.config,
            self.output_padding,
        )?;
        let (_, channels, height, width) = self.weight.dims4()?;
        // A number of the output comes from the inputs whose kernels reach it: ⌈k / s⌉ along a side.
        let reach = |k: usize, dilation: usize, stride: usize| {
            (dilation * k.saturating_sub(1) + 1).div_ceil(stride.max(1))
        };
        let (dilation, stride) = (self.config.dilation, self.config.stride);
        let sees = Sees::Window {
            size: (
                reach(height, dilation.0, stride.0),
                reach(width, dilation.1, stride.1),
            ),
            stride: (1, 1),
        };
        let multiply_adds = x.elem_count() * channels * height * width;
        report_layer(&self.name, x, &y, sees, multiply_adds);
        Ok(y)
    }
}

/// The transposed convolution of images `x` `[N, C, H, W]` with `weight` `[C, O / groups, kh, kw]`, plus `bias` `[O]`:
/// `[N, O, H', W']` with H' = (H - 1) s - 2p + d(kh - 1) + 1 + `output_padding`. D2L zh 13.10, en 14.10.
///
/// # Errors
/// If shapes or types don't fit, or the output padding is not below stride or dilation.
fn convolve_transposed(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    config: &Conv2dConfig,
    output_padding: (usize, usize),
) -> Result<Tensor> {
    let (images, channels, height, width) = x.dims4()?;
    let (weight_channels, per_group, kernel_h, kernel_w) = weight.dims4()?;
    if channels != weight_channels {
        bail!(
            "transposed convolution: found an input {:?} and a weight {:?}, wanted {weight_channels} channels",
            x.dims(),
            weight.dims()
        );
    }
    let side = |n: usize, k: usize, s: usize, p: usize, d: usize, extra: usize| {
        if extra >= s.max(d) {
            bail!(
                "transposed convolution: found an output padding of {extra}, wanted less than stride {s} or dilation {d}"
            );
        }
        let full = n.saturating_sub(1) * s + d * k.saturating_sub(1) + 1 + extra;
        match full.checked_sub(2 * p) {
            Some(side) if side > 0 => Ok(side),
            _ => bail!("transposed convolution: found padding {p}, which leaves nothing of {full}"),
        }
    };
    let ((s_h, s_w), (p_h, p_w), (d_h, d_w)) = (config.stride, config.padding, config.dilation);
    let (out_h, out_w) = (
        side(height, kernel_h, s_h, p_h, d_h, output_padding.0)?,
        side(width, kernel_w, s_w, p_w, d_w, output_padding.1)?,
    );
    let filters = per_group * config.groups;
    // The convolution whose gradient this is: from the output's size to the input's.
    let mut geometry = Geometry::new(&[images, filters, out_h, out_w], weight.dims(), config)
        .map_err(Error::wrap)?;
    (geometry.rows.output, geometry.columns.output) = (height, width); // a large output padding would give more
    check(x, weight, bias, filters)?;
    if precision::narrows(x) {
        let bias = bias.map(precision::narrowed).transpose()?;
        let y = spread(
            geometry,
            &precision::narrowed(x)?,
            &precision::narrowed(weight)?,
        )?;
        return precision::widened(&add_bias(y, bias.as_ref())?);
    }
    add_bias(spread(geometry, x, weight)?, bias)
}

/// The transposed convolution without its bias, by the kernel if there is one.
fn spread(geometry: Geometry, x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    if kernel::has_kernel(x) {
        return graph::apply(op::Transposed(geometry), &[x, weight]);
    }
    composed::transposed(geometry, x, weight)
}
