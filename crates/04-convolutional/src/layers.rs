//! What several of the deep networks are built with: kernels, and convolutions followed by ReLU.

use anyhow::Result;
use candle_core::{Module, Tensor};
use candle_nn::VarBuilder;
use d2l::nn::{Conv2d, Conv2dConfig, Initializer, conv2d, relu};

/// A square kernel and how it moves over a picture.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kernel {
    size: usize,
    stride: usize,
    padding: usize,
}

impl Kernel {
    /// A kernel of `size` × `size` that moves by one pixel, without padding.
    pub const fn new(size: usize) -> Self {
        Self { size, stride: 1, padding: 0 }
    }

    /// The same kernel with this stride.
    pub const fn stride(self, stride: usize) -> Self {
        Self { stride, ..self }
    }

    /// The same kernel with this padding on all sides.
    pub const fn padding(self, padding: usize) -> Self {
        Self { padding, ..self }
    }

    /// Positions along a side of `side` pixels: ⌊(n + 2p - k) / s⌋ + 1, or 0 if the kernel is larger than the picture.
    pub fn positions(self, side: usize) -> usize {
        match (side + 2 * self.padding).checked_sub(self.size) {
            Some(rest) => rest / self.stride + 1,
            None => 0,
        }
    }

    /// A convolution with this kernel, from `inputs` to `outputs` channels.
    pub fn conv2d(
        self,
        inputs: usize,
        outputs: usize,
        init: &Initializer,
        vb: VarBuilder,
    ) -> candle_core::Result<Conv2d> {
        let config = Conv2dConfig::default()
            .stride(self.stride)
            .padding(self.padding);
        conv2d(inputs, outputs, self.size, config, init, vb)
    }
}

/// One convolution after another, each followed by ReLU.
pub(crate) fn conv_relu(convolutions: &[Conv2d], x: &Tensor) -> candle_core::Result<Tensor> {
    let mut convolutions = convolutions.iter();
    convolutions.try_fold(x.clone(), |h, conv| relu(&conv.forward(&h)?))
}

/// Refuses pictures of which the pooling layers leave nothing; `left` is the side behind the last of them.
pub(crate) fn large_enough(side: usize, left: usize) -> Result<usize> {
    anyhow::ensure!(
        left > 0,
        "found pictures of {side} × {side} pixels, wanted larger ones: the pooling layers leave nothing of them"
    );
    Ok(left)
}
