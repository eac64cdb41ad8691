//! Convolution and its two gradients as matrix products over blocks of the kernel's positions, for every stride,
//! padding, dilation and number of groups.
//!
//! A block is so small that its matrix of patches stays in the second-level cache. If images are small, a block holds
//! several. Blocks depend on shapes alone, and every sum runs in a fixed order.

use std::ops::Range;

use rayon::prelude::*;

use super::geometry::Geometry;
use super::share::{for_each_task, sum_over_batch};
use super::unfold::{fold, unfold};
use crate::{Matrix, Real, add_product, multiply, wide};

/// Numbers in a matrix of patches: half a megabyte in f32.
const BLOCK: usize = 1 << 17;

/// Columns of a matrix of patches. Fewer would pack the weight too often; more bring no gain.
const COLUMNS: Range<usize> = 192..2048;

/// The fewest columns for which a product pays.
const FEW_COLUMNS: usize = 32;

/// The images of one task, and the output rows of one block.
struct Blocks {
    images: usize,
    rows: usize,
}

impl Blocks {
    fn new(geometry: &Geometry, taps: usize) -> Self {
        let columns = (BLOCK / taps.max(1)).clamp(COLUMNS.start, COLUMNS.end);
        let (height, width) = (geometry.rows.output, geometry.columns.output);
        match columns / geometry.pixels().max(1) {
            0 | 1 => Self { images: 1, rows: (columns / width.max(1)).clamp(1, height) },
            images => {
                // Few enough images that each of a few threads has a task, but enough for a product that uses the
                // weight more often than it reads it.
                let enough = FEW_COLUMNS.div_ceil(geometry.pixels().max(1));
                let images = images.min(geometry.images.div_ceil(16).max(enough));
                Self { images, rows: images * height }
            }
        }
    }

    /// The output rows of each block of a task with `images` images.
    fn of(&self, geometry: &Geometry, images: usize) -> impl Iterator<Item = Range<usize>> + use<> {
        let (rows, all) = (self.rows, images * geometry.rows.output);
        (0..all)
            .step_by(rows.max(1))
            .map(move |start| start..(start + rows).min(all))
    }
}

/// A part of the output of several images as one matrix `[filters of a group, columns]`, and where it lies.
struct Part {
    group: usize,
    rows: Range<usize>,
}

impl Part {
    /// Calls `f` for each piece that lies in one image: its columns in the matrix, and, for each filter of the group,
    /// its numbers in the output.
    fn for_each_line(&self, geometry: &Geometry, mut f: impl FnMut(Range<usize>, Range<usize>)) {
        let (height, width) = (geometry.rows.output, geometry.columns.output);
        let filters = geometry.filters / geometry.groups;
        let columns = self.rows.len() * width;
        for filter in 0..filters {
            let mut row = self.rows.start;
            while row < self.rows.end {
                let (image, y) = (row / height, row % height);
                let end = self.rows.end.min((image + 1) * height);
                let plane = image * geometry.filters + self.group * filters + filter;
                let (in_matrix, in_output) = (
                    filter * columns + (row - self.rows.start) * width,
                    (plane * height + y) * width,
                );
                let len = (end - row) * width;
                f(in_matrix..in_matrix + len, in_output..in_output + len);
                row = end;
            }
        }
    }
}

/// Work memory of a thread.
struct Scratch<T> {
    windows: Vec<T>,
    output: Vec<T>,
}

impl<T: Real> Scratch<T> {
    fn new() -> Self {
        Self { windows: Vec::new(), output: Vec::new() }
    }

    /// Two matrices of these sizes, which still hold the numbers of their last use.
    fn of(&mut self, windows: usize, output: usize) -> (&mut [T], &mut [T]) {
        for (memory, len) in [(&mut self.windows, windows), (&mut self.output, output)] {
            if memory.len() < len {
                memory.resize(len, T::ZERO);
            }
        }
        (&mut self.windows[..windows], &mut self.output[..output])
    }
}

