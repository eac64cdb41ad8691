//! Convolution and its two gradients straight from the image, without a matrix of patches: for images whose padded
//! channels stay in the second-level cache, such as LeNet's.
//!
//! In a padded plane of `pitch` columns, what entry (i, j) of the kernel reads at position (r, c) lies i·pitch + j
//! behind what entry (0, 0) reads there. So a tap is one shift for all positions, and each of its products with a row
//! of eight or sixteen positions is one vector operation. The columns between two rows of positions are computed too,
//! but not used. A stride of s splits the plane into s × s smaller ones ("phases"), in which neighbouring positions lie
//! side by side again.

mod planes;
mod taps;
mod weight;

use super::geometry::Geometry;
use super::share::for_each_task;
use crate::{Real, wide};
use planes::Planes;
use taps::{Taps, WINDOWS};
pub(super) use weight::weight_gradient;

/// Numbers in a padded image: a second-level cache of a megabyte, in f32.
const IMAGE: usize = 1 << 18;

/// The most weights. With more, a matrix product is faster, since it cuts them into blocks too.
const WEIGHTS: usize = 1 << 15;

/// Whether this convolution is computed here.
pub(super) fn applies(geometry: &Geometry) -> bool {
    let input = Planes::of_input(geometry);
    let output = Planes::of_gradient(geometry);
    geometry.area() > 1
        && geometry.filters * geometry.taps() <= WEIGHTS
        && input.len() * geometry.channels <= IMAGE
        && output.len() * geometry.filters <= IMAGE
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
    for_each_task(
        (&mut y, geometry.output_len()),
        (x, geometry.input_len()),
        memory,
        task,
    );
    y
}

/// How far each tap of `channels` channels lies behind the first cell that the kernel reads.
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
                    continue; // the kernel never reads these cells
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
    for_each_task(
        (&mut dx, geometry.input_len()),
        (dy, geometry.output_len()),
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
