//! Convolution, pooling and upsampling of any size, kernel, stride, padding, dilation and number of groups: shapes,
//! values by the plain sums, gradients by linearity, and an error if the kernel doesn't fit.

mod support;

use anyhow::ensure;
use candle_core::{Device, Module, Tensor};
use d2l_nn::testing::filled;
use d2l_nn::{
    Conv2d, Conv2dConfig, ConvTranspose2d, Pool2d, adaptive_avg_pool2d, adaptive_max_pool2d,
    avg_pool2d, max_pool2d, upsample_bilinear2d, upsample_nearest2d,
};
use proptest::prelude::*;
use support::properties::{agree, holds, inner, is_linear_in, types, var};

type Pair = (usize, usize);

fn pairs(range: std::ops::Range<usize>) -> impl Strategy<Value = Pair> {
    (range.clone(), range)
}

/// Images, channels of a group and image sides; filters of a group and kernel sides; how the kernel moves.
fn convolutions() -> impl Strategy<Value = (usize, [usize; 2], Pair, Pair, Conv2dConfig)> {
    let config = (pairs(1..4), pairs(0..4), pairs(1..3), 1usize..4);
    let config = config.prop_map(|(stride, padding, dilation, groups)| Conv2dConfig {
        stride,
        padding,
        dilation,
        groups,
    });
    let channels = [1usize..33, 1..33]; // few and many take different code paths
    (1usize..4, channels, pairs(1..14), pairs(1..6), config)
}

/// ⌊(inputs + 2p - d(kernel - 1) - 1) / s⌋ + 1, or nothing if the kernel is larger than the padded inputs.
fn windows(inputs: usize, kernel: usize, padding: usize, dilation: usize, stride: usize) -> usize {
    let seen = dilation * (kernel - 1) + 1;
    let room = (inputs + 2 * padding).checked_sub(seen);
    room.map_or(0, |room| room / stride + 1)
}

fn sides(inputs: Pair, kernel: Pair, config: &Conv2dConfig) -> Pair {
    let Conv2dConfig { stride, padding, dilation, .. } = config;
    (
        windows(inputs.0, kernel.0, padding.0, dilation.0, stride.0),
        windows(inputs.1, kernel.1, padding.1, dilation.1, stride.1),
    )
}

/// The convolution, term by term.
fn plain_sums(
    x: &Tensor,
    weight: &Tensor,
    outputs: Pair,
    config: &Conv2dConfig,
) -> anyhow::Result<Tensor> {
    let (images, channels, height, width) = x.dims4()?;
    let (filters, per_group, kernel_height, kernel_width) = weight.dims4()?;
    let numbers = |x: &Tensor| {
        let x = x.to_dtype(candle_core::DType::F64)?;
        x.flatten_all()?.to_vec1::<f64>()
    };
    let (xs, weights) = (numbers(x)?, numbers(weight)?);
    let cell = |window: usize, tap: usize, stride: usize, dilation: usize, padding: usize| {
        (window * stride + tap * dilation).checked_sub(padding)
    };
    let mut y = Vec::new();
    for image in 0..images {
        for filter in 0..filters {
            let group = filter / (filters / config.groups);
            for (row, column) in (0..outputs.0).flat_map(|r| (0..outputs.1).map(move |c| (r, c))) {
                let mut sum = 0.0;
                for channel in 0..per_group {
                    for (i, j) in
                        (0..kernel_height).flat_map(|i| (0..kernel_width).map(move |j| (i, j)))
                    {
                        let r = cell(row, i, config.stride.0, config.dilation.0, config.padding.0);
                        let c = cell(
                            column,
                            j,
                            config.stride.1,
                            config.dilation.1,
                            config.padding.1,
                        );
                        if let (Some(r), Some(c)) = (r, c)
                            && r < height
                            && c < width
                        {
                            let plane = image * channels + group * per_group + channel;
                            let entry = (filter * per_group + channel) * kernel_height + i;
                            sum += xs[(plane * height + r) * width + c]
                                * weights[entry * kernel_width + j];
                        }
                    }
                }
                y.push(sum);
            }
        }
    }
    let shape = (images, filters, outputs.0, outputs.1);
    Ok(Tensor::from_vec(y, shape, &Device::Cpu)?)
}

