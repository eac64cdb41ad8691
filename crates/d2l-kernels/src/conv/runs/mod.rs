//! Convolution and its two gradients as one matrix product for each tap and run of neighbouring positions, without a
//! matrix of patches.
//!
//! Inside, channels come last and images before them: `[pixels, images, channels]`. At neighbouring positions of the
//! kernel, its entry (i, j) reads neighbouring pixels, so that a run of positions is
//!
//! y[positions · images, filters] += x[pixels · images, channels] · w(i, j)[channels, filters]
//!
//! and the gradients are the same with the roles exchanged. Positions at which a tap reads padding are in no run: for a
//! kernel of 3 × 3 over images of one pixel only the middle entry is multiplied. With a stride of s, columns are sorted
//! by their remainder modulo s, so that a tap reads neighbouring pixels at neighbouring positions again.

mod layout;
mod weight;

use std::ops::Range;

use rayon::prelude::*;

use super::geometry::{Axis, Geometry};
use super::transform::{LANES, for_each_column};
use crate::{Matrix, Real, add_product, wide};
use layout::{Pixels, channels_first, channels_last};
pub(super) use weight::weight_gradient;

/// Channels and filters from which a product pays.
const CHANNELS: usize = 16;

/// Outputs of one panel of the weight: as many as gemm reads without packing either factor.
const WIDTH: usize = 48;

/// The fewest rows of one product, if there are enough images.
const ROWS: usize = 48;

/// Numbers in a chunk of images: half a megabyte in f32.
const CHUNK: usize = 1 << 17;

/// Pixels up to which a kernel of one entry is computed here. A larger image is a matrix that needs no transposing.
const POINTWISE: usize = 16;

/// Whether this convolution is computed here, unless another method takes fewer multiplications.
pub(super) fn applies(geometry: &Geometry) -> bool {
    geometry.groups == 1
        && geometry.channels.min(geometry.filters) >= CHANNELS
        && (geometry.area() > 1 || geometry.rows.input * geometry.columns.input <= POINTWISE)
}

/// Multiplications, roughly.
pub(super) fn cost(geometry: &Geometry) -> usize {
    let read = |axis: &Axis| -> usize { (0..axis.kernel).map(|tap| axis.windows(tap).len()).sum() };
    let products = geometry.images * read(&geometry.rows) * read(&geometry.columns);
    products * geometry.channels * geometry.filters
}

/// Some neighbouring positions, and the pixels that a tap reads there.
struct Run {
    pixel: usize,
    window: usize,
    len: usize,
}

/// An entry of the kernel that reads more than padding.
struct Tap {
    /// Its place in the kernel, row by row.
    place: usize,
    runs: Vec<Run>,
}

/// The products to compute, the same for every image.
struct Plan<'a> {
    geometry: &'a Geometry,
    taps: Vec<Tap>,
    input: Pixels,
    output: Pixels,
    /// Images that are computed together.
    images: usize,
}

impl<'a> Plan<'a> {
    fn new(geometry: &'a Geometry) -> Self {
        let (rows, columns) = (&geometry.rows, &geometry.columns);
        let input = Pixels::dealt(geometry.channels, rows.input, columns.input, columns.stride);
        let output = Pixels::dealt(geometry.filters, rows.output, columns.output, 1);
        let mut taps = Vec::new();
        for place in 0..geometry.area() {
            let (i, j) = (place / columns.kernel, place % columns.kernel);
            let windows = columns.windows(j);
            let mut runs: Vec<Run> = Vec::new();
            for row in rows.windows(i) {
                let cell = (rows.cell(row, i), columns.cell(windows.start, j));
                let ((Some(y), Some(x)), false) = (cell, windows.is_empty()) else {
                    continue;
                };
                let pixel = input.position(y * columns.input + x);
                let window = row * columns.output + windows.start;
                match runs.last_mut() {
                    Some(last)
                        if (last.pixel + last.len, last.window + last.len) == (pixel, window) =>
                    {
                        last.len += windows.len();
                    }
                    _ => runs.push(Run { pixel, window, len: windows.len() }),
                }
            }
            if !runs.is_empty() {
                taps.push(Tap { place, runs });
            }
        }
        let longest = taps
            .iter()
            .flat_map(|tap| &tap.runs)
            .map(|run| run.len)
            .max();
        let size = geometry.input_len().max(geometry.output_len()).max(1);
        let images = (CHUNK / size).max(ROWS.div_ceil(longest.unwrap_or(1)));
        let chunks = geometry.images.div_ceil(images).max(1);
        Self {
            geometry,
            taps,
            input,
            output,
            images: geometry.images.div_ceil(chunks).max(1),
        }
    }
}

/// y = w ∗ x + b
pub(super) fn forward<T: Real>(
    geometry: &Geometry,
    x: &[T],
    weight: &[T],
    bias: Option<&[T]>,
) -> Vec<T> {
    let plan = Plan::new(geometry);
    let (channels, area) = (geometry.channels, geometry.area());
    let sizes = (channels, geometry.filters);
    let panels = panels(&plan, weight, sizes, (area, channels * area));
    let runs = |run: &Run| (run.pixel, run.window, run.len);
    convolve(&plan, (&plan.input, x), &plan.output, &panels, bias, runs)
}

