//! Convolutional layers: parameters, and what they do to images and sequences.

use candle_core::{Module, Result, Tensor, bail};
use candle_nn::VarBuilder;

use super::convolve;
use super::geometry::Conv2dConfig;
use crate::observe::report;
use crate::{Initializer, Sees};

/// A convolutional layer `[N, C, H, W] -> [N, O, H', W']` with square kernels: `weight` `[O, C / groups, k, k]` and `bias`
/// `[O]`.
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
    Ok(Conv2d {
        bias: Some(bias),
        ..layer
    })
}

/// The same without a bias, as in front of batch normalisation, which would take it away again.
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
    Ok(Conv2d::new(weight, None, config))
}

/// A convolutional layer; [`conv2d`] makes one with initial values.
#[derive(Clone, Debug)]
pub struct Conv2d {
    weight: Tensor,
    bias: Option<Tensor>,
    config: Conv2dConfig,
}

impl Conv2d {
    /// A layer of `weight` `[O, C / groups, kh, kw]` and, if it has one, `bias` `[O]`.
    pub fn new(weight: Tensor, bias: Option<Tensor>, config: Conv2dConfig) -> Self {
        Self {
            weight,
            bias,
            config,
        }
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
        tell(x, &y, &self.weight, &self.config)?;
        Ok(y)
    }
}

/// Reports a convolution with `weight` `[O, C / groups, kh, kw]`.
fn tell(x: &Tensor, y: &Tensor, weight: &Tensor, config: &Conv2dConfig) -> Result<()> {
    let (_, channels, height, width) = weight.dims4()?;
    let seen = |kernel: usize, dilation: usize| dilation * kernel.saturating_sub(1) + 1;
    let sees = Sees::Window {
        size: (
            seen(height, config.dilation.0),
            seen(width, config.dilation.1),
        ),
        stride: config.stride,
    };
    report(x, y, sees, y.elem_count() * channels * height * width);
    Ok(())
}

/// A convolutional layer over sequences, `[N, C, L] -> [N, O, L']`: `weight` `[O, C / groups, k]` and `bias` `[O]`. Of the
/// configuration's pairs the second number counts.
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
    Ok(Conv1d::new(weight, Some(bias), config))
}

/// A convolutional layer over sequences: one over images of a single row. [`conv1d`] makes one with initial values.
#[derive(Clone, Debug)]
pub struct Conv1d {
    weight: Tensor,
    bias: Option<Tensor>,
    config: Conv2dConfig,
}

impl Conv1d {
    /// A layer of `weight` `[O, C / groups, k]` and, if it has one, `bias` `[O]`.
    pub fn new(weight: Tensor, bias: Option<Tensor>, config: Conv2dConfig) -> Self {
        let config = Conv2dConfig {
            stride: (1, config.stride.1),
            padding: (0, config.padding.1),
            dilation: (1, config.dilation.1),
            ..config
        };
        Self {
            weight,
            bias,
            config,
        }
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
        tell(x, &y, &weight, &self.config)?;
        Ok(y)
    }
}
