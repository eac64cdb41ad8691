//! Where a convolution's kernel lies: sizes, strides, padding, and the cells that a tap (an entry of the kernel) reads.

use std::ops::Range;

use crate::Misfit;

/// How a kernel moves over an input, in (rows, columns).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv2dConfig {
    /// Cells from one position of the kernel to the next.
    pub stride: (usize, usize),
    /// Zeros around the input, on each side.
    pub padding: (usize, usize),
    /// Cells from one entry of the kernel to the next.
    pub dilation: (usize, usize),
    /// Groups of channels that are convolved separately.
    pub groups: usize,
}

impl Default for Conv2dConfig {
    fn default() -> Self {
        Self { stride: (1, 1), padding: (0, 0), dilation: (1, 1), groups: 1 }
    }
}

impl Conv2dConfig {
    /// The same stride in both directions.
    pub fn stride(self, stride: usize) -> Self {
        Self { stride: (stride, stride), ..self }
    }

    /// The same padding on all four sides.
    pub fn padding(self, padding: usize) -> Self {
        Self { padding: (padding, padding), ..self }
    }

    /// The same dilation in both directions.
    pub fn dilation(self, dilation: usize) -> Self {
        Self { dilation: (dilation, dilation), ..self }
    }

    /// Groups of channels that are convolved separately.
    pub fn groups(self, groups: usize) -> Self {
        Self { groups, ..self }
    }
}

/// One direction, rows or columns: `input` cells, a kernel of `kernel` entries, `output` positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Axis {
    /// Cells.
    pub input: usize,
    /// Entries of the kernel.
    pub kernel: usize,
    /// Positions of the kernel.
    pub output: usize,
    /// Cells from one position to the next.
    pub stride: usize,
    /// Zeros in front of the cells and behind them.
    pub padding: usize,
    /// Cells from one entry of the kernel to the next.
    pub dilation: usize,
}

impl Axis {
    /// ⌊(n + 2p - d(k - 1) - 1) / s⌋ + 1 positions. D2L zh 6.3, en 7.3.
    fn new(
        input: usize,
        kernel: usize,
        stride: usize,
        padding: usize,
        dilation: usize,
    ) -> Result<Self, Misfit> {
        if kernel == 0 || stride == 0 || dilation == 0 {
            return Err(Misfit(format!(
                "convolution: found a kernel of {kernel}, stride {stride}, dilation {dilation}, wanted at least 1 each"
            )));
        }
        let (reach, padded) = (dilation * (kernel - 1) + 1, input + 2 * padding);
        if padded < reach {
            return Err(Misfit(format!(
                "convolution: found a side of {input} with padding {padding}, wanted at least {reach}, which the kernel \
                 covers"
            )));
        }
        Ok(Self {
            input,
            kernel,
            output: (padded - reach) / stride + 1,
            stride,
            padding,
            dilation,
        })
    }

    /// The input cell that entry `tap` of the kernel reads at position `window`, if it isn't padding.
    pub fn cell(&self, window: usize, tap: usize) -> Option<usize> {
        (window * self.stride + tap * self.dilation)
            .checked_sub(self.padding)
            .filter(|&cell| cell < self.input)
    }

    /// The positions at which entry `tap` reads a cell of the input, not padding.
    pub fn windows(&self, tap: usize) -> Range<usize> {
        let offset = tap * self.dilation;
        let start = self.padding.saturating_sub(offset).div_ceil(self.stride);
        let end = match (self.input + self.padding).checked_sub(offset + 1) {
            Some(last) => (last / self.stride + 1).min(self.output),
            None => 0,
        };
        start.min(end)..end
    }
}

/// A convolution of images `[images, channels, rows.input, columns.input]` with a weight
/// `[filters, channels / groups, rows.kernel, columns.kernel]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Images.
    pub images: usize,
    /// Channels of an image.
    pub channels: usize,
    /// Channels of the output.
    pub filters: usize,
    /// Groups of channels that are convolved separately.
    pub groups: usize,
    /// From top to bottom.
    pub rows: Axis,
    /// From left to right.
    pub columns: Axis,
}

impl Geometry {
    /// The geometry of an input and a weight of these shapes.
    ///
    /// # Errors
    /// If they don't fit.
    pub fn new(input: &[usize], weight: &[usize], config: &Conv2dConfig) -> Result<Self, Misfit> {
        let (&[images, channels, height, width], &[filters, per_group, kernel_h, kernel_w]) =
            (input, weight)
        else {
            return Err(Misfit(format!(
                "convolution: found an input {input:?} and a weight {weight:?}, wanted four dimensions each: images, \
                 channels, rows, columns, and filters, channels, rows, columns"
            )));
        };
        let groups = config.groups;
        if groups == 0 || filters % groups != 0 || channels != per_group * groups {
            return Err(Misfit(format!(
                "convolution: found an input {input:?} and a weight {weight:?} in {groups} groups, wanted {} channels \
                 and filters that the groups divide",
                per_group * groups
            )));
        }
        let ((stride_h, stride_w), (pad_h, pad_w)) = (config.stride, config.padding);
        let (dilation_h, dilation_w) = config.dilation;
        Ok(Self {
            images,
            channels,
            filters,
            groups,
            rows: Axis::new(height, kernel_h, stride_h, pad_h, dilation_h)?,
            columns: Axis::new(width, kernel_w, stride_w, pad_w, dilation_w)?,
        })
    }

    /// `[images, channels, height, width]`
    pub fn input_dims(&self) -> (usize, usize, usize, usize) {
        (
            self.images,
            self.channels,
            self.rows.input,
            self.columns.input,
        )
    }

    /// `[images, filters, height, width]`
    pub fn output_dims(&self) -> (usize, usize, usize, usize) {
        (
            self.images,
            self.filters,
            self.rows.output,
            self.columns.output,
        )
    }

    /// Numbers in one image of the input.
    pub fn input_len(&self) -> usize {
        self.channels * self.rows.input * self.columns.input
    }

    /// Positions of the kernel in one image.
    pub fn pixels(&self) -> usize {
        self.rows.output * self.columns.output
    }

    /// Numbers in one image of the output.
    pub fn output_len(&self) -> usize {
        self.filters * self.pixels()
    }

    /// Entries of a kernel.
    pub fn area(&self) -> usize {
        self.rows.kernel * self.columns.kernel
    }

    /// Numbers that one filter reads at one position.
    pub fn taps(&self) -> usize {
        self.channels / self.groups * self.area()
    }

    /// Whether the kernel is one cell and stands on every cell: then the input is its own matrix of patches.
    pub fn is_pointwise(&self) -> bool {
        let is_one = |axis: &Axis| axis.kernel == 1 && axis.stride == 1 && axis.padding == 0;
        is_one(&self.rows) && is_one(&self.columns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_those_that_read_a_cell() -> Result<(), Misfit> {
        for input in 1..8 {
            for kernel in 1..4 {
                for stride in 1..4 {
                    for padding in 0..4 {
                        for dilation in 1..3 {
                            let Ok(axis) = Axis::new(input, kernel, stride, padding, dilation)
                            else {
                                continue;
                            };
                            for tap in 0..kernel {
                                let windows = axis.windows(tap);
                                for window in 0..axis.output {
                                    let reads = axis.cell(window, tap).is_some();
                                    assert_eq!(reads, windows.contains(&window), "{axis:?} {tap}");
                                }
                            }
                        }
                    }
                }
            }
        }
        Ok(())
    }
}
