//! Tiles in and out: from images to the 36 places of each tile, and back.

use std::ops::Range;

use rayon::prelude::*;

use super::{INPUT, OUTPUT, PLACES, Side};
use crate::conv::transform::{self, LANES, Lanes, both, for_each_column, load};
use crate::{Real, wide};

/// G g Gᵀ of all kernels, `[inputs, places, outputs]`.
pub(super) fn kernels<T: Real>(
    inputs: usize,
    outputs: usize,
    weight: impl Fn(usize, usize, usize) -> T + Sync,
) -> Vec<T> {
    let mut kernels = vec![T::ZERO; inputs * PLACES * outputs];
    let rows = kernels.par_chunks_mut(PLACES * outputs).enumerate();
    rows.for_each(|(input, row)| {
        wide(
            #[inline(always)]
            || {
                for output in (0..outputs).step_by(LANES) {
                    let at = |i: usize, j: usize| -> Lanes<T> {
                        std::array::from_fn(|lane| weight(input, output + lane, i * 3 + j))
                    };
                    let places = both(transform::kernel, at);
                    store(row, outputs, output, &places);
                }
            },
        );
    });
    kernels
}

/// Writes a tile's places, `[places, channels]`, from channel `first` on.
#[inline(always)]
fn store<T: Real>(
    tile: &mut [T],
    channels: usize,
    first: usize,
    places: &[[Lanes<T>; INPUT]; INPUT],
) {
    for (place, lanes) in places.iter().flatten().enumerate() {
        let start = place * channels + first;
        tile[start..start + LANES].copy_from_slice(lanes);
    }
}

/// Bᵀ d B of all tiles of some images, `[tiles, places, channels.len()]`.
pub(super) fn input_tiles<T: Real>(side: &Side, x: &[T], channels: Range<usize>) -> Vec<T> {
    let images = (x, side.inputs, side.input, side.padding);
    tiles(side, images, channels, transform::input)
}

/// A ∂l/∂y Aᵀ of all tiles of some images, `[tiles, places, channels]`.
pub(super) fn gradient_tiles<T: Real>(side: &Side, dy: &[T]) -> Vec<T> {
    let images = (dy, side.outputs, side.output, (0, 0));
    tiles(side, images, 0..side.outputs, transform::gradient)
}

/// Numbers, channels, (rows, columns), and zeros (above, to the left) of some images.
type Images<'a, T> = (&'a [T], usize, (usize, usize), (usize, usize));

/// A transform of the `SIZE` × `SIZE` numbers around each tile of 4 × 4, in some of the channels.
fn tiles<T: Real, const SIZE: usize>(
    side: &Side,
    (x, all_channels, size, padding): Images<T>,
    channels: Range<usize>,
    multiply: impl Fn([Lanes<T>; SIZE]) -> [Lanes<T>; INPUT] + Sync,
) -> Vec<T> {
    let count = channels.len();
    let area = size.0 * size.1;
    let (rows, columns) = side.tiles();
    let (height, width) = (
        rows * OUTPUT + SIZE - OUTPUT,
        columns * OUTPUT + SIZE - OUTPUT,
    );
    let images = x.len() / (all_channels * area).max(1);
    let mut tiles = vec![T::ZERO; images * rows * columns * PLACES * count];
    let pieces = tiles.par_chunks_exact_mut(rows * columns * PLACES * count);
    let pieces = pieces.zip(x.par_chunks_exact(all_channels * area));
    let zeros = || vec![T::ZERO; height * width * count];
    pieces.for_each_init(zeros, |padded, (tiles, x)| {
        let x = &x[channels.start * area..channels.end * area];
        wide(
            #[inline(always)]
            || {
                channels_last(x, size, padded, width, padding, count);
                for (tile, target) in tiles.chunks_exact_mut(PLACES * count).enumerate() {
                    let (row, column) = (tile / columns * OUTPUT, tile % columns * OUTPUT);
                    for channel in (0..count).step_by(LANES) {
                        let at = |i: usize, j: usize| {
                            load(padded, ((row + i) * width + column + j) * count + channel)
                        };
                        store(target, count, channel, &both(&multiply, at));
                    }
                }
            },
        );
    });
    tiles
}

/// Turns an image `[channels, height, width]` to `[height, width, channels]` within zeros that are there already.
#[inline(always)]
fn channels_last<T: Real>(
    x: &[T],
    (height, width): (usize, usize),
    padded: &mut [T],
    padded_width: usize,
    (above, left): (usize, usize),
    channels: usize,
) {
    for row in 0..height {
        let target = &mut padded[((row + above) * padded_width + left) * channels..];
        let target = &mut target[..width * channels];
        for channel in (0..channels).step_by(LANES) {
            let lines = &x[(channel * height + row) * width..];
            for_each_column(lines, height * width, width, |column, lanes| {
                target[column * channels + channel..][..LANES].copy_from_slice(&lanes);
            });
        }
    }
}

/// Aᵀ m A of all tiles of an image, plus the bias: `[filters, height, width]`.
#[inline(always)]
pub(super) fn outputs<T: Real>(
    side: &Side,
    products: &[T],
    filters: usize,
    bias: Option<&[T]>,
    y: &mut [T],
) {
    let (height, width) = side.output;
    let (_, columns) = side.tiles();
    for filter in (0..filters).step_by(LANES) {
        let bias: Lanes<T> = match bias {
            Some(bias) => load(bias, filter),
            None => [T::ZERO; LANES],
        };
        let planes = &mut y[filter * height * width..][..LANES * height * width];
        for (tile, products) in products.chunks_exact(PLACES * filters).enumerate() {
            let at = |i: usize, j: usize| load(products, (i * INPUT + j) * filters + filter);
            let values = both(transform::output, at);
            let (row, column) = (tile / columns * OUTPUT, tile % columns * OUTPUT);
            let across = OUTPUT.min(width - column);
            for (i, line) in values.iter().enumerate().take(height - row) {
                for (lane, plane) in planes.chunks_exact_mut(height * width).enumerate() {
                    let target = &mut plane[(row + i) * width + column..][..across];
                    for (y, value) in target.iter_mut().zip(line) {
                        *y = value[lane] + bias[lane];
                    }
                }
            }
        }
    }
}