/// ∂l/∂x = wᵀ ∗ ∂l/∂y
pub(super) fn input_gradient<T: Real>(geometry: &Geometry, weight: &[T], dy: &[T]) -> Vec<T> {
    let plan = Plan::new(geometry);
    let (channels, area) = (geometry.channels, geometry.area());
    let sizes = (geometry.filters, channels);
    let panels = panels(&plan, weight, sizes, (channels * area, area));
    let runs = |run: &Run| (run.window, run.pixel, run.len);
    convolve(&plan, (&plan.output, dy), &plan.input, &panels, None, runs)
}

/// The weight `[taps, inputs, outputs]` in panels of some outputs each, every panel by itself.
/// The kernels of `weight` lie `input_stride` apart from input to input and `output_stride` from output to output.
fn panels<T: Real>(
    plan: &Plan,
    weight: &[T],
    (inputs, outputs): (usize, usize),
    (input_stride, output_stride): (usize, usize),
) -> Vec<T> {
    let area = plan.geometry.area();
    let mut tap_at = vec![None; area];
    for (number, tap) in plan.taps.iter().enumerate() {
        tap_at[tap.place] = Some(number);
    }
    let of_output = plan.taps.len() * inputs;
    let mut panels = vec![T::ZERO; of_output * outputs];
    let pieces = panels
        .par_chunks_mut((of_output * WIDTH).max(1))
        .enumerate();
    pieces.for_each(|(number, panel)| {
        let (start, width) = (number * WIDTH, panel.len() / of_output);
        // If the inputs lie side by side, their entries are columns of one matrix.
        let (together, each) = if input_stride == area {
            (inputs, 1)
        } else {
            (1, inputs)
        };
        let sparse = plan.taps.len() * LANES <= area;
        for first in 0..each {
            let weight = &weight[first * input_stride + start * output_stride..];
            wide(
                #[inline(always)]
                || {
                    let whole = if sparse { 0 } else { width / LANES * LANES };
                    for output in (0..whole).step_by(LANES) {
                        let rows = &weight[output * output_stride..];
                        for_each_column(rows, output_stride, together * area, |column, lanes| {
                            if let Some(tap) = tap_at[column % area] {
                                let row = tap * inputs + first + column / area;
                                panel[row * width + output..][..LANES].copy_from_slice(&lanes);
                            }
                        });
                    }
                    for input in 0..together {
                        for (number, tap) in plan.taps.iter().enumerate() {
                            let row = number * inputs + first + input;
                            let outputs = &mut panel[row * width..][whole..width];
                            for (output, entry) in (whole..).zip(outputs) {
                                *entry = weight[output * output_stride + input * area + tap.place];
                            }
                        }
                    }
                },
            );
        }
    });
    panels
}

/// All products of one direction. `runs` gives where a run begins on the side of `from` and on that of `to`.
fn convolve<T: Real>(
    plan: &Plan,
    (from, x): (&Pixels, &[T]),
    to: &Pixels,
    panels: &[T],
    bias: Option<&[T]>,
    runs: impl Fn(&Run) -> (usize, usize, usize) + Sync,
) -> Vec<T> {
    let mut y = vec![T::ZERO; plan.geometry.images * to.len()];
    let of_output = plan.taps.len() * from.channels;
    let pieces = y.par_chunks_mut((plan.images * to.len()).max(1));
    let pieces = pieces.zip(x.par_chunks((plan.images * from.len()).max(1)));
    pieces.for_each(|(y, x)| {
        let images = x.len() / from.len().max(1);
        let x = channels_last(from, x, images);
        let panel = |start: usize| -> Vec<T> {
            let outputs = start..(start + WIDTH).min(to.channels);
            let width = outputs.len();
            let panel = &panels[outputs.start * of_output..outputs.end * of_output];
            let mut sums = vec![T::ZERO; to.count * images * width];
            for (tap, weight) in plan
                .taps
                .iter()
                .zip(panel.chunks_exact(from.channels * width))
            {
                let weight = Matrix::new(weight, from.channels, width);
                for run in &tap.runs {
                    let (start, target, len) = runs(run);
                    let x = &x[start * images * from.channels..];
                    let x = Matrix::new(x, len * images, from.channels);
                    add_product(x, weight, &mut sums[target * images * width..], width);
                }
            }
            sums
        };
        let starts: Vec<usize> = (0..to.channels).step_by(WIDTH).collect();
        let sums: Vec<Vec<T>> = starts.into_par_iter().map(panel).collect();
        let all = y.par_chunks_mut(to.len().max(1)).enumerate();
        all.for_each(|(image, y)| {
            let parts = y
                .chunks_mut((WIDTH * to.count).max(1))
                .zip(&sums)
                .enumerate();
            for (number, (y, sums)) in parts {
                let width = y.len() / to.count;
                let bias = bias.map(|bias| &bias[number * WIDTH..][..width]);
                channels_first(to, sums, (image, images), bias, y);
            }
        });
    });
    y
}

/// The part of `range` that chunk `number` of `size` covers.
fn chunk(range: Range<usize>, number: usize, size: usize) -> Range<usize> {
    let start = range.start + number * size;
    start..(start + size).min(range.end)
}
