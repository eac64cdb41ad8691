//! Winograd's minimal filtering F(4×4, 3×3) for kernels of 3 × 3 with stride 1: 36 multiplications for 16 outputs; the
//! definition takes 144. Winograd 1980; Lavin and Gray 2016, <https://arxiv.org/abs/1509.09308>.
//!
//! A tile of 4 × 4 outputs reads 6 × 6 inputs d. With the matrices of `transform`,
//!
//! y = Aᵀ [ (G g Gᵀ) ⊙ (Bᵀ d B) ] A
//!
//! where ⊙, summed over the input channels, is one matrix product for each of the 36 places: `[tiles, channels]` times
//! `[channels, filters]`. The gradient of x is the same convolution of ∂l/∂y with the flipped kernel; the gradient of g
//! is Gᵀ [ (Bᵀ d B) ⊙ (A ∂l/∂y Aᵀ) ] G, summed over the tiles.
//!
//! Inside, channels come last, so that eight of them go through a transform side by side. In f32 outputs are off by
//! 2.0e-6 (64 channels) to 5.2e-6 (512) of the largest, measured against f64; with the points 0, ±1, ±2 by 9.8e-6 to
//! 2.3e-5; matrix products by 3e-7 to 6e-7.

mod tiles;
mod weight;

use std::ops::Range;

use rayon::prelude::*;

use super::geometry::{Axis, Geometry};
use super::transform::LANES;
use crate::{Matrix, Real, multiply, wide};
use tiles::{input_tiles, kernels, outputs};
pub(super) use weight::weight_gradient;

/// Rows and columns of a tile's input, of its output.
const INPUT: usize = 6;
const OUTPUT: usize = 4;

/// Products per tile and pair of channels.
const PLACES: usize = INPUT * INPUT;

/// Tiles from which one task is made.
const TILES: usize = 64;

/// The fewest tasks, if the work can be divided so far.
const TASKS: usize = 8;

/// Channels and filters from which the transforms cost less than they save.
const CHANNELS: usize = 16;

/// Whether this convolution is computed here.
pub(super) fn applies(geometry: &Geometry) -> bool {
    let suits = |axis: &Axis| {
        axis.kernel == 3 && axis.stride == 1 && axis.dilation == 1 && axis.padding <= 2
    };
    let whole = |channels: usize| channels >= CHANNELS && channels.is_multiple_of(LANES);
    geometry.groups == 1
        && suits(&geometry.rows)
        && suits(&geometry.columns)
        && whole(geometry.channels)
        && whole(geometry.filters)
}

/// Multiplications, roughly, and the work of transforming the tiles and the kernels. A tile costs the same however
/// little of it the image fills. The two factors are measured.
pub(super) fn cost(geometry: &Geometry) -> usize {
    const OF_A_TILE: usize = 40;
    const OF_A_KERNEL: usize = 54;
    let (channels, filters) = (geometry.channels, geometry.filters);
    let tiles = geometry.rows.output.div_ceil(OUTPUT) * geometry.columns.output.div_ceil(OUTPUT);
    let products = channels * filters + OF_A_TILE * (channels + filters);
    PLACES * (geometry.images * tiles * products + OF_A_KERNEL * channels * filters)
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

/// ∂l/∂x: the convolution of ∂l/∂y with the flipped kernel.
pub(super) fn input_gradient<T: Real>(geometry: &Geometry, weight: &[T], dy: &[T]) -> Vec<T> {
    let channels = geometry.channels;
    let kernels = kernels(geometry.filters, geometry.channels, |input, output, tap| {
        weight[(input * channels + output) * 9 + 8 - tap]
    });
    convolve(&Side::backward(geometry), dy, &kernels, None)
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
            let inputs = input_tiles(side, x, 0..side.inputs);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conv::geometry::Conv2dConfig;

    /// Numbers in ±1 that look random.
    fn numbers(count: usize, salt: u64) -> Vec<f64> {
        let hash = |i: usize| {
            (i as u64 + salt)
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .rotate_left(29)
        };
        let mix = |i: usize| hash(i).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40;
        (0..count)
            .map(|i| mix(i) as f64 / f64::from(1 << 23) - 1.0)
            .collect()
    }

    /// The largest error of f32, as a part of the largest number.
    fn error(found: &[f32], exact: &[f64]) -> f64 {
        let largest =
            |numbers: &mut dyn Iterator<Item = f64>| numbers.map(f64::abs).fold(0.0, f64::max);
        let mut errors = found
            .iter()
            .zip(exact)
            .map(|(&y, exact)| f64::from(y) - exact);
        largest(&mut errors) / largest(&mut exact.iter().copied())
    }

    #[test]
    fn rounding_errors_stay_far_below_those_of_whole_points() -> Result<(), crate::Misfit> {
        for (channels, bound) in [(64, 3e-6), (512, 6e-6)] {
            let (input, weight) = ([4, channels, 8, 8], [channels, channels, 3, 3]);
            let geometry = Geometry::new(&input, &weight, &Conv2dConfig::default().padding(1))?;
            let (x, w) = (
                numbers(input.iter().product(), 1),
                numbers(weight.iter().product(), 2),
            );
            let dy = numbers(x.len(), 3);
            let [x32, w32, dy32] =
                [&x, &w, &dy].map(|numbers| numbers.iter().map(|&n| n as f32).collect::<Vec<_>>());
            let errors = [
                error(
                    &forward(&geometry, &x32, &w32, None),
                    &forward(&geometry, &x, &w, None),
                ),
                error(
                    &input_gradient(&geometry, &w32, &dy32),
                    &input_gradient(&geometry, &w, &dy),
                ),
                error(
                    &weight_gradient(&geometry, &x32, &dy32),
                    &weight_gradient(&geometry, &x, &dy),
                ),
            ];
            assert!(
                errors.iter().all(|&error| error < bound),
                "{channels} channels: {errors:?}"
            );
        }
        Ok(())
    }
}
