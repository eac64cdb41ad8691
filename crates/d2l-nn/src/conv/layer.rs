//! Convolutional layers for images and sequences.

use candle_core::{Module, Result, Tensor, bail};
use candle_nn::VarBuilder;

use super::convolve;
use crate::observe::report_layer;
use crate::{Initializer, Sees};
use d2l_kernels::conv::Conv2dConfig;

/// A convolutional layer `[N, C, H, W] -> [N, O, H', W']` with square kernels: `weight` `[O, C / groups, k, k]` and
/// `bias` `[O]`.
pub fn conv2d(
    in_channels: usize,
    out_channels: usize,
    kernel_size: usize,
    config: Conv2dConfig,
    initializer: &Initializer,
    vb: VarBuilder,
) -> Result<Conv2d> {
    let fan_in = in_channels / config.groups.max(1) * kernel_size * kernel_size;
    let bias = vb.get_with_hints(out_channels, "bias", initializer.bias(fan_in))?;
    let layer = conv2d_no_bias(
        in_channels,
        out_channels,
        kernel_size,
        config,
        initializer,
        vb,
    )?;
    Ok(Conv2d { bias: Some(bias), ..layer })
}

/// The same without a bias, as before batch normalisation, which would cancel it.
pub fn conv2d_no_bias(
    in_channels: usize,
    out_channels: usize,
    kernel_size: usize,
    config: Conv2dConfig,
    initializer: &Initializer,
    vb: VarBuilder,
) -> Result<Conv2d> {
    let per_group = in_channels / config.groups.max(1);
    let area = kernel_size * kernel_size;
    let hint = initializer.weight(per_group * area, out_channels * area);
    let shape = (out_channels, per_group, kernel_size, kernel_size);
    let weight = vb.get_with_hints(shape, "weight", hint)?;
    Ok(Conv2d { name: vb.prefix(), ..Conv2d::new(weight, None, config) })
}

/// A convolutional layer; [`conv2d`] makes one with initial values.
#[derive(Clone, Debug)]
pub struct Conv2d {
    name: String,
    weight: Tensor,
    bias: Option<Tensor>,
    config: Conv2dConfig,
}

impl Conv2d {
    /// A layer with `weight` `[O, C / groups, kh, kw]` and an optional `bias` `[O]`.
    pub fn new(weight: Tensor, bias: Option<Tensor>, config: Conv2dConfig) -> Self {
        Self { name: "conv2d".to_string(), weight, bias, config }
    }

    /// w, `[O, C / groups, kh, kw]`
    pub fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// b, `[O]`
    pub fn bias(&self) -> Option<&Tensor> {
        self.bias.as_ref()
    }

    /// How the kernel moves.
    pub fn config(&self) -> &Conv2dConfig {
        &self.config
    }
}

impl Module for Conv2d {
    /// `[N, C, H, W] -> [N, O, H', W']`
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let y = convolve(x, &self.weight, self.bias.as_ref(), &self.config)?;
        tell(&self.name, x, &y, &self.weight, &self.config)?;
        Ok(y)
    }
}

/// Reports a convolution with `weight` `[O, C / groups, kh, kw]`.
fn tell(name: &str, x: &Tensor, y: &Tensor, weight: &Tensor, config: &Conv2dConfig) -> Result<()> {
    let (_, channels, height, width) = weight.dims4()?;
    let seen = |kernel: usize, dilation: usize| dilation * kernel.saturating_sub(1) + 1;
    let sees = Sees::Window {
        size: (
            seen(height, config.dilation.0),
            seen(width, config.dilation.1),
        ),
        stride: config.stride,
    };
    let multiply_adds = y.elem_count() * channels * height * width;
    report_layer(name, x, y, sees, multiply_adds);
    Ok(())
}

/// A convolutional layer over sequences, `[N, C, L] -> [N, O, L']`: `weight` `[O, C / groups, k]` and `bias` `[O]`.
/// Only the second number of each pair in the configuration counts.
pub fn conv1d(
    in_channels: usize,
    out_channels: usize,
    kernel_size: usize,
    config: Conv2dConfig,
    initializer: &Initializer,
    vb: VarBuilder,
) -> Result<Conv1d> {
    let per_group = in_channels / config.groups.max(1);
    let fan_in = per_group * kernel_size;
    let hint = initializer.weight(fan_in, out_channels * kernel_size);
    let weight = vb.get_with_hints((out_channels, per_group, kernel_size), "weight", hint)?;
    let bias = vb.get_with_hints(out_channels, "bias", initializer.bias(fan_in))?;
    Ok(Conv1d { name: vb.prefix(), ..Conv1d::new(weight, Some(bias), config) })
}

/// A convolutional layer over sequences, computed over images of a single row. [`conv1d`] makes one with initial
/// values.
#[derive(Clone, Debug)]
pub struct Conv1d {
    name: String,
    weight: Tensor,
    bias: Option<Tensor>,
    config: Conv2dConfig,
}

impl Conv1d {
    /// A layer with `weight` `[O, C / groups, k]` and an optional `bias` `[O]`.
    pub fn new(weight: Tensor, bias: Option<Tensor>, config: Conv2dConfig) -> Self {
        let config = Conv2dConfig {
            stride: (1, config.stride.1),
            padding: (0, config.padding.1),
            dilation: (1, config.dilation.1),
            ..config
        };
        Self { name: "conv1d".to_string(), weight, bias, config }
    }
}

impl Module for Conv1d {
    /// `[N, C, L] -> [N, O, L']`
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        if x.rank() != 3 {
            bail!(
                "convolution: found an input {:?}, wanted [N, C, L]",
                x.dims()
            );
        }
        let (images, weight) = (x.unsqueeze(2)?, self.weight.unsqueeze(2)?);
        let y = convolve(&images, &weight, self.bias.as_ref(), &self.config)?.squeeze(2)?;
        tell(&self.name, x, &y, &weight, &self.config)?;
        Ok(y)
    }
}
