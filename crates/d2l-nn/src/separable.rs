//! Weighted sums of rows, then of columns: what average pooling and interpolation have in common.
//!
//! Y = R X Cᵀ for each plane X,   ∂l/∂X = Rᵀ ∂l/∂Y C
//!
//! Most entries of R and C are 0. The definition multiplies by them; the kernel visits only the ranges in which they
//! are not.

use candle_core::{DType, Result, Tensor, bail};
use d2l_kernels::pool::{Combine, Weighted};

use crate::graph::{self, Backward, Gradient, Input, Operation, Outputs, exactly};
use crate::kernel::{self, Kernels, Real};

/// The weights as a matrix `[outputs, inputs]`.
fn matrix(axis: &Weighted, like: &Tensor) -> Result<Tensor> {
    let (inputs, outputs) = (axis.windows.inputs, axis.windows.ranges.len());
    let mut matrix = vec![0f64; outputs * inputs];
    let rows = matrix.chunks_mut(inputs).zip(&axis.windows.ranges);
    for ((row, range), weights) in rows.zip(&axis.weights) {
        row[range.clone()].copy_from_slice(weights);
    }
    let matrix = match like.dtype() {
        DType::F64 => Tensor::from_vec(matrix, (outputs, inputs), like.device())?,
        dtype => {
            let matrix: Vec<f32> = matrix.into_iter().map(|weight| weight as f32).collect();
            Tensor::from_vec(matrix, (outputs, inputs), like.device())?.to_dtype(dtype)?
        }
    };
    Ok(matrix)
}

/// `[N, C, H, W] -> [N, C, H', W']` with these weights along H and W.
pub(crate) fn combine(x: &Tensor, rows: Weighted, columns: Weighted) -> Result<Tensor> {
    if kernel::has_kernel(x) {
        graph::apply(Combine::new(rows, columns), &[x])
    } else {
        composed(x, &rows, &columns)
    }
}

/// The definition in candle's own operations, two matrix products: the kernel's reference, and what other devices run.
/// There an infinite element makes the other outputs of its row and column NaN, since it is multiplied by their zeros.
fn composed(x: &Tensor, rows: &Weighted, columns: &Weighted) -> Result<Tensor> {
    let (images, channels, height, width) = x.dims4()?;
    let (out_height, out_width) = (rows.windows.ranges.len(), columns.windows.ranges.len());
    let matrices = [matrix(rows, x)?, matrix(columns, x)?];
    let forward = |inputs: &[Tensor]| {
        let [x] = exactly(inputs)?;
        let [rows, columns] = &matrices;
        let y = multiplied(x, rows, columns)?;
        let shape = (images, channels, out_height, out_width);
        Ok((y.reshape(shape)?, matrices.clone()))
    };
    graph::define("pooling or upsampling", &[x], forward, move |known| {
        let [rows, columns] = known.kept;
        let dx = multiplied(known.dy, &rows.t()?, &columns.t()?)?;
        Ok(vec![Some(dx.reshape((images, channels, height, width))?)])
    })
}

/// R X Cᵀ of each plane X of x: `[N C, H', W']`.
fn multiplied(x: &Tensor, rows: &Tensor, columns: &Tensor) -> Result<Tensor> {
    let (_, _, height, width) = x.dims4()?;
    let (out_height, out_width) = (rows.dim(0)?, columns.dim(0)?);
    x.reshape(((), width))?
        .matmul(&columns.t()?)? // [N C H, W']
        .reshape(((), height, out_width))?
        .transpose(1, 2)?
        .reshape(((), height))?
        .matmul(&rows.t()?)? // [N C W', H']
        .reshape(((), out_width, out_height))?
        .transpose(1, 2)
}

impl Operation for Combine {
    type Kept<T: Real> = ();

    fn name(&self) -> &'static str {
        "pooling or upsampling"
    }

    fn forward<T: Kernels>(&self, inputs: &[Input<T>], _keeps: bool) -> Result<Outputs<T, ()>> {
        let [Input { data: x, dims: &[images, channels, ..], .. }] = *exactly(inputs)? else {
            bail!("pooling or upsampling: found an input without channels, wanted [N, C, H, W]");
        };
        let y = T::combined(self, x, images * channels);
        let (height, width) = self.output();
        Ok(Outputs::new(y, (images, channels, height, width)))
    }

    fn backward<T: Kernels>(&self, pass: Backward<T, ()>) -> Result<Vec<Gradient<T>>> {
        let Backward { inputs, dy, .. } = pass;
        let [x] = exactly(inputs)?;
        let planes = x.dims.iter().take(2).product();
        Ok(vec![Gradient::New(T::combined_gradient(self, dy, planes))])
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use d2l_kernels::windows::Windows;

    use super::*;
    use crate::testing::{check_gradients, filled};

    /// Uneven weights, even ones, and ranges that leave inputs out or share them.
    fn axes(inputs: usize) -> anyhow::Result<Vec<Weighted>> {
        let mut axes = Vec::new();
        for (kernel, stride, padding) in [(2, 2, 0), (3, 2, 1), (3, 1, 1), (1, 5, 0), (4, 3, 2)] {
            let windows = Windows::sliding(inputs, kernel, stride, padding, true)?;
            axes.push(Weighted::means(windows, |_, held| held));
        }
        let windows = Windows::adaptive(inputs, 4)?;
        let weights = windows.ranges.iter().enumerate();
        let weights = weights.map(|(o, range)| range.clone().map(|i| (1 + i + o) as f64).collect());
        let weights = weights.collect();
        axes.push(Weighted { windows, weights });
        Ok(axes)
    }

    #[test]
    fn gradients_are_right_and_the_kernel_and_the_definition_agree() -> anyhow::Result<()> {
        let x = Var::from_tensor(&filled((2, 7, 3, 6), 1, 2.0, DType::F64, &Device::Cpu)?)?;
        for pair in 0..axes(7)?.len() {
            let input = || x.narrow(0, 1, 1)?.transpose(1, 2); // [1, 3, 7, 6]
            let axis = |inputs| {
                axes(inputs)
                    .map(|mut axes| axes.swap_remove(pair))
                    .map_err(candle_core::Error::msg)
            };
            let kernel = || combine(&input()?, axis(7)?, axis(6)?);
            let definition = || composed(&input()?, &axis(7)?, &axis(6)?);
            let y = kernel()?;
            let difference = (&y - definition()?)?.abs()?.max_all()?.to_scalar::<f64>()?;
            assert!(difference < 1e-13, "axes {pair}: {difference}");
            let weights = filled(y.shape(), 2, 2.0, DType::F64, &Device::Cpu)?;
            let inputs = std::slice::from_ref(&x);
            check_gradients(inputs, || (kernel()? * &weights)?.sum_all(), 1e-7)?;
            check_gradients(inputs, || (definition()? * &weights)?.sum_all(), 1e-7)?;
        }
        Ok(())
    }
}
