//! The gradient of the weights: products of ∂l/∂y with shifted planes.

use super::planes::Planes;
use super::shifts;
use crate::conv::geometry::Geometry;
use crate::conv::share::sum_over_batch;
use crate::conv::transform::{LANES, Lanes, copy, load};
use crate::{Real, wide};

/// ∂l/∂w: for each filter and tap the product of ∂l/∂y with the shifted plane, summed over the positions in all images.
/// The batch is divided into parts by shapes alone, and the parts are added in order.
pub(in crate::conv) fn weight_gradient<T: Real>(geometry: &Geometry, x: &[T], dy: &[T]) -> Vec<T> {
    const PARTS: usize = 16;
    const MEMORY: usize = 1 << 20;
    let len = geometry.filters * geometry.taps();
    let parts = (MEMORY / len.max(1)).clamp(2, PARTS);
    sum_over_batch(geometry, x, dy, parts, |x, dy| {
        part_of_weight_gradient(geometry, x, dy)
    })
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
    // ∂l/∂y with the planes' pitch, zero where the kernel has no position.
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
        // At the edge the last filters or taps are taken again, and ignored below.
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