/// y = w ∗ x + b
pub(super) fn forward<T: Real>(
    geometry: &Geometry,
    x: &[T],
    weight: &[T],
    bias: Option<&[T]>,
) -> Vec<T> {
    let blocks = Blocks::new(geometry, geometry.taps());
    let mut y = vec![T::ZERO; geometry.images * geometry.output_len()];
    let task = |scratch: &mut Scratch<T>, (y, x): (&mut [T], &[T])| {
        let images = y.len() / geometry.output_len().max(1);
        for rows in blocks.of(geometry, images) {
            for group in 0..geometry.groups {
                forward_block(
                    geometry,
                    x,
                    weight,
                    Part { group, rows: rows.clone() },
                    y,
                    scratch,
                );
            }
        }
        if let Some(bias) = bias {
            let planes = y
                .chunks_exact_mut(geometry.pixels())
                .zip(bias.iter().cycle());
            planes.for_each(|(plane, &b)| {
                wide(
                    #[inline(always)]
                    || plane.iter_mut().for_each(|y| *y += b),
                )
            });
        }
    };
    for_each_task(
        (&mut y, blocks.images * geometry.output_len()),
        (x, blocks.images * geometry.input_len()),
        Scratch::new,
        task,
    );
    y
}

#[inline]
fn forward_block<T: Real>(
    geometry: &Geometry,
    x: &[T],
    weight: &[T],
    part: Part,
    y: &mut [T],
    scratch: &mut Scratch<T>,
) {
    let (filters, taps) = (geometry.filters / geometry.groups, geometry.taps());
    let (pixels, columns) = (geometry.pixels(), part.rows.len() * geometry.columns.output);
    let weight = Matrix::new(&weight[part.group * filters * taps..], filters, taps);
    let channels = channels_of(geometry, part.group);
    let is_one_image = part.rows.end <= geometry.rows.output;
    let (windows, output) = scratch.of(
        taps * columns,
        if is_one_image { 0 } else { filters * columns },
    );
    let windows = if geometry.is_pointwise() && is_one_image {
        let start = channels.start * pixels + part.rows.start * geometry.columns.output;
        Matrix::strided(&x[start..], taps, columns, pixels)
    } else {
        wide(
            #[inline(always)]
            || unfold(geometry, x, channels, part.rows.clone(), windows),
        );
        Matrix::new(windows, taps, columns)
    };
    if is_one_image {
        let start = part.group * filters * pixels + part.rows.start * geometry.columns.output;
        multiply(weight, windows, &mut y[start..], pixels);
    } else {
        multiply(weight, windows, output, columns);
        part.for_each_line(geometry, |in_matrix, in_output| {
            y[in_output].copy_from_slice(&output[in_matrix]);
        });
    }
}

/// ∂l/∂x = wᵀ ∗ ∂l/∂y
pub(super) fn input_gradient<T: Real>(geometry: &Geometry, weight: &[T], dy: &[T]) -> Vec<T> {
    let blocks = Blocks::new(geometry, geometry.taps());
    let (filters, taps) = (geometry.filters / geometry.groups, geometry.taps());
    let mut dx = vec![T::ZERO; geometry.images * geometry.input_len()];
    let task = |scratch: &mut Scratch<T>, (dx, dy): (&mut [T], &[T])| {
        let images = dy.len() / geometry.output_len().max(1);
        for rows in blocks.of(geometry, images) {
            let columns = rows.len() * geometry.columns.output;
            for group in 0..geometry.groups {
                let part = Part { group, rows: rows.clone() };
                let weight = Matrix::new(&weight[group * filters * taps..], filters, taps);
                let (windows, output) = scratch.of(taps * columns, filters * columns);
                let dy = output_part(geometry, &part, dy, output);
                let channels = channels_of(geometry, group);
                if geometry.is_pointwise() && rows.end <= geometry.rows.output {
                    let start =
                        channels.start * geometry.pixels() + rows.start * geometry.columns.output;
                    multiply(weight.t(), dy, &mut dx[start..], geometry.pixels());
                } else {
                    multiply(weight.t(), dy, windows, columns);
                    wide(
                        #[inline(always)]
                        || fold(geometry, windows, channels, rows.clone(), dx),
                    );
                }
            }
        }
    };
    for_each_task(
        (&mut dx, blocks.images * geometry.input_len()),
        (dy, blocks.images * geometry.output_len()),
        Scratch::new,
        task,
    );
    dx
}

