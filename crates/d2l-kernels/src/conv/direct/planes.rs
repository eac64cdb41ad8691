//! The padded channels of an image, split into the phases of the stride.

use super::taps::WINDOWS;
use crate::Real;
use crate::conv::geometry::{Axis, Geometry};
use crate::conv::transform::copy;

/// One direction of a channel's padded planes.
#[derive(Clone, Copy)]
pub(super) struct Side {
    /// Cells of the channel.
    cells: usize,
    /// Zeros in front of them.
    pub(super) before: usize,
    /// Cells from one cell of a phase to the next.
    stride: usize,
    /// Phases that a tap reads.
    phases: usize,
    /// Cells of a phase.
    len: usize,
}

impl Side {
    /// The input of a convolution.
    fn of_input(axis: &Axis) -> Self {
        let reach = (axis.kernel - 1) * axis.dilation;
        Self {
            cells: axis.input,
            before: axis.padding,
            stride: axis.stride,
            phases: axis.stride.min(reach + 1),
            len: axis.output + reach / axis.stride,
        }
    }

    /// ∂l/∂y, as the input's gradient reads it: every position at which the kernel reads a cell.
    fn of_gradient(axis: &Axis) -> Self {
        let before = (axis.kernel - 1) * axis.dilation / axis.stride;
        let cells = (axis.input + axis.padding).div_ceil(axis.stride);
        Self {
            cells: axis.output,
            before,
            stride: 1,
            phases: 1,
            len: before + cells.max(axis.output),
        }
    }

    /// The cells of a phase that are not padding, and the first one's number in the channel.
    fn inside(&self, phase: usize) -> (std::ops::Range<usize>, usize) {
        let start = self.before.saturating_sub(phase).div_ceil(self.stride);
        let end = match (self.cells + self.before).checked_sub(phase + 1) {
            Some(last) => (last / self.stride + 1).min(self.len),
            None => 0,
        };
        let first = (start * self.stride + phase).saturating_sub(self.before);
        (start.min(end)..end, first)
    }
}

/// The padded planes of a channel.
#[derive(Clone, Copy)]
pub(super) struct Planes {
    pub(super) rows: Side,
    pub(super) columns: Side,
}

impl Planes {
    pub(super) fn of_input(geometry: &Geometry) -> Self {
        Self {
            rows: Side::of_input(&geometry.rows),
            columns: Side::of_input(&geometry.columns),
        }
    }

    pub(super) fn of_gradient(geometry: &Geometry) -> Self {
        Self {
            rows: Side::of_gradient(&geometry.rows),
            columns: Side::of_gradient(&geometry.columns),
        }
    }

    pub(super) fn pitch(&self) -> usize {
        self.columns.len
    }

    /// Numbers of one channel.
    pub(super) fn len(&self) -> usize {
        self.rows.phases * self.columns.phases * self.rows.len * self.pitch()
    }

    /// Zeros for an image of `channels`, with room behind it for what the last positions read beyond it.
    pub(super) fn zeros<T: Real>(&self, channels: usize) -> Vec<T> {
        vec![T::ZERO; channels * self.len() + 2 * WINDOWS]
    }

    /// Where the cell at (`row`, `column`) of the padded channel lies.
    pub(super) fn place(&self, row: usize, column: usize) -> usize {
        let phase = row % self.rows.stride * self.columns.phases + column % self.columns.stride;
        let line = phase * self.rows.len + row / self.rows.stride;
        line * self.pitch() + column / self.columns.stride
    }

    /// Writes the channels of `image` between the zeros.
    #[inline(always)] // into `wide`
    pub(super) fn fill<T: Real>(&self, image: &[T], padded: &mut [T]) {
        let (rows, columns) = (&self.rows, &self.columns);
        let channels = image.chunks_exact((rows.cells * columns.cells).max(1));
        for (channel, padded) in channels.zip(padded.chunks_exact_mut(self.len())) {
            let phases = padded.chunks_exact_mut(rows.len * self.pitch());
            for (phase, plane) in phases.enumerate() {
                let (inside_rows, first_row) = rows.inside(phase / columns.phases);
                let (inside, first) = columns.inside(phase % columns.phases);
                for (number, row) in inside_rows.enumerate() {
                    let line = (first_row + number * rows.stride) * columns.cells;
                    let source = &channel[line + first.min(columns.cells)..line + columns.cells];
                    let target = &mut plane[row * self.pitch()..][inside.clone()];
                    if columns.stride == 1 {
                        copy(source, target);
                    } else {
                        let source = source.iter().step_by(columns.stride);
                        target.iter_mut().zip(source).for_each(|(y, &x)| *y = x);
                    }
                }
            }
        }
    }
}
