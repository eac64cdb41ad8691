//! Winograd's minimal filtering F(4×4, 3×3) for kernels of 3 × 3 with stride 1: 36 multiplications for 16 outputs where the
//! definition takes 144. Winograd 1980; Lavin and Gray 2016, <https://arxiv.org/abs/1509.09308>.
//!
//! A tile of 4 × 4 outputs reads 6 × 6 inputs d. With the matrices of `transform`,
//!
//! y = Aᵀ [ (G g Gᵀ) ⊙ (Bᵀ d B) ] A
//!
//! where ⊙, summed over the input channels, is one matrix product for each of the 36 places: `[tiles, channels]` times
//! `[channels, filters]`. The gradient of x is the same convolution of ∂l/∂y with the kernel turned around; the gradient
//! of g is Gᵀ [ (Bᵀ d B) ⊙ (A ∂l/∂y Aᵀ) ] G, summed over the tiles.
//!
//! Inside, channels come last, so that eight of them go through a transform side by side. In f32 outputs are off by 7.5e-6
//! (64 channels) to 2.3e-5 (512) of the largest, measured against f64; matrix products by 3e-7 to 6e-7.

use std::ops::Range;

use rayon::prelude::*;

use super::geometry::Geometry;
use super::transform::{self, LANES, Lanes, both, load};
use crate::kernel::{Matrix, Real, add_product, multiply, wide};

/// Rows and columns of a tile's input, of its output.
const INPUT: usize = 6;
const OUTPUT: usize = 4;

/// Products per tile and pair of channels.
const PLACES: usize = INPUT * INPUT;

/// Tiles from which one task is made.
const TILES: usize = 64;

/// Tasks at least, where the work can be divided so.
const TASKS: usize = 8;

/// Channels and filters from which the transforms cost less than they save.
const CHANNELS: usize = 16;

/// Whether this convolution is computed here.
pub(super) fn applies(geometry: &Geometry) -> bool {
    let suits = |axis: &super::geometry::Axis| {
        axis.kernel == 3 && axis.stride == 1 && axis.dilation == 1 && axis.padding <= 2
    };
    let whole = |channels: usize| channels >= CHANNELS && channels.is_multiple_of(LANES);
    // A tile costs the same however little of it the image fills; below a quarter the definition is cheaper.
    let tiles = geometry.rows.output.div_ceil(OUTPUT) * geometry.columns.output.div_ceil(OUTPUT);
    geometry.groups == 1
        && geometry.pixels() * 9 > PLACES * tiles
        && suits(&geometry.rows)
        && suits(&geometry.columns)
        && whole(geometry.channels)
        && whole(geometry.filters)
}

/// A convolution with `inputs` channels to `outputs` channels: the layer's own, or that of its gradient.
struct Side {
    inputs: usize,
    outputs: usize,
    /// (rows, columns)
    input: (usize, usize),
    output: (usize, usize),
    padding: (usize, usize),
}

impl Side {
    fn forward(geometry: &Geometry) -> Self {
        let (rows, columns) = (&geometry.rows, &geometry.columns);
        Self {
            inputs: geometry.channels,
            outputs: geometry.filters,
            input: (rows.input, columns.input),
            output: (rows.output, columns.output),
            padding: (rows.padding, columns.padding),
        }
    }

    /// From the output's gradient to the input's.
    fn backward(geometry: &Geometry) -> Self {
        let (rows, columns) = (&geometry.rows, &geometry.columns);
        Self {
            inputs: geometry.filters,
            outputs: geometry.channels,
            input: (rows.output, columns.output),
            output: (rows.input, columns.input),
            padding: (2 - rows.padding, 2 - columns.padding),
        }
    }

    /// (rows, columns) of tiles in an image.
    fn tiles(&self) -> (usize, usize) {
        (
            self.output.0.div_ceil(OUTPUT),
            self.output.1.div_ceil(OUTPUT),
        )
    }

    fn tiles_per_image(&self) -> usize {
        let (rows, columns) = self.tiles();
        rows * columns
    }