/// The part as a matrix `[filters of the group, columns]`: a view if it lies in one image, otherwise a copy.
fn output_part<'a, T: Real>(
    geometry: &Geometry,
    part: &Part,
    dy: &'a [T],
    memory: &'a mut [T],
) -> Matrix<'a, T> {
    let (filters, pixels) = (geometry.filters / geometry.groups, geometry.pixels());
    let columns = part.rows.len() * geometry.columns.output;
    let image = part.rows.start / geometry.rows.output.max(1);
    if part.rows.end <= (image + 1) * geometry.rows.output {
        let plane = image * geometry.filters + part.group * filters;
        let row = part.rows.start - image * geometry.rows.output;
        let start = plane * pixels + row * geometry.columns.output;
        return Matrix::strided(&dy[start..], filters, columns, pixels);
    }
    part.for_each_line(geometry, |in_matrix, in_output| {
        memory[in_matrix].copy_from_slice(&dy[in_output]);
    });
    Matrix::new(memory, filters, columns)
}

/// ∂l/∂w = ∂l/∂y ∗ x, summed over the images.
///
/// Small weights are summed over parts of the batch, whose number depends on the batch alone, and the parts are added
/// in order. For large weights each thread computes some of the channels, over the whole batch.
pub(super) fn weight_gradient<T: Real>(geometry: &Geometry, x: &[T], dy: &[T]) -> Vec<T> {
    const SMALL: usize = 1 << 16;
    const PARTS: usize = 16;
    const CHANNELS: usize = 32;
    let taps = geometry.taps();
    let len = geometry.filters * taps;
    if len <= SMALL {
        return sum_over_batch(geometry, x, dy, PARTS, |x, dy| {
            let mut dw = vec![T::ZERO; len];
            let all = 0..geometry.channels / geometry.groups;
            add_weight_gradient(geometry, x, dy, all, &mut dw);
            dw
        });
    }
    let per_group = geometry.channels / geometry.groups;
    let area = geometry.area();
    let starts: Vec<usize> = (0..per_group).step_by(CHANNELS).collect();
    let strips: Vec<(Range<usize>, Vec<T>)> = starts
        .into_par_iter()
        .map(|start| {
            let channels = start..(start + CHANNELS).min(per_group);
            let mut strip = vec![T::ZERO; geometry.filters * channels.len() * area];
            add_weight_gradient(geometry, x, dy, channels.clone(), &mut strip);
            (channels, strip)
        })
        .collect();
    let mut dw = vec![T::ZERO; len];
    for (channels, strip) in strips {
        let width = channels.len() * area;
        for (row, strip) in dw.chunks_exact_mut(taps).zip(strip.chunks_exact(width)) {
            row[channels.start * area..][..width].copy_from_slice(strip);
        }
    }
    dw
}

/// Adds the gradient of the weights of some `channels` of each group to `dw` `[filters, channels.len() · area]`.
fn add_weight_gradient<T: Real>(
    geometry: &Geometry,
    x: &[T],
    dy: &[T],
    channels: Range<usize>,
    dw: &mut [T],
) {
    let taps = channels.len() * geometry.area();
    let blocks = Blocks::new(geometry, taps);
    let filters = geometry.filters / geometry.groups;
    let mut scratch = Scratch::new();
    let xs = x.chunks((blocks.images * geometry.input_len()).max(1));
    let dys = dy.chunks((blocks.images * geometry.output_len()).max(1));
    for (x, dy) in xs.zip(dys) {
        let images = dy.len() / geometry.output_len().max(1);
        for rows in blocks.of(geometry, images) {
            let columns = rows.len() * geometry.columns.output;
            for group in 0..geometry.groups {
                let part = Part { group, rows: rows.clone() };
                let (windows, output) = scratch.of(taps * columns, filters * columns);
                let first = channels_of(geometry, group).start;
                let channels = first + channels.start..first + channels.end;
                wide(
                    #[inline(always)]
                    || unfold(geometry, x, channels, rows.clone(), windows),
                );
                let windows = Matrix::new(windows, taps, columns);
                let dy = output_part(geometry, &part, dy, output);
                add_product(dy, windows.t(), &mut dw[group * filters * taps..], taps);
            }
        }
    }
}

fn channels_of(geometry: &Geometry, group: usize) -> Range<usize> {
    let per_group = geometry.channels / geometry.groups;
    group * per_group..(group + 1) * per_group
}
