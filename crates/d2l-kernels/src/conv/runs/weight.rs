//! The gradient of the weight: for each tap, the products of the runs' two sides.

use rayon::prelude::*;

use super::layout::{Pixels, channels_last};
use super::{Plan, WIDTH, chunk};
use crate::conv::geometry::Geometry;
use crate::conv::share::add_up;
use crate::{Matrix, Real, add_product};

/// The fewest tasks, if the batch can be divided so far.
const TASKS: usize = 8;

/// Channels of one task.
const STRIP: usize = 256;

/// ∂l/∂w, summed over the images. Each task takes some filters, some channels and a part of the batch; these depend on
/// the shapes alone, and the parts are added in order.
pub(in crate::conv) fn weight_gradient<T: Real>(geometry: &Geometry, x: &[T], dy: &[T]) -> Vec<T> {
    let plan = Plan::new(geometry);
    let (filters, channels) = (geometry.filters, geometry.channels);
    let area = geometry.area();
    let turned = |pixels: &Pixels, x: &[T]| -> Vec<Vec<T>> {
        x.par_chunks((plan.images * pixels.len()).max(1))
            .map(|x| channels_last(pixels, x, x.len() / pixels.len()))
            .collect()
    };
    let (xs, dys) = (turned(&plan.input, x), turned(&plan.output, dy));
    let strips = channels.div_ceil(STRIP);
    let tasks = filters.div_ceil(WIDTH) * strips;
    let per_part = xs.len().div_ceil(TASKS.div_ceil(tasks.max(1))).max(1);
    let parts = xs.len().div_ceil(per_part);
    let of_part = |task: usize, part: usize| {
        let rows = chunk(0..filters, task / strips, WIDTH);
        let columns = chunk(0..channels, task % strips, STRIP);
        let part = chunk(0..xs.len(), part, per_part);
        let mut sum = vec![T::ZERO; plan.taps.len() * rows.len() * columns.len()];
        for (x, dy) in xs[part.clone()].iter().zip(&dys[part]) {
            let images = x.len() / plan.input.len();
            let sums = sum.chunks_exact_mut(rows.len() * columns.len());
            for (tap, sum) in plan.taps.iter().zip(sums) {
                for run in &tap.runs {
                    let inner = run.len * images;
                    let x = &x[run.pixel * images * channels + columns.start..];
                    let dy = &dy[run.window * images * filters + rows.start..];
                    let x = Matrix::strided(x, inner, columns.len(), channels);
                    let dy = Matrix::strided(dy, inner, rows.len(), filters);
                    add_product(dy.t(), x, sum, columns.len());
                }
            }
        }
        sum
    };
    let sums: Vec<Vec<T>> = (0..tasks)
        .into_par_iter()
        .filter_map(|task| {
            let parts = (0..parts).into_par_iter().map(|part| of_part(task, part));
            add_up(parts.collect::<Vec<_>>())
        })
        .collect();
    let mut dw = vec![T::ZERO; filters * channels * area];
    let dws = dw.par_chunks_mut((WIDTH * channels * area).max(1));
    dws.zip(sums.par_chunks(strips)).for_each(|(dw, sums)| {
        let rows = dw.len() / (channels * area);
        for (strip, sum) in sums.iter().enumerate() {
            let columns = chunk(0..channels, strip, STRIP);
            for (tap, sum) in plan.taps.iter().zip(sum.chunks_exact(rows * columns.len())) {
                for (filter, sum) in sum.chunks_exact(columns.len()).enumerate() {
                    let dw = &mut dw[(filter * channels + columns.start) * area + tap.place..];
                    let entries = dw.iter_mut().step_by(area);
                    entries.zip(sum).for_each(|(entry, &sum)| *entry = sum);
                }
            }
        }
    });
    dw
}