    /// Images whose tiles make one task.
    fn images(&self) -> usize {
        TILES.div_ceil(self.tiles_per_image().max(1))
    }

    fn input_len(&self) -> usize {
        self.inputs * self.input.0 * self.input.1
    }

    fn output_len(&self) -> usize {
        self.outputs * self.output.0 * self.output.1
    }
}

/// y = w ∗ x + b
pub(super) fn forward<T: Real>(
    geometry: &Geometry,
    x: &[T],
    weight: &[T],
    bias: Option<&[T]>,
) -> Vec<T> {
    let channels = geometry.channels;
    let kernels = kernels(geometry.channels, geometry.filters, |input, output, tap| {
        weight[(output * channels + input) * 9 + tap]
    });
    convolve(&Side::forward(geometry), x, &kernels, bias)
}

/// ∂l/∂x: the convolution of ∂l/∂y with the kernel turned around.
pub(super) fn input_gradient<T: Real>(geometry: &Geometry, weight: &[T], dy: &[T]) -> Vec<T> {
    let channels = geometry.channels;
    let kernels = kernels(geometry.filters, geometry.channels, |input, output, tap| {
        weight[(input * channels + output) * 9 + 8 - tap]
    });
    convolve(&Side::backward(geometry), dy, &kernels, None)
}

