//! The gradient of the weights, in the places of the tiles.

use std::ops::Range;

use rayon::prelude::*;

use super::tiles::{gradient_tiles, input_tiles};
use super::{INPUT, PLACES, Side, TASKS};
use crate::conv::geometry::Geometry;
use crate::conv::share::add_up;
use crate::conv::transform::{self, LANES, both, load};
use crate::{Matrix, Real, add_product, wide};

/// ∂l/∂w, summed over the images. Each task takes some channels and a part of the batch; both depend on the shapes
/// alone, and the parts are added in order.
pub(in crate::conv) fn weight_gradient<T: Real>(geometry: &Geometry, x: &[T], dy: &[T]) -> Vec<T> {
    const STRIP: usize = 64;
    let side = Side::forward(geometry);
    let (channels, filters) = (side.inputs, side.outputs);
    let images = side.images();
    let groups = geometry.images.div_ceil(images).max(1);
    let strips = channels.div_ceil(STRIP);
    let per_part = groups.div_ceil(TASKS.div_ceil(strips)) * images;
    let parts = geometry.images.div_ceil(per_part).max(1);
    let sums: Vec<Vec<T>> = (0..strips * parts)
        .into_par_iter()
        .map(|task| {
            let (strip, part) = (task / parts, task % parts);
            let strip = strip * STRIP..((strip + 1) * STRIP).min(channels);
            let start = part * per_part;
            let end = (start + per_part).min(geometry.images);
            let x = &x[start * side.input_len()..end * side.input_len()];
            let dy = &dy[start * side.output_len()..end * side.output_len()];
            kernel_gradient(&side, x, dy, strip)
        })
        .collect();
    let mut dw = vec![T::ZERO; filters * channels * 9];
    let mut sums = sums.into_iter();
    for strip in 0..strips {
        let Some(sum) = add_up(sums.by_ref().take(parts)) else {
            continue;
        };
        for (channel, sum) in sum.chunks_exact(PLACES * filters).enumerate() {
            let channel = strip * STRIP + channel;
            for filter in (0..filters).step_by(LANES) {
                let at = |i: usize, j: usize| load(sum, (i * INPUT + j) * filters + filter);
                let taps = wide(
                    #[inline(always)]
                    || both(transform::kernel_gradient, at),
                );
                for (tap, lanes) in taps.iter().flatten().enumerate() {
                    for (lane, &value) in lanes.iter().enumerate() {
                        dw[((filter + lane) * channels + channel) * 9 + tap] = value;
                    }
                }
            }
        }
    }
    dw
}

/// (Bᵀ d B) ⊙ (A ∂l/∂y Aᵀ) of some channels, summed over the tiles of some images: `[channels, places, filters]`.
fn kernel_gradient<T: Real>(side: &Side, x: &[T], dy: &[T], channels: Range<usize>) -> Vec<T> {
    let (count, filters) = (channels.len(), side.outputs);
    let mut sum = vec![T::ZERO; count * PLACES * filters];
    let images = side.images();
    let xs = x.chunks(images * side.input_len());
    for (x, dy) in xs.zip(dy.chunks(images * side.output_len())) {
        let inputs = input_tiles(side, x, channels.clone());
        let gradients = gradient_tiles(side, dy);
        let tiles = inputs.len() / (PLACES * count);
        for place in 0..PLACES {
            let inputs = Matrix::strided(&inputs[place * count..], tiles, count, PLACES * count);
            let gradients = Matrix::strided(
                &gradients[place * filters..],
                tiles,
                filters,
                PLACES * filters,
            );
            add_product(
                inputs.t(),
                gradients,
                &mut sum[place * filters..],
                PLACES * filters,
            );
        }
    }
    sum
}
