//! Pooling: one number for each pooling region of each channel. D2L zh 6.5, en 7.5.
//!
//! candle 0.11's own pooling has no padding and no ceil mode, and its backward pass supports only kernel = stride. That
//! of `max_pool2d` divides the gradient by the region's size once too often (huggingface/candle#1593, for sides that
//! the kernel doesn't divide). This module can go when candle's gradients are PyTorch's.

mod adaptive;
mod average;
mod max;

pub use adaptive::{adaptive_avg_pool2d, adaptive_max_pool2d, global_avg_pool2d};
pub use average::{avg_pool1d, avg_pool2d};
pub use max::{max_pool1d, max_pool2d};

use candle_core::{Context, Result, Tensor, ToUsize2};
use d2l_kernels::windows::Windows;

use crate::Sees;

/// The pooling regions in two dimensions; each pair is (vertical, horizontal).
///
/// An axis of n inputs gets ⌊(n + 2 · padding - kernel) / stride⌋ + 1 outputs. With `ceil_mode` the quotient is rounded
/// up, but a region that would begin in the padding behind the axis is left out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pool2d {
    /// Inputs that a pooling region covers.
    pub kernel: (usize, usize),
    /// Inputs from one region to the next.
    pub stride: (usize, usize),
    /// Inputs added in front of and behind each axis; at most half the kernel.
    pub padding: (usize, usize),
    /// Whether a last region that ends beyond the axis counts.
    pub ceil_mode: bool,
}

impl Pool2d {
    /// Pooling regions of this size, a number or a pair, side by side: stride = kernel, no padding.
    pub fn new(kernel: impl ToUsize2) -> Self {
        let kernel = kernel.to_usize2();
        Self { kernel, stride: kernel, padding: (0, 0), ceil_mode: false }
    }

    /// The same with this stride, a number or a pair.
    pub fn stride(self, stride: impl ToUsize2) -> Self {
        let stride = stride.to_usize2();
        Self { stride, ..self }
    }

    /// The same with this padding, a number or a pair.
    pub fn padding(self, padding: impl ToUsize2) -> Self {
        let padding = padding.to_usize2();
        Self { padding, ..self }
    }

    /// The same with a last region that ends beyond the axis.
    pub fn ceil(self) -> Self {
        let ceil_mode = true;
        Self { ceil_mode, ..self }
    }

    /// What one number of the output sees.
    fn sees(&self) -> Sees {
        Sees::Window { size: self.kernel, stride: self.stride }
    }

    /// The pooling regions along both axes of an input `[N, C, H, W]`.
    fn windows(&self, x: &Tensor, op: &str) -> Result<(Windows, Windows)> {
        let (height, width) = sides(x, op)?;
        let along = |inputs, kernel, stride, padding| {
            Windows::sliding(inputs, kernel, stride, padding, self.ceil_mode)
        };
        let vertical = along(height, self.kernel.0, self.stride.0, self.padding.0);
        let horizontal = along(width, self.kernel.1, self.stride.1, self.padding.1);
        Ok((
            vertical.with_context(|| format!("{op}, vertically"))?,
            horizontal.with_context(|| format!("{op}, horizontally"))?,
        ))
    }
}

/// The pooling regions in one dimension: see [`Pool2d`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pool1d {
    /// Inputs that a pooling region covers.
    pub kernel: usize,
    /// Inputs from one region to the next.
    pub stride: usize,
    /// Inputs added in front of and behind the axis; at most half the kernel.
    pub padding: usize,
    /// Whether a last region that ends beyond the axis counts.
    pub ceil_mode: bool,
}

impl Pool1d {
    /// Pooling regions of this size side by side: stride = kernel, no padding.
    pub fn new(kernel: usize) -> Self {
        Self { kernel, stride: kernel, padding: 0, ceil_mode: false }
    }

    /// The same with this stride.
    pub fn stride(self, stride: usize) -> Self {
        Self { stride, ..self }
    }

    /// The same with this padding.
    pub fn padding(self, padding: usize) -> Self {
        Self { padding, ..self }
    }

    /// The same with a last region that ends beyond the axis.
    pub fn ceil(self) -> Self {
        let ceil_mode = true;
        Self { ceil_mode, ..self }
    }

    /// The same regions in images of height 1.
    fn flat(&self) -> Pool2d {
        Pool2d {
            kernel: (1, self.kernel),
            stride: (1, self.stride),
            padding: (0, self.padding),
            ceil_mode: self.ceil_mode,
        }
    }
}

/// Height and width of `[N, C, H, W]`.
pub(crate) fn sides(x: &Tensor, op: &str) -> Result<(usize, usize)> {
    match *x.dims() {
        [_, _, height, width] => Ok((height, width)),
        ref dims => candle_core::bail!("{op}: found shape {dims:?}, wanted [N, C, H, W]"),
    }
}

/// `[N, C, L]` as images `[N, C, 1, L]`.
fn as_images(x: &Tensor, op: &str) -> Result<Tensor> {
    match x.rank() {
        3 => x.unsqueeze(2),
        _ => candle_core::bail!("{op}: found shape {:?}, wanted [N, C, L]", x.dims()),
    }
}
