//! Larger (or smaller) images by interpolation. D2L zh 13.10, en 14.10.
//!
//! Nearest: y_o = x_⌊o n / m⌋ for m outputs of n inputs. Bilinear: output o stands at s_o = (o + ½) n / m - ½, with
//! aligned corners at s_o = o (n - 1) / (m - 1), and y_o = (1 - λ) x_i + λ x_{i+1}, i = ⌊s_o⌋, λ = s_o - i, along both
//! axes.

use candle_core::{DType, Result, Tensor, bail};
use d2l_kernels::pool::Weighted;
use d2l_kernels::windows::Windows;

use crate::pool::sides;
use crate::separable::combine;

/// The nearest element: `[N, C, H, W] -> [N, C, H', W']`, as PyTorch's `interpolate(mode="nearest")`.
///
/// # Errors
/// If `x` isn't of rank 4 or a side is 0.
pub fn upsample_nearest2d(x: &Tensor, size: (usize, usize)) -> Result<Tensor> {
    let (height, width) = sides(x, "upsample_nearest2d")?;
    let rows = nearest(height, size.0, x.dtype())?;
    let columns = nearest(width, size.1, x.dtype())?;
    combine(x, rows, columns)
}

/// Between the four nearest elements: `[N, C, H, W] -> [N, C, H', W']`, as PyTorch's `interpolate(mode="bilinear")`.
///
/// # Errors
/// If `x` isn't of rank 4 or a side is 0.
pub fn upsample_bilinear2d(
    x: &Tensor,
    size: (usize, usize),
    align_corners: bool,
) -> Result<Tensor> {
    let (height, width) = sides(x, "upsample_bilinear2d")?;
    let rows = linear(height, size.0, align_corners)?;
    let columns = linear(width, size.1, align_corners)?;
    combine(x, rows, columns)
}

fn check(inputs: usize, outputs: usize) -> Result<()> {
    if inputs == 0 || outputs == 0 {
        bail!("upsampling: found {inputs} inputs and {outputs} outputs, wanted 1 or more of both");
    }
    Ok(())
}

fn nearest(inputs: usize, outputs: usize, dtype: DType) -> Result<Weighted> {
    check(inputs, outputs)?;
    // The product is rounded as in PyTorch, which computes it in the type of the image.
    let place = |o: usize| match dtype {
        DType::F64 => (o as f64 * (inputs as f64 / outputs as f64)) as usize,
        _ => (o as f32 * (inputs as f32 / outputs as f32)) as usize,
    };
    let range = |o: usize| {
        let place = place(o).min(inputs - 1);
        place..place + 1
    };
    let ranges = (0..outputs).map(range).collect();
    Ok(Weighted::means(Windows { inputs, ranges }, |_, held| held))
}

fn linear(inputs: usize, outputs: usize, align_corners: bool) -> Result<Weighted> {
    check(inputs, outputs)?;
    let place = |o: usize| match (align_corners, outputs) {
        (true, 1) => 0.0,
        (true, _) => o as f64 * (inputs - 1) as f64 / (outputs - 1) as f64,
        (false, _) => ((o as f64 + 0.5) * inputs as f64 / outputs as f64 - 0.5).max(0.0),
    };
    let (mut ranges, mut weights) = (Vec::new(), Vec::new());
    for o in 0..outputs {
        let first = (place(o) as usize).min(inputs - 1);
        let lambda = place(o) - first as f64;
        if first + 1 < inputs {
            ranges.push(first..first + 2);
            weights.push(vec![1.0 - lambda, lambda]);
        } else {
            ranges.push(first..first + 1); // the last element has no next
            weights.push(vec![1.0]);
        }
    }
    let windows = Windows { inputs, ranges };
    Ok(Weighted { windows, weights })
}
