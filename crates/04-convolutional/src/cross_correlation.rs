//! Cross-correlation by hand: padding, stride, several channels, and 1 × 1 kernels, from products, sums and slices of
//! tensors.
//!
//! D2L zh 6.2-6.4, en 7.2-7.4. What the book calls a convolution moves a kernel w over a picture x and multiplies it
//! with the part that it covers. With stride s, channel o of the output is
//!
//! y(o, r, c) = Σ over channels k and entries i, j of w(o, k, i, j) · x(k, s r + i, s c + j).
//!
//! The terms are added entry by entry: for one (i, j), the sum over k is a matrix product, for all positions at once.

use candle_core::{Result, Tensor, bail};

/// The cross-correlation of `x` `[B, C, H, W]` with `w` `[O, C, h, w]`: `[B, O, H - h + 1, W - w + 1]`.
/// D2L zh 6.2.1 and 6.4, en 7.2.1 and 7.4.
pub fn corr2d(x: &Tensor, w: &Tensor) -> Result<Tensor> {
    corr2d_with_stride(x, w, (1, 1))
}

/// The same with a kernel that moves by `stride` cells (down, right): `[B, O, ⌊(H - h) / s⌋ + 1, ⌊(W - w) / s⌋ + 1]`.
/// D2L zh 6.3.2, en 7.3.2.
pub fn corr2d_with_stride(x: &Tensor, w: &Tensor, stride: (usize, usize)) -> Result<Tensor> {
    let (batch, channels, _, _) = x.dims4()?;
    let (filters, _, height, width) = w.dims4()?;
    let positions = Positions::new(x, (height, width), stride)?;
    let count = positions.rows * positions.columns;
    let mut sum = Tensor::zeros((batch, filters, count), x.dtype(), x.device())?;
    for i in 0..height {
        for j in 0..width {
            let seen = positions.entry(x, i, j)?.contiguous()?; // what entry (i, j) covers at every position
            let seen = seen.reshape((batch, channels, count))?;
            let entry = w.narrow(2, i, 1)?.narrow(3, j, 1)?;
            let entry = entry.reshape((1, filters, channels))?;
            sum = (sum + entry.broadcast_matmul(&seen)?)?;
        }
    }
    sum.reshape((batch, filters, positions.rows, positions.columns))
}

/// The cross-correlation with a 1 × 1 kernel, `w` `[O, C, 1, 1]`, which covers one pixel at a time: a dense layer over
/// the channels, with the pixels as its examples. `[B, C, H, W] -> [B, O, H, W]`. D2L zh 6.4.3, en 7.4.3.
pub fn corr2d_1x1(x: &Tensor, w: &Tensor) -> Result<Tensor> {
    let (batch, channels, height, width) = x.dims4()?;
    let (filters, _, _, _) = w.dims4()?;
    let pixels = x.permute((0, 2, 3, 1))?.contiguous()?; // [B, H, W, C]
    let pixels = pixels.reshape((batch * height * width, channels))?;
    let outputs = pixels.matmul(&w.reshape((filters, channels))?.t()?)?; // [B · H · W, O]
    outputs
        .reshape((batch, height, width, filters))?
        .permute((0, 3, 1, 2))?
        .contiguous()
}

/// Pads the pictures with `value`, by `padding` (rows above and below, columns left and right):
/// `[B, C, H, W] -> [B, C, H + 2p, W + 2p]`. D2L zh 6.3.1, en 7.3.1.
pub fn pad(x: &Tensor, (rows, columns): (usize, usize), value: f64) -> Result<Tensor> {
    let mut padded = x.clone();
    for (axis, cells) in [(2, rows), (3, columns)] {
        if cells > 0 {
            let mut shape = padded.dims().to_vec();
            shape[axis] = cells;
            let edge = (Tensor::zeros(shape, x.dtype(), x.device())? + value)?;
            padded = Tensor::cat(&[&edge, &padded, &edge], axis)?;
        }
    }
    Ok(padded)
}

/// The positions of a kernel or pooling region in pictures: `rows` · `columns` of them.
pub(crate) struct Positions {
    pub rows: usize,
    pub columns: usize,
    stride: (usize, usize),
}

impl Positions {
    /// Where `size` (height, width) fits into `x` `[B, C, H, W]`.
    pub fn new(x: &Tensor, size: (usize, usize), stride: (usize, usize)) -> Result<Self> {
        let (_, _, height, width) = x.dims4()?;
        let along = |cells: usize, size: usize, stride: usize| match cells.checked_sub(size) {
            Some(rest) if size > 0 && stride > 0 => Ok(rest / stride + 1),
            _ => bail!(
                "found a kernel or pooling region of {size} cells with stride {stride} on {cells} cells, wanted 1 to \
                 {cells} cells and a stride of 1 or more"
            ),
        };
        Ok(Self {
            rows: along(height, size.0, stride.0)?,
            columns: along(width, size.1, stride.1)?,
            stride,
        })
    }

    /// What entry (i, j) covers of `x` at every position: `[B, C, rows, columns]`.
    pub fn entry(&self, x: &Tensor, i: usize, j: usize) -> Result<Tensor> {
        let x = every(x, 2, i, self.stride.0, self.rows)?;
        every(&x, 3, j, self.stride.1, self.columns)
    }
}

/// `count` cells along `axis`, the first at `start`, each `stride` cells behind the one before.
fn every(x: &Tensor, axis: usize, start: usize, stride: usize, count: usize) -> Result<Tensor> {
    if stride == 1 {
        return x.narrow(axis, start, count); // the same cells without a copy
    }
    let cells: Vec<u32> = (0..count).map(|n| (start + n * stride) as u32).collect();
    x.contiguous()?
        .index_select(&Tensor::new(cells, x.device())?, axis)
}