#[test]
fn convolutions_are_their_sums() {
    holds(
        (convolutions(), types()),
        |((images, [inputs, filters], image, kernel, config), (dtype, tolerance))| {
            let groups = config.groups;
            let x = var((images, groups * inputs, image.0, image.1), 1, dtype)?;
            let weight = var((groups * filters, inputs, kernel.0, kernel.1), 2, dtype)?;
            let bias = var(groups * filters, 3, dtype)?;
            let layer = |bias| Conv2d::new(weight.as_tensor().clone(), bias, config);
            let outputs = sides(image, kernel, &config);
            if outputs.0 == 0 || outputs.1 == 0 {
                ensure!(layer(None).forward(&x).is_err(), "the kernel has no place");
                return Ok(());
            }
            let y = layer(None).forward(&x)?;
            let wanted = plain_sums(&x, &weight, outputs, &config)?;
            agree(&y, &wanted, tolerance)?;
            is_linear_in(&y, &[&x, &weight], tolerance)?;
            let with_bias = layer(Some(bias.as_tensor().clone())).forward(&x)?;
            let bias = bias.reshape((1, groups * filters, 1, 1))?;
            let wanted = wanted.broadcast_add(&bias.to_dtype(wanted.dtype())?)?;
            agree(&with_bias, &wanted, tolerance)
        },
    );
}

#[test]
fn transposed_convolutions_are_the_convolutions_transposes() {
    holds(
        (convolutions(), types()),
        |((images, [inputs, filters], image, kernel, config), (dtype, tolerance))| {
            let groups = config.groups;
            let x = var((images, groups * inputs, image.0, image.1), 1, dtype)?;
            let weight = var((groups * inputs, filters, kernel.0, kernel.1), 2, dtype)?;
            let layer = ConvTranspose2d::new(weight.as_tensor().clone(), None, config);
            let side =
                |inputs: usize, kernel: usize, stride: usize, padding: usize, dilation: usize| {
                    let whole = (inputs - 1) * stride + dilation * (kernel - 1) + 1;
                    whole.saturating_sub(2 * padding)
                };
            let Conv2dConfig { stride, padding, dilation, .. } = config;
            let outputs = (
                side(image.0, kernel.0, stride.0, padding.0, dilation.0),
                side(image.1, kernel.1, stride.1, padding.1, dilation.1),
            );
            if outputs.0 == 0 || outputs.1 == 0 {
                ensure!(layer.forward(&x).is_err(), "nothing is left of the output");
                return Ok(());
            }
            let y = layer.forward(&x)?;
            ensure!(y.dims() == [images, groups * filters, outputs.0, outputs.1]);
            is_linear_in(&y, &[&x, &weight], tolerance)?;
            // Σ y ∘ z = Σ x ∘ (z convolved)
            let z = filled(y.shape(), 3, 2.0, dtype, &Device::Cpu)?;
            let convolved = Conv2d::new(weight.as_tensor().clone(), None, config).forward(&z)?;
            ensure!(convolved.dims() == x.dims());
            let (found, wanted) = (inner(&y, &z)?, inner(&x, &convolved)?);
            let size = inner(&y.abs()?, &z.abs()?)?.max(1.0);
            ensure!(
                (found - wanted).abs() <= tolerance * size,
                "{found} and {wanted}"
            );
            Ok(())
        },
    );
}

/// The pooling regions as (first cell, end), cut at the sides; nothing if the padding is too large or no region fits.
fn pooled(
    inputs: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
    ceil: bool,
) -> Option<Vec<Pair>> {
    let room = (inputs + 2 * padding).checked_sub(kernel);
    let mut count = match (room, ceil) {
        (Some(room), false) => room / stride + 1,
        (Some(room), true) => room.div_ceil(stride) + 1,
        (None, _) => return None,
    };
    // The last region must begin within the axis or its padding in front.
    if ceil && (count - 1) * stride >= inputs + padding {
        count -= 1;
    }
    let range = |o: usize| {
        let start = o * stride;
        let cut = |cell: usize| cell.saturating_sub(padding).min(inputs);
        (cut(start), cut(start + kernel))
    };
    (2 * padding <= kernel).then(|| (0..count).map(range).collect())
}

