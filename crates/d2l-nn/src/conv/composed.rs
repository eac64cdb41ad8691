//! The definitions in candle's own operations: the kernels' reference, and what other devices run.
//!
//! A convolution that moves alike along both axes is candle's own `conv2d`, a few calls of the device. Others are one
//! product with what every position of the kernel reads: candle convolves groups one by one, and copies what a kernel of
//! one entry could multiply as it is. The gradients are
//! written down, because candle's take the output's padding from the height alone, so that some inputs that are not square
//! fail or get wrong gradients (candle 0.11, `backprop.rs`).

use std::sync::Arc;

use candle_core::{DType, Device, Result, Tensor};

use d2l_kernels::conv::{Axis, Geometry};

use crate::gather::Gather;
use crate::graph::{self, exactly};

/// y = w ∗ x
pub(super) fn convolution(geometry: Geometry, x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    let forward = |inputs: &[Tensor]| {
        let [x, weight] = exactly(inputs)?;
        Ok((correlated(&geometry, x, weight)?, []))
    };
    graph::define("convolution", &[x, weight], forward, move |known| {
        let ([x, weight], dy) = (exactly(known.inputs)?, known.dy);
        let dx = known.wanted(0, || spread(&geometry, dy, weight))?;
        let dw = known.wanted(1, || of_weight(&geometry, x, dy))?;
        Ok(vec![dx, dw])
    })
}

/// The transpose: what the convolution of this geometry does to gradients.
pub(super) fn transposed(geometry: Geometry, x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    let forward = |inputs: &[Tensor]| {
        let [x, weight] = exactly(inputs)?;
        Ok((spread(&geometry, x, weight)?, []))
    };
    let name = "transposed convolution";
    graph::define(name, &[x, weight], forward, move |known| {
        let ([x, weight], dy) = (exactly(known.inputs)?, known.dy);
        let dx = known.wanted(0, || correlated(&geometry, dy, weight))?;
        let dw = known.wanted(1, || of_weight(&geometry, dy, x))?;
        Ok(vec![dx, dw])
    })
}

/// y = b + x, where b has a number for each channel of x `[N, C, H, W]`.
pub(super) fn plus_bias(x: &Tensor, bias: &Tensor) -> Result<Tensor> {
    let forward = |inputs: &[Tensor]| {
        let [x, bias] = exactly(inputs)?;
        Ok((x.broadcast_add(&bias.reshape((1, (), 1, 1))?)?, []))
    };
    graph::define("bias", &[x, bias], forward, |known| {
        let db = known.wanted(1, || known.dy.sum((0, 2, 3)))?;
        Ok(vec![Some(known.dy.clone()), db])
    })
}

/// Whether candle's own operation is the best for this convolution: not if each pixel is multiplied as it is.
fn is_candles(geometry: &Geometry, x: &Tensor) -> bool {
    if is_pointwise(&geometry.rows) && is_pointwise(&geometry.columns) {
        return false;
    }
    let moves = |axis: &Axis| (axis.stride, axis.padding, axis.dilation);
    let is_there = !(x.device().is_cpu() && x.dtype() == DType::BF16); // candle's CPU has matmul alone in bf16
    geometry.groups == 1 && moves(&geometry.rows) == moves(&geometry.columns) && is_there
}

/// Whether a kernel of one entry moves over each cell along this axis.
fn is_pointwise(axis: &Axis) -> bool {
    axis.kernel == 1 && axis.stride == 1 && axis.padding == 0 && axis.output == axis.input
}

/// w ∗ x
fn correlated(geometry: &Geometry, x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    let Axis { stride, padding, dilation, .. } = geometry.rows;
    if is_candles(geometry, x) {
        return x.conv2d(&weight.contiguous()?, padding, stride, dilation, 1);
    }
    let y = per_image(geometry, weight)?.matmul(&read(geometry, x)?)?;
    y.reshape(geometry.output_dims())
}

