//! Convolution and its two gradients straight from the image, without a matrix of windows: for images of which the padded
//! channels stay in the second-level cache, as LeNet's.
//!
//! In a padded plane of `pitch` columns, what entry (i, j) of the kernel reads in window (r, c) lies i·pitch + j behind what
//! entry (0, 0) reads there. So a tap is one shift for all windows, and each of its products with a row of eight or
//! sixteen windows is one vector operation. The columns between two rows of windows are computed as well and left out.
//! A stride of s deals the plane out to s × s smaller ones ("phases"), in which windows are neighbours again.

use rayon::prelude::*;

use super::geometry::{Axis, Geometry};
use super::transform::{LANES, Lanes, copy, load};
use crate::kernel::{Real, pays_to_share, wide};

/// Numbers of a padded image: a second-level cache of a megabyte, in f32.
const IMAGE: usize = 1 << 18;

/// Weights: beyond, a matrix product, which cuts them into blocks as well, is faster.
const WEIGHTS: usize = 1 << 15;

/// Windows that are computed side by side.
const WINDOWS: usize = 16;

/// Whether this convolution is computed here.
pub(super) fn applies(geometry: &Geometry) -> bool {
    let taps = geometry.rows.kernel * geometry.columns.kernel;
    let input = Planes::of_input(geometry);
    let output = Planes::of_gradient(geometry);
    taps > 1
        && geometry.filters * geometry.taps() <= WEIGHTS
        && input.len() * geometry.channels <= IMAGE
        && output.len() * geometry.filters <= IMAGE
}

/// One direction of a channel's padded planes.
#[derive(Clone, Copy)]
struct Side {
    /// Cells of the channel.
    cells: usize,
    /// Zeros in front of them.
    before: usize,
    /// Cells from one of a phase to its next.
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

    /// ∂l/∂y, as the input's gradient reads it: every window that a cell belongs to.
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
struct Planes {
    rows: Side,
    columns: Side,
}

impl Planes {
    fn of_input(geometry: &Geometry) -> Self {
        Self {
            rows: Side::of_input(&geometry.rows),
            columns: Side::of_input(&geometry.columns),
        }
    }

    fn of_gradient(geometry: &Geometry) -> Self {
        Self {
            rows: Side::of_gradient(&geometry.rows),
            columns: Side::of_gradient(&geometry.columns),
        }
    }

    fn pitch(&self) -> usize {
        self.columns.len
    }

    /// Numbers of one channel.
    fn len(&self) -> usize {
        self.rows.phases * self.columns.phases * self.rows.len * self.pitch()
    }

    /// Memory for an image of `channels`, all zeros; behind it room for what the last windows read beyond.
    fn zeros<T: Real>(&self, channels: usize) -> Vec<T> {
        vec![T::ZERO; channels * self.len() + 2 * WINDOWS]
    }

    /// Where the cell at (`row`, `column`) of the padded channel lies.
    fn place(&self, row: usize, column: usize) -> usize {
        let phase = row % self.rows.stride * self.columns.phases + column % self.columns.stride;
        let line = phase * self.rows.len + row / self.rows.stride;
        line * self.pitch() + column / self.columns.stride
    }