#[test]
fn pooling_takes_the_windows_largest_and_mean() {
    let moves = (pairs(1..5), pairs(1..4), pairs(0..3), any::<bool>());
    holds(
        (1usize..3, 1usize..4, pairs(1..12), moves, types()),
        |(images, channels, image, (kernel, stride, padding, ceil), (dtype, tolerance))| {
            let x = var((images, channels, image.0, image.1), 1, dtype)?;
            let pool = Pool2d { kernel, stride, padding, ceil_mode: ceil };
            let rows = pooled(image.0, kernel.0, stride.0, padding.0, ceil);
            let columns = pooled(image.1, kernel.1, stride.1, padding.1, ceil);
            let (Some(rows), Some(columns)) = (rows, columns) else {
                ensure!(max_pool2d(&x, &pool).is_err() && avg_pool2d(&x, &pool, true).is_err());
                return Ok(());
            };
            let (largest, means) = (max_pool2d(&x, &pool)?, avg_pool2d(&x, &pool, false)?);
            let shape = [images, channels, rows.len(), columns.len()];
            ensure!(
                largest.dims() == shape,
                "{:?}, wanted {shape:?}",
                largest.dims()
            );
            ensure!(
                means.dims() == shape,
                "{:?}, wanted {shape:?}",
                means.dims()
            );
            for (r, row) in rows.iter().enumerate() {
                for (c, column) in columns.iter().enumerate() {
                    let window = x.narrow(2, row.0, row.1 - row.0)?;
                    let window = window.narrow(3, column.0, column.1 - column.0)?;
                    let cells = window.flatten_from(2)?;
                    let found = |y: &Tensor| y.narrow(2, r, 1)?.narrow(3, c, 1)?.flatten_from(1);
                    agree(&found(&largest)?, &cells.max(2)?, 0.0)?;
                    agree(&found(&means)?, &cells.mean(2)?, tolerance)?;
                }
            }
            is_linear_in(&avg_pool2d(&x, &pool, true)?, &[&x], tolerance)?;
            is_linear_in(&means, &[&x], tolerance)?;
            // Each region hands its gradient to one of its largest: with these numbers, the maximum is linear too.
            is_linear_in(&largest, &[&x], tolerance)
        },
    );
}

#[test]
fn adaptive_pooling_and_upsampling_reach_any_size() {
    holds(
        (1usize..3, 1usize..4, pairs(1..12), pairs(1..12), types()),
        |(images, channels, from, to, (dtype, tolerance))| {
            let x = var((images, channels, from.0, from.1), 1, dtype)?;
            let means = adaptive_avg_pool2d(&x, to)?;
            let largest = adaptive_max_pool2d(&x, to)?;
            let all = [
                upsample_nearest2d(&x, to)?,
                upsample_bilinear2d(&x, to, false)?,
                upsample_bilinear2d(&x, to, true)?,
                means.clone(),
                largest.clone(),
            ];
            for y in &all {
                ensure!(y.dims() == [images, channels, to.0, to.1], "{:?}", y.dims());
                is_linear_in(y, &[&x], tolerance)?;
            }
            let above = (largest - means)?.flatten_all()?.min(0)?;
            ensure!(
                above
                    .to_dtype(candle_core::DType::F64)?
                    .to_scalar::<f64>()?
                    >= -tolerance
            );
            // If all inputs are one number, so are all outputs.
            let same = x.ones_like()?.detach();
            for y in [
                adaptive_avg_pool2d(&same, to)?,
                upsample_nearest2d(&same, to)?,
                upsample_bilinear2d(&same, to, true)?,
            ] {
                agree(&y, &y.ones_like()?, tolerance)?;
            }
            ensure!(upsample_nearest2d(&x, (0, to.1)).is_err());
            Ok(())
        },
    );
}