/// ∂l/∂x from ∂l/∂y: each entry of the kernel spreads its products over the cells that it read.
fn spread(geometry: &Geometry, dy: &Tensor, weight: &Tensor) -> Result<Tensor> {
    let (images, channels, height, width) = geometry.input_dims();
    let Axis { stride, padding, dilation, .. } = geometry.rows;
    if is_candles(geometry, dy) {
        let more = lacking(&geometry.rows).max(lacking(&geometry.columns));
        let dx = dy.conv_transpose2d(&weight.contiguous()?, padding, more, stride, dilation)?;
        return dx.narrow(2, 0, height)?.narrow(3, 0, width);
    }
    let dy = dy.reshape((
        images,
        geometry.groups,
        geometry.filters / geometry.groups,
        (),
    ))?;
    let products = per_image(geometry, weight)?.t()?.matmul(&dy)?;
    if is_pointwise(&geometry.rows) && is_pointwise(&geometry.columns) {
        return products.reshape((images, channels, height, width));
    }
    let products = products.reshape((images * channels, (), 1))?;
    let dx = reads(geometry, dy.device())?.back(&products)?;
    dx.reshape((images, channels, height, width))
}

/// ∂l/∂w
fn of_weight(geometry: &Geometry, x: &Tensor, dy: &Tensor) -> Result<Tensor> {
    let Geometry { images, channels, filters, groups, rows, columns } = *geometry;
    let Axis { stride, padding, dilation, .. } = rows;
    if is_candles(geometry, x) {
        // Each image is a channel, ∂l/∂y is the kernel, and what was the stride lies between its entries.
        let (x, dy) = (x.transpose(0, 1)?, dy.transpose(0, 1)?.contiguous()?);
        let dw = x.conv2d(&dy, padding, dilation, stride, 1)?;
        let dw = dw.transpose(0, 1)?;
        return dw.narrow(2, 0, rows.kernel)?.narrow(3, 0, columns.kernel);
    }
    let dy = dy.reshape((images, groups, filters / groups, ()))?;
    let dw = dy.matmul(&read(geometry, x)?.t()?)?.sum(0)?;
    dw.reshape((filters, channels / groups, rows.kernel, columns.kernel))
}

/// Cells behind the last that the kernel reads, as many as a stride has at most.
fn lacking(axis: &Axis) -> usize {
    let read = (axis.output - 1) * axis.stride + axis.dilation * (axis.kernel - 1) + 1;
    (axis.input + 2 * axis.padding).saturating_sub(read)
}

/// The weight as a matrix for each image and group, `[N, groups, O / groups, C / groups · entries]`. Written out for
/// several groups, because cuBLAS takes matrices at equal distances.
fn per_image(geometry: &Geometry, weight: &Tensor) -> Result<Tensor> {
    let Geometry { images, filters, groups, .. } = *geometry;
    let matrices = weight.reshape((1, groups, filters / groups, ()))?;
    let (_, _, rows, columns) = matrices.dims4()?;
    let matrices = matrices.broadcast_as((images, groups, rows, columns))?;
    match groups {
        1 => Ok(matrices),
        _ => matrices.contiguous(),
    }
}

/// What each entry of the kernel reads at each position, `[N, groups, C / groups · entries, H' W']`.
fn read(geometry: &Geometry, x: &Tensor) -> Result<Tensor> {
    let Geometry { images, channels, groups, rows, columns, .. } = *geometry;
    if is_pointwise(&rows) && is_pointwise(&columns) {
        return x.reshape((images, groups, channels / groups, ()));
    }
    let x = x.reshape((images * channels, rows.input * columns.input, 1))?;
    let read = reads(geometry, x.device())?.apply(&x)?;
    read.reshape((images, groups, (), rows.output * columns.output))
}

/// Which cell of a plane each entry of the kernel reads at each position; none in the padding.
fn reads(geometry: &Geometry, device: &Device) -> Result<Arc<Gather>> {
    let Geometry { rows, columns, .. } = *geometry;
    let numbers = |axis: Axis| {
        let Axis { input, kernel, output, stride, padding, dilation } = axis;
        [input, kernel, output, stride, padding, dilation]
    };
    let key = [numbers(rows), numbers(columns)].concat();
    Gather::known(key, rows.input * columns.input, device, || {
        let cell = |axis: &Axis, entry: usize, position: usize| {
            let cell = (position * axis.stride + entry * axis.dilation).checked_sub(axis.padding);
            cell.filter(|&cell| cell < axis.input)
        };
        let mut slots = Vec::new();
        for (i, j) in pairs(rows.kernel, columns.kernel) {
            for (r, c) in pairs(rows.output, columns.output) {
                let places = cell(&rows, i, r).zip(cell(&columns, j, c));
                slots.push(places.map(|(row, column)| row * columns.input + column));
            }
        }
        slots
    })
}

/// (0, 0), (0, 1), …, (1, 0), …
fn pairs(rows: usize, columns: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..rows).flat_map(move |row| (0..columns).map(move |column| (row, column)))
}
