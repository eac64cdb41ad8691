//! The definitions in candle's own operations: the kernels' reference, and what other devices run.
//!
//! A convolution that is the same along both axes is candle's own `conv2d`, a few calls of the device. Others are a
//! product for each entry of the kernel, because candle's gradient takes the output's padding from the height alone, so
//! that some inputs that are not square fail or get wrong gradients (candle 0.11, `backprop.rs`), and because candle
//! convolves groups one by one.

use candle_core::{DType, Result, Tensor};

use d2l_kernels::conv::{Axis, Geometry};

/// y = w ∗ x, by candle's own operation where there is one and its gradients are right.
pub(super) fn convolution(geometry: &Geometry, x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    let Axis { stride, padding, dilation, .. } = geometry.rows;
    let is_right = geometry.rows == geometry.columns && geometry.groups == 1;
    let is_there = !(x.device().is_cpu() && x.dtype() == DType::BF16); // candle's CPU has matmul alone in bf16
    match is_right && is_there {
        true => x.conv2d(&weight.contiguous()?, padding, stride, dilation, 1),
        false => by_products(geometry, x, weight),
    }
}

/// y = Σ over the kernel's entries (i, j) of w[:, :, i, j] x[cells that (i, j) reads]: one matrix product each.
fn by_products(geometry: &Geometry, x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    let (images, filters, height, width) = geometry.output_dims();
    let groups = geometry.groups;
    let per_group = geometry.channels / groups;
    let padded = x
        .pad_with_zeros(2, geometry.rows.padding, room(&geometry.rows))?
        .pad_with_zeros(3, geometry.columns.padding, room(&geometry.columns))?;
    let taps = taps(&weight.reshape((groups, filters / groups, per_group, ()))?)?;
    let mut y: Option<Tensor> = None;
    for i in 0..geometry.rows.kernel {
        let rows = cells(&padded, 2, &geometry.rows, i)?;
        for j in 0..geometry.columns.kernel {
            let x = cells(&rows, 3, &geometry.columns, j)?;
            let x = x.reshape((images, groups, per_group, height * width))?;
            let w = taps.get(i * geometry.columns.kernel + j)?;
            let product = w.unsqueeze(0)?.broadcast_matmul(&x)?;
            y = Some(match y {
                Some(y) => (y + product)?,
                None => product,
            });
        }
    }
    match y {
        Some(y) => y.reshape((images, filters, height, width)),
        None => candle_core::bail!("convolution: found an empty kernel"),
    }
}

/// The transpose: each entry of the kernel spreads its products over the cells that it would read.
pub(super) fn transposed(geometry: &Geometry, x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    let (images, channels, height, width) = geometry.input_dims();
    let (filters, groups) = (geometry.filters, geometry.groups);
    let (rows, columns) = (&geometry.rows, &geometry.columns);
    let x = x.reshape((
        images,
        groups,
        filters / groups,
        rows.output * columns.output,
    ))?;
    let taps = taps(&weight.reshape((groups, filters / groups, channels / groups, ()))?)?;
    let mut y: Option<Tensor> = None;
    for i in 0..rows.kernel {
        for j in 0..columns.kernel {
            let w = taps.get(i * columns.kernel + j)?;
            let product = w.transpose(1, 2)?.unsqueeze(0)?.broadcast_matmul(&x)?;
            let product = product.reshape((images, channels, rows.output, columns.output))?;
            let spread = spread(&spread(&product, 2, rows, i)?, 3, columns, j)?;
            y = Some(match y {
                Some(y) => (y + spread)?,
                None => spread,
            });
        }
    }
    match y {
        Some(y) => y
            .narrow(2, rows.padding, height)?
            .narrow(3, columns.padding, width),
        None => candle_core::bail!("transposed convolution: found an empty kernel"),
    }
}

/// The matrices of a weight `[groups, O, C, entries]`, one for each entry of the kernel: `[entries, groups, O, C]`.
/// Written out, because cuBLAS takes matrices whose rows or columns lie together.
fn taps(weight: &Tensor) -> Result<Tensor> {
    weight.permute((3, 0, 1, 2))?.contiguous()
}

/// Zeros behind the input, so that a whole stride fits behind every position of the kernel.
fn room(axis: &Axis) -> usize {
    let wanted = (axis.kernel - 1) * axis.dilation + axis.output * axis.stride;
    wanted.saturating_sub(axis.input + axis.padding)
}

/// What entry `tap` of the kernel reads at each position: every stride-th cell of the padded input.
fn cells(padded: &Tensor, dim: usize, axis: &Axis, tap: usize) -> Result<Tensor> {
    let x = padded.narrow(dim, tap * axis.dilation, axis.output * axis.stride)?;
    if axis.stride == 1 {
        return x.contiguous();
    }
    let mut dims = x.dims().to_vec();
    dims.splice(dim..=dim, [axis.output, axis.stride]);
    x.contiguous()?
        .reshape(dims)?
        .narrow(dim + 1, 0, 1)?
        .squeeze(dim + 1)?
        .contiguous()
}

/// The transpose of [`cells`]: a tensor of the padded input's size.
fn spread(y: &Tensor, dim: usize, axis: &Axis, tap: usize) -> Result<Tensor> {
    let strided = y
        .unsqueeze(dim + 1)?
        .pad_with_zeros(dim + 1, 0, axis.stride - 1)?;
    let mut dims = y.dims().to_vec();
    if let Some(dim) = dims.get_mut(dim) {
        *dim = axis.output * axis.stride;
    }
    let offset = tap * axis.dilation;
    let all = axis.input + axis.padding + room(axis);
    let behind = all - offset - axis.output * axis.stride;
    strided.reshape(dims)?.pad_with_zeros(dim, offset, behind)
}