/// G g Gᵀ of all kernels, `[inputs, places, outputs]`.
fn kernels<T: Real>(
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

fn convolve<T: Real>(side: &Side, x: &[T], kernels: &[T], bias: Option<&[T]>) -> Vec<T> {
    let (images, input_len, output_len) = (side.images(), side.input_len(), side.output_len());
    let all = x.len() / input_len.max(1);
    let mut y = vec![T::ZERO; all * output_len];
    let groups = all.div_ceil(images);
    // Few tiles: some filters for each task.
    let parts = TASKS
        .div_ceil(groups.max(1))
        .min(side.outputs / (4 * LANES))
        .max(1);
    let filters = (side.outputs / parts).next_multiple_of(LANES);
    y.par_chunks_mut(images * output_len)
        .zip(x.par_chunks(images * input_len))
        .for_each(|(y, x)| {
            let inputs = tiles(side, x, 0..side.inputs);
            let parts: Vec<(Range<usize>, Vec<T>)> = (0..side.outputs)
                .into_par_iter()
                .step_by(filters)
                .map(|first| {
                    let filters = first..(first + filters).min(side.outputs);
                    let products = products(side, &inputs, kernels, filters.clone());
                    (filters, products)
                })
                .collect();
            let images = y.par_chunks_mut(output_len).enumerate();
            images.for_each(|(image, y)| {
                for (filters, products) in &parts {
                    let tiles = side.tiles_per_image() * PLACES * filters.len();
                    let products = &products[image * tiles..][..tiles];
                    let bias = bias.map(|bias| &bias[filters.clone()]);
                    let area = side.output.0 * side.output.1;
                    let y = &mut y[filters.start * area..filters.end * area];
                    wide(
                        #[inline(always)]
                        || outputs(side, products, filters.len(), bias, y),
                    );
                }
            });
        });
    y
}

/// The products of all places, `[tiles, places, filters]`, with some of the filters.
fn products<T: Real>(side: &Side, inputs: &[T], kernels: &[T], filters: Range<usize>) -> Vec<T> {
    let (row, columns) = (PLACES * side.inputs, filters.len());
    let count = inputs.len() / row;
    let mut products = vec![T::ZERO; count * PLACES * columns];
    for place in 0..PLACES {
        let tiles = Matrix::strided(&inputs[place * side.inputs..], count, side.inputs, row);
        let kernels = Matrix::strided(
            &kernels[place * side.outputs + filters.start..],
            side.inputs,
            columns,
            PLACES * side.outputs,
        );
        multiply(
            tiles,
            kernels,
            &mut products[place * columns..],
            PLACES * columns,
        );
    }
    products
}

/// Bᵀ d B of all tiles of some images, `[tiles, places, channels.len()]`.
fn tiles<T: Real>(side: &Side, x: &[T], channels: Range<usize>) -> Vec<T> {
    let count = channels.len();
    let (rows, columns) = side.tiles();
    let width = columns * OUTPUT + INPUT - OUTPUT;
    let height = rows * OUTPUT + INPUT - OUTPUT;
    let images = x.len() / side.input_len().max(1);
    let mut tiles = vec![T::ZERO; images * rows * columns * PLACES * count];
    let pieces = tiles.par_chunks_exact_mut(rows * columns * PLACES * count);
    let pieces = pieces.zip(x.par_chunks_exact(side.input_len()));
    let zeros = || vec![T::ZERO; height * width * count];
    pieces.for_each_init(zeros, |padded, (tiles, x)| {
        let area = side.input.0 * side.input.1;
        let x = &x[channels.start * area..channels.end * area];
        wide(
            #[inline(always)]
            || {
                channels_last(x, side.input, padded, width, side.padding, count);
                for (tile, target) in tiles.chunks_exact_mut(PLACES * count).enumerate() {
                    let (row, column) = (tile / columns * OUTPUT, tile % columns * OUTPUT);
                    for channel in (0..count).step_by(LANES) {
                        let at = |i: usize, j: usize| {
                            load(padded, ((row + i) * width + column + j) * count + channel)
                        };
                        store(target, count, channel, &both(transform::input, at));
                    }
                }
            },
        );
    });
    tiles
}

/// A ∂l/∂y Aᵀ of all tiles of some images, `[tiles, places, channels]`.
fn gradient_tiles<T: Real>(side: &Side, dy: &[T]) -> Vec<T> {
    let count = side.outputs;
    let (rows, columns) = side.tiles();
    let (height, width) = (rows * OUTPUT, columns * OUTPUT);
    let images = dy.len() / side.output_len().max(1);
    let mut tiles = vec![T::ZERO; images * rows * columns * PLACES * count];
    let pieces = tiles.par_chunks_exact_mut(rows * columns * PLACES * count);
    let pieces = pieces.zip(dy.par_chunks_exact(side.output_len()));
    let zeros = || vec![T::ZERO; height * width * count];
    pieces.for_each_init(zeros, |padded, (tiles, dy)| {
        wide(
            #[inline(always)]
            || {
                channels_last(dy, side.output, padded, width, (0, 0), count);
                for (tile, target) in tiles.chunks_exact_mut(PLACES * count).enumerate() {
                    let (row, column) = (tile / columns * OUTPUT, tile % columns * OUTPUT);
                    for channel in (0..count).step_by(LANES) {
                        let at = |i: usize, j: usize| {
                            load(padded, ((row + i) * width + column + j) * count + channel)
                        };
                        store(target, count, channel, &both(transform::gradient, at));
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
            let lines: [&[T]; LANES] = std::array::from_fn(|lane| {
                &x[((channel + lane) * height + row) * width..][..width]
            });
            for column in 0..width {
                let lanes: Lanes<T> = std::array::from_fn(|lane| lines[lane][column]);
                target[column * channels + channel..][..LANES].copy_from_slice(&lanes);
            }
        }
    }
}

/// Aᵀ m A of all tiles of an image, plus the bias: `[filters, height, width]`.
#[inline(always)]
fn outputs<T: Real>(side: &Side, products: &[T], filters: usize, bias: Option<&[T]>, y: &mut [T]) {
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

/// ∂l/∂w, summed over the images. Each task takes some channels and a part of the batch; both depend on the shapes alone,
/// and the parts are added in order.
pub(super) fn weight_gradient<T: Real>(geometry: &Geometry, x: &[T], dy: &[T]) -> Vec<T> {
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
    for (strip, parts) in sums.chunks(parts).enumerate() {
        let Some((first, rest)) = parts.split_first() else {
            continue;
        };
        let mut sum = first.clone();
        for part in rest {
            sum.iter_mut()
                .zip(part)
                .for_each(|(sum, &part)| *sum += part);
        }
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
        let inputs = tiles(side, x, channels.clone());
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
