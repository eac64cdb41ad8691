//! The matrix of patches ("im2col"): each column holds what the kernel reads at one position, so that a convolution is
//! a matrix product.
//!
//! Row (c, i, j), column r · width + x: x[c, r-th output row's cell i, x-th column's cell j], or 0 in the padding.
//! Output rows are counted through the images: row r belongs to image r / height.

use std::ops::Range;

use super::geometry::Geometry;
use super::transform::copy;
use crate::Real;

/// Fills `matrix` `[taps, rows.len() · width]` with the patches of output rows `rows` in the given `channels` of `x`,
/// which begins with the image of the first row.
#[inline(always)] // into `wide`
pub(super) fn unfold<T: Real>(
    geometry: &Geometry,
    x: &[T],
    channels: Range<usize>,
    rows: Range<usize>,
    matrix: &mut [T],
) {
    for_each_line(geometry, channels, rows, |line| {
        let Some(target) = matrix.get_mut(line.in_matrix.clone()) else {
            return;
        };
        let Some((source, stride)) = line.in_image else {
            target.fill(T::ZERO);
            return;
        };
        let (before, rest) = target.split_at_mut(line.inside.start);
        let (inside, after) = rest.split_at_mut(line.inside.len());
        before.fill(T::ZERO);
        after.fill(T::ZERO);
        let Some(source) = x.get(source..) else {
            return;
        };
        if stride == 1 {
            copy(&source[..inside.len()], inside);
        } else {
            let source = source.iter().step_by(stride);
            inside.iter_mut().zip(source).for_each(|(y, &x)| *y = x);
        }
    });
}

/// The transpose of [`unfold`]: adds each entry of `matrix` to the cell of `dx` that it was taken from.
#[inline(always)] // into `wide`
pub(super) fn fold<T: Real>(
    geometry: &Geometry,
    matrix: &[T],
    channels: Range<usize>,
    rows: Range<usize>,
    dx: &mut [T],
) {
    for_each_line(geometry, channels, rows, |line| {
        let Some((target, stride)) = line.in_image else {
            return;
        };
        let (Some(target), Some(source)) = (dx.get_mut(target..), matrix.get(line.in_matrix))
        else {
            return;
        };
        let source = &source[line.inside];
        if stride == 1 {
            target.iter_mut().zip(source).for_each(|(x, &y)| *x += y);
        } else {
            let target = target.iter_mut().step_by(stride);
            target.zip(source).for_each(|(x, &y)| *x += y);
        }
    });
}

/// One tap of one output row.
struct Line {
    /// Where it lies in the matrix.
    in_matrix: Range<usize>,
    /// The part of it that is not padding.
    inside: Range<usize>,
    /// The image's first cell of that part, and the step to the next; none if all of it is padding.
    in_image: Option<(usize, usize)>,
}

#[inline(always)]
fn for_each_line(
    geometry: &Geometry,
    channels: Range<usize>,
    rows: Range<usize>,
    mut f: impl FnMut(Line),
) {
    let (vertical, horizontal) = (&geometry.rows, &geometry.columns);
    let width = horizontal.output;
    let first_image = rows.start / vertical.output.max(1);
    let mut at = 0;
    for channel in channels {
        for i in 0..vertical.kernel {
            for j in 0..horizontal.kernel {
                let inside = horizontal.windows(j);
                let first_cell = horizontal.cell(inside.start, j);
                let (mut image, mut row) = (0, rows.start - first_image * vertical.output);
                for _ in rows.clone() {
                    let in_image = match (vertical.cell(row, i), first_cell) {
                        (Some(y), Some(x)) => {
                            let plane = image * geometry.channels + channel;
                            let line = plane * vertical.input + y;
                            Some((line * horizontal.input + x, horizontal.stride))
                        }
                        _ => None,
                    };
                    f(Line { in_matrix: at..at + width, inside: inside.clone(), in_image });
                    at += width;
                    row += 1;
                    if row == vertical.output {
                        (image, row) = (image + 1, 0);
                    }
                }
            }
        }
    }
}
