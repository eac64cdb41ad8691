//! What the deep networks are built with: their layers' outputs one by one, and convolutions with ReLU.

use anyhow::Result;
use candle_core::{Module, Tensor};
use candle_nn::VarBuilder;
use d2l::nn::{Conv2d, Conv2dConfig, Initializer, conv2d, relu};

/// A picture's way through a network, with the outputs of its layers.
pub(crate) struct Outputs(Vec<(String, Tensor)>);

impl Outputs {
    /// With the first layer's output.
    pub fn first(name: &str, output: Tensor) -> Self {
        Self(vec![(name.to_string(), output)])
    }

    /// The next layer, which sees the output of the last one.
    pub fn then(
        mut self,
        name: impl Into<String>,
        layer: impl FnOnce(&Tensor) -> candle_core::Result<Tensor>,
    ) -> candle_core::Result<Self> {
        let Some((_, last)) = self.0.last() else {
            candle_core::bail!("found no layers");
        };
        let output = layer(last)?;
        self.0.push((name.into(), output));
        Ok(self)
    }

    /// All of them, for a network's `layers`.
    pub fn all(self) -> Vec<(String, Tensor)> {
        self.0
    }

    /// The last one: the logits.
    pub fn last(self) -> candle_core::Result<Tensor> {
        crate::output_of(self.0)
    }
}

/// A square kernel's way over a picture.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub kernel: usize,
    pub stride: usize,
    pub padding: usize,
}

impl Window {
    pub const fn new(kernel: usize, stride: usize, padding: usize) -> Self {
        Self {
            kernel,
            stride,
            padding,
        }
    }

    /// Places along a side of `side` pixels: ⌊(n + 2p - k) / s⌋ + 1, 0 where the kernel is larger than the picture.
    pub fn places(self, side: usize) -> usize {
        match (side + 2 * self.padding).checked_sub(self.kernel) {
            Some(rest) => rest / self.stride + 1,
            None => 0,
        }
    }

    /// The convolution with this window.
    pub fn conv2d(
        self,
        in_channels: usize,
        out_channels: usize,
        initializer: &Initializer,
        vb: VarBuilder,
    ) -> candle_core::Result<Conv2d> {
        let config = Conv2dConfig::default()
            .stride(self.stride)
            .padding(self.padding);
        conv2d(
            in_channels,
            out_channels,
            self.kernel,
            config,
            initializer,
            vb,
        )
    }
}

/// One convolution after the other, each with ReLU.
pub(crate) fn rectified(convolutions: &[Conv2d], x: &Tensor) -> candle_core::Result<Tensor> {
    in_turn(convolutions, x, |convolution, h| {
        relu(&convolution.forward(h)?)
    })
}

/// One block after the other, each on what the last one gave.
pub(crate) fn in_turn<B>(
    blocks: &[B],
    x: &Tensor,
    forward: impl Fn(&B, &Tensor) -> candle_core::Result<Tensor>,
) -> candle_core::Result<Tensor> {
    let mut h = x.clone();
    for block in blocks {
        h = forward(block, &h)?;
    }
    Ok(h)
}

/// The side that is left for the dense layers, where a picture is large enough.
pub(crate) fn large_enough(model: &str, side: usize, left: usize) -> Result<usize> {
    anyhow::ensure!(
        left > 0,
        "{model}: found pictures of {side} × {side}, wanted larger ones: its poolings leave nothing of them"
    );
    Ok(left)
}