    /// Writes the channels of `image` between the zeros.
    #[inline(always)] // into `wide`
    fn fill<T: Real>(&self, image: &[T], padded: &mut [T]) {
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

/// Filters whose sums are kept in registers at a time.
fn block_of(filters: usize) -> usize {
    if filters.is_multiple_of(6) || !filters.is_multiple_of(4) {
        6
    } else {
        4
    }
}

/// A sum of shifted planes: for each output o and each column, Σ over taps of weight · padded[shift + column].
struct Taps<T> {
    outputs: usize,
    shifts: Vec<usize>,
    /// `[blocks of outputs, taps, outputs of a block]`
    weights: Vec<T>,
}

impl<T: Real> Taps<T> {
    /// `taps`: the shift of each, and its weight for an output.
    fn new(outputs: usize, shifts: Vec<usize>, weight: impl Fn(usize, usize) -> T) -> Self {
        let block = block_of(outputs);
        let mut weights = Vec::with_capacity(outputs.next_multiple_of(block) * shifts.len());
        for first in (0..outputs).step_by(block) {
            for tap in 0..shifts.len() {
                for output in first..first + block {
                    let is_real = output < outputs;
                    weights.push(if is_real {
                        weight(output, tap)
                    } else {
                        T::ZERO
                    });
                }
            }
        }
        Self {
            outputs,
            shifts,
            weights,
        }
    }

    /// The sums of all outputs in `columns` columns, `[outputs, stride]`, where `stride` is a multiple of [`WINDOWS`].
    fn apply(&self, padded: &[T], columns: usize, sums: &mut [T], stride: usize) {
        wide(
            #[inline(always)]
            || match block_of(self.outputs) {
                6 => self.apply_blocks::<6>(padded, columns, sums, stride),
                _ => self.apply_blocks::<4>(padded, columns, sums, stride),
            },
        );
    }

    #[inline(always)]
    fn apply_blocks<const BLOCK: usize>(
        &self,
        padded: &[T],
        columns: usize,
        sums: &mut [T],
        stride: usize,
    ) {
        let weights = self
            .weights
            .chunks_exact((self.shifts.len() * BLOCK).max(1));
        for (weights, sums) in weights.zip(sums.chunks_mut(BLOCK * stride)) {
            for column in (0..columns).step_by(WINDOWS) {
                let block = self.block::<BLOCK>(&padded[column..], weights);
                for (sums, block) in sums.chunks_exact_mut(stride).zip(&block) {
                    sums[column..column + WINDOWS].copy_from_slice(block);
                }
            }
        }
    }

    #[inline(always)]
    fn block<const BLOCK: usize>(&self, padded: &[T], weights: &[T]) -> [[T; WINDOWS]; BLOCK] {
        let mut sums = [[T::ZERO; WINDOWS]; BLOCK];
        for (&shift, weights) in self.shifts.iter().zip(weights.chunks_exact(BLOCK)) {
            let x = &padded[shift..shift + WINDOWS];
            for output in 0..BLOCK {
                for window in 0..WINDOWS {
                    sums[output][window] = x[window].mul_add(weights[output], sums[output][window]);
                }
            }
        }
        sums
    }
}

/// y = w ∗ x + b
pub(super) fn forward<T: Real>(
    geometry: &Geometry,
    x: &[T],
    weight: &[T],
    bias: Option<&[T]>,
) -> Vec<T> {
    let planes = Planes::of_input(geometry);
    let (rows, columns) = (&geometry.rows, &geometry.columns);
    let (per_group, filters) = (
        geometry.channels / geometry.groups,
        geometry.filters / geometry.groups,
    );
    let shifts = shifts(geometry, &planes, per_group);
    let taps: Vec<Taps<T>> = weight
        .chunks_exact(filters * shifts.len())
        .map(|weight| {
            let count = shifts.len();
            Taps::new(filters, shifts.clone(), |filter, tap| {
                weight[filter * count + tap]
            })
        })
        .collect();
    let width = rows.output * planes.pitch();
    let stride = width.next_multiple_of(WINDOWS);
    let mut y = vec![T::ZERO; geometry.images * geometry.output_len()];
    let memory = || {
        let padded = planes.zeros(geometry.channels);
        (padded, vec![T::ZERO; filters * stride])
    };
    let task = |(padded, sums): &mut (Vec<T>, Vec<T>), (y, x): (&mut [T], &[T])| {
        wide(
            #[inline(always)]
            || planes.fill(x, padded),
        );
        for (group, taps) in taps.iter().enumerate() {
            let padded = &padded[group * per_group * planes.len()..];
            taps.apply(padded, width, sums, stride);
            let y = &mut y[group * filters * geometry.pixels()..];
            for (filter, sums) in sums.chunks_exact(stride).enumerate() {
                let y = &mut y[filter * geometry.pixels()..][..geometry.pixels()];
                let lines = y.chunks_exact_mut(columns.output);
                let bias = bias.map_or(T::ZERO, |bias| bias[group * filters + filter]);
                wide(
                    #[inline(always)]
                    || {
                        for (y, sums) in lines.zip(sums.chunks_exact(planes.pitch())) {
                            y.iter_mut().zip(sums).for_each(|(y, &sum)| *y = sum + bias);
                        }
                    },
                );
            }
        }
    };
    for_each_image(
        &mut y,
        geometry.output_len(),
        x,
        geometry.input_len(),
        memory,
        task,
    );
    y
}

/// Where each tap of `channels` channels lies behind the window's first cell.
fn shifts(geometry: &Geometry, planes: &Planes, channels: usize) -> Vec<usize> {
    let (rows, columns) = (&geometry.rows, &geometry.columns);
    let mut shifts = Vec::with_capacity(channels * rows.kernel * columns.kernel);
    for channel in 0..channels {
        for i in 0..rows.kernel {
            for j in 0..columns.kernel {
                let place = planes.place(i * rows.dilation, j * columns.dilation);
                shifts.push(channel * planes.len() + place);
            }
        }
    }
    shifts
}

/// ∂l/∂x: for each phase of the padded input, the sum over the taps that read it.
pub(super) fn input_gradient<T: Real>(geometry: &Geometry, weight: &[T], dy: &[T]) -> Vec<T> {
    let planes = Planes::of_gradient(geometry);
    let (rows, columns) = (&geometry.rows, &geometry.columns);
    let (per_group, filters) = (
        geometry.channels / geometry.groups,
        geometry.filters / geometry.groups,
    );
    let phases: Vec<(usize, usize, Vec<Taps<T>>)> = (0..rows.stride * columns.stride)
        .map(|phase| (phase / columns.stride, phase % columns.stride))
        .map(|(a, b)| {
            let of_group = |group: usize| {
                let weight = &weight[group * filters * geometry.taps()..];
                gradient_taps(geometry, &planes, (a, b), weight)
            };
            (a, b, (0..geometry.groups).map(of_group).collect())
        })
        .collect();
    let height = (rows.input + rows.padding).div_ceil(rows.stride);
    let width = height * planes.pitch();
    let stride = width.next_multiple_of(WINDOWS);
    let mut dx = vec![T::ZERO; geometry.images * geometry.input_len()];
    let memory = || {
        let padded = planes.zeros(geometry.filters);
        (padded, vec![T::ZERO; per_group * stride])
    };
    let area = rows.input * columns.input;
    let task = |(padded, sums): &mut (Vec<T>, Vec<T>), (dx, dy): (&mut [T], &[T])| {
        wide(
            #[inline(always)]
            || planes.fill(dy, padded),
        );
        for (a, b, groups) in &phases {
            for (group, taps) in groups.iter().enumerate() {
                if taps.shifts.is_empty() {
                    continue; // no window reads these cells
                }
                let padded = &padded[group * filters * planes.len()..];
                taps.apply(padded, width, sums, stride);
                let dx = &mut dx[group * per_group * area..];
                let channels = dx
                    .chunks_exact_mut(area.max(1))
                    .zip(sums.chunks_exact(stride));
                wide(
                    #[inline(always)]
                    || {
                        for (dx, sums) in channels {
                            undeal(geometry, (*a, *b), planes.pitch(), sums, dx);
                        }
                    },
                );
            }
        }
    };
    for_each_image(
        &mut dx,
        geometry.input_len(),
        dy,
        geometry.output_len(),
        memory,
        task,
    );
    dx
}

/// The taps whose cells lie in phase (a, b), with weights from filters to channels.
fn gradient_taps<T: Real>(
    geometry: &Geometry,
    planes: &Planes,
    (a, b): (usize, usize),
    weight: &[T],
) -> Taps<T> {
    let (rows, columns) = (&geometry.rows, &geometry.columns);
    let filters = geometry.filters / geometry.groups;
    let count = geometry.taps();
    let area = rows.kernel * columns.kernel;
    let (mut shifts, mut places) = (Vec::new(), Vec::new());
    for filter in 0..filters {
        for i in (0..rows.kernel).filter(|i| i * rows.dilation % rows.stride == a) {
            for j in (0..columns.kernel).filter(|j| j * columns.dilation % columns.stride == b) {
                let row = planes.rows.before - i * rows.dilation / rows.stride;
                let column = planes.columns.before - j * columns.dilation / columns.stride;
                shifts.push(filter * planes.len() + planes.place(row, column));
                places.push(filter * count + i * columns.kernel + j);
            }
        }
    }
    let per_group = geometry.channels / geometry.groups;
    Taps::new(per_group, shifts, |channel, tap| {
        weight[places[tap] + channel * area]
    })
}

/// Puts the sums of phase (a, b) of a padded channel into the channel.
#[inline(always)]
fn undeal<T: Real>(
    geometry: &Geometry,
    (a, b): (usize, usize),
    pitch: usize,
    sums: &[T],
    dx: &mut [T],
) {
    let (rows, columns) = (&geometry.rows, &geometry.columns);
    let first_row = rows.padding.saturating_sub(a).div_ceil(rows.stride);
    let first = columns.padding.saturating_sub(b).div_ceil(columns.stride);
    let Some(left) = (first * columns.stride + b).checked_sub(columns.padding) else {
        return;
    };
    for row in first_row.. {
        let y = row * rows.stride + a - rows.padding;
        if y >= rows.input {
            return;
        }
        let sums = &sums[row * pitch + first.min(pitch)..];
        let line = &mut dx[y * columns.input..(y + 1) * columns.input];
        let cells = line.iter_mut().skip(left).step_by(columns.stride);
        cells.zip(sums).for_each(|(x, &sum)| *x = sum);
    }
}

/// Calls `task` for each image of the target and the source, on all threads.
fn for_each_image<T: Real, M>(
    target: &mut [T],
    target_len: usize,
    source: &[T],
    source_len: usize,
    memory: impl Fn() -> M + Send + Sync,
    task: impl Fn(&mut M, (&mut [T], &[T])) + Send + Sync,
) {
    let (target_len, source_len) = (target_len.max(1), source_len.max(1));
    if pays_to_share(target.len().max(source.len())) {
        let sources = source.par_chunks_exact(source_len);
        target
            .par_chunks_exact_mut(target_len)
            .zip(sources)
            .for_each_init(memory, task);
    } else {
        let mut memory = memory();
        let sources = source.chunks_exact(source_len);
        let images = target.chunks_exact_mut(target_len).zip(sources);
        images.for_each(|image| task(&mut memory, image));
    }
}

/// ∂l/∂w: for each filter and tap the product of ∂l/∂y with the shifted plane, summed over the windows of all images. The
/// batch is divided into parts by shapes alone, and the parts are added in order.
pub(super) fn weight_gradient<T: Real>(geometry: &Geometry, x: &[T], dy: &[T]) -> Vec<T> {
    const PARTS: usize = 16;
    const MEMORY: usize = 1 << 20;
    let len = geometry.filters * geometry.taps();
    let parts = (MEMORY / len.max(1)).clamp(2, PARTS);
    let images = geometry.images.div_ceil(parts).max(1);
    let part = |(x, dy): (&[T], &[T])| part_of_weight_gradient(geometry, x, dy);
    let xs = x.par_chunks((images * geometry.input_len()).max(1));
    let dys = dy.par_chunks((images * geometry.output_len()).max(1));
    let parts: Vec<Vec<T>> = (xs, dys).into_par_iter().map(part).collect();
    let mut parts = parts.into_iter();
    let mut sum = parts.next().unwrap_or_else(|| vec![T::ZERO; len]);
    parts.for_each(|part| {
        sum.iter_mut()
            .zip(&part)
            .for_each(|(sum, &part)| *sum += part)
    });
    sum
}

/// Images that are laid out at a time.
const IMAGES: usize = 4;

fn part_of_weight_gradient<T: Real>(geometry: &Geometry, x: &[T], dy: &[T]) -> Vec<T> {
    let planes = Planes::of_input(geometry);
    let (rows, columns) = (&geometry.rows, &geometry.columns);
    let (per_group, filters) = (
        geometry.channels / geometry.groups,
        geometry.filters / geometry.groups,
    );
    let shifts = shifts(geometry, &planes, per_group);
    let width = (rows.output * planes.pitch()).next_multiple_of(LANES);
    let mut padded: [Vec<T>; IMAGES] = std::array::from_fn(|_| planes.zeros(geometry.channels));
    // ∂l/∂y with the planes' pitch, zero where no window begins.
    let mut pitched: [Vec<T>; IMAGES] =
        std::array::from_fn(|_| vec![T::ZERO; geometry.filters * width]);
    let mut dw = vec![T::ZERO; geometry.filters * shifts.len()];
    let xs = x.chunks((IMAGES * geometry.input_len()).max(1));
    for (x, dy) in xs.zip(dy.chunks((IMAGES * geometry.output_len()).max(1))) {
        let images = x.len() / geometry.input_len().max(1);
        for (padded, x) in padded.iter_mut().zip(x.chunks_exact(geometry.input_len())) {
            wide(
                #[inline(always)]
                || planes.fill(x, padded),
            );
        }
        for (pitched, dy) in pitched
            .iter_mut()
            .zip(dy.chunks_exact(geometry.output_len()))
        {
            let filters = pitched.chunks_exact_mut(width);
            for (pitched, dy) in filters.zip(dy.chunks_exact(geometry.pixels())) {
                let lines = pitched.chunks_mut(planes.pitch());
                let lines = lines.zip(dy.chunks_exact(columns.output));
                wide(
                    #[inline(always)]
                    || lines.for_each(|(line, dy)| copy(dy, &mut line[..columns.output])),
                );
            }
        }
        for group in 0..geometry.groups {
            let first = group * filters;
            let dw = &mut dw[first * shifts.len()..][..filters * shifts.len()];
            let pair = |image: usize| -> (&[T], &[T]) {
                (
                    &padded[image][group * per_group * planes.len()..],
                    &pitched[image][first * width..][..filters * width],
                )
            };
            wide(
                #[inline(always)]
                || add_dot_products(images, pair, &shifts, width, dw),
            );
        }
    }
    dw
}

/// Filters and taps whose dot products are kept in registers at a time.
const FILTERS: usize = 4;
const TAPS: usize = 3;

/// Adds the products of four lines with three to their sums.
#[inline(always)]
fn dot_products<T: Real>(
    [a, b, c, d]: [&[T]; FILTERS],
    [x, y, z]: [&[T]; TAPS],
    mut sums: [[Lanes<T>; TAPS]; FILTERS],
) -> [[Lanes<T>; TAPS]; FILTERS] {
    let lines = |line| <[T]>::chunks_exact(line, LANES);
    let dys = lines(a).zip(lines(b)).zip(lines(c)).zip(lines(d));
    let xs = lines(x).zip(lines(y)).zip(lines(z));
    for ((((a, b), c), d), ((x, y), z)) in dys.zip(xs) {
        let dys = [load(a, 0), load(b, 0), load(c, 0), load(d, 0)];
        let xs = [load(x, 0), load(y, 0), load(z, 0)];
        for f in 0..FILTERS {
            for t in 0..TAPS {
                for lane in 0..LANES {
                    sums[f][t][lane] = dys[f][lane].mul_add(xs[t][lane], sums[f][t][lane]);
                }
            }
        }
    }
    sums
}

/// dw[filter, tap] += Σ over images and columns of pitched[filter, column] · padded[shift of the tap + column], for four
/// filters and three taps at a time.
#[inline(always)]
fn add_dot_products<'a, T: Real>(
    images: usize,
    pair: impl Fn(usize) -> (&'a [T], &'a [T]),
    shifts: &[usize],
    width: usize,
    dw: &mut [T],
) {
    let count = shifts.len();
    let filters = dw.len() / count.max(1);
    for first in (0..filters).step_by(FILTERS) {
        // At the edge the last filters or taps are taken again, and left out below.
        let rows: [usize; FILTERS] = std::array::from_fn(|f| (first + f).min(filters - 1) * width);
        for tap in (0..count).step_by(TAPS) {
            let shifts: [usize; TAPS] = std::array::from_fn(|t| shifts[(tap + t).min(count - 1)]);
            let mut sums = [[[T::ZERO; LANES]; TAPS]; FILTERS];
            for image in 0..images {
                let (padded, pitched) = pair(image);
                let dys = std::array::from_fn(|f| &pitched[rows[f]..][..width]);
                let xs = std::array::from_fn(|t| &padded[shifts[t]..][..width]);
                sums = dot_products(dys, xs, sums);
            }
            for (f, sums) in sums.iter().enumerate().take(filters - first) {
                for (t, lanes) in sums.iter().enumerate().take(count - tap) {
                    let mut sum = T::ZERO;
                    lanes.iter().for_each(|&lane| sum += lane);
                    dw[(first + f) * count + tap + t] += sum;
                }
            }
        }
    }
}
