//! Weighted sums of rows, then of columns: what average pooling and interpolation have in common.
//!
//! Y = R X Cᵀ for each plane X,   ∂l/∂X = Rᵀ ∂l/∂Y C
//!
//! Most entries of R and C are 0. The definition multiplies by them; the kernel visits only the ranges in which they
//! are not.

use candle_core::{DType, Result, Tensor, bail};

use crate::graph::{self, Gradient, Input, Operation, Outputs, Upstream, exactly};
use crate::kernel::{self, Real};
use crate::windows::{Run, Windows, for_planes};

/// The ranges along an axis and the weights in each.
pub(crate) struct Weighted {
    pub(crate) windows: Windows,
    pub(crate) weights: Vec<Vec<f64>>,
}

impl Weighted {
    /// Sums divided by `divisor(output, inputs in its range)`.
    pub(crate) fn means(windows: Windows, divisor: impl Fn(usize, usize) -> usize) -> Self {
        let weights = |(o, range): (usize, &std::ops::Range<usize>)| {
            vec![1.0 / divisor(o, range.len()) as f64; range.len()]
        };
        let weights = windows.ranges.iter().enumerate().map(weights).collect();
        Self { windows, weights }
    }

    /// The weights as a matrix `[outputs, inputs]`.
    fn matrix(&self, like: &Tensor) -> Result<Tensor> {
        let (inputs, outputs) = (self.windows.inputs, self.windows.ranges.len());
        let mut matrix = vec![0f64; outputs * inputs];
        let rows = matrix.chunks_mut(inputs).zip(&self.windows.ranges);
        for ((row, range), weights) in rows.zip(&self.weights) {
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
}

/// `[N, C, H, W] -> [N, C, H', W']` with these weights along H and W.
pub(crate) fn combine(x: &Tensor, rows: Weighted, columns: Weighted) -> Result<Tensor> {
    if kernel::has_kernel(x) {
        graph::apply(Combine::new(rows, columns), &[x])
    } else {
        composed(&graph::input(x), &rows, &columns)
    }
}

/// The definition in candle's own operations, two matrix products: the kernel's reference, and what other devices run.
/// There an infinite element makes the other outputs of its row and column NaN, since it is multiplied by their zeros.
fn composed(x: &Tensor, rows: &Weighted, columns: &Weighted) -> Result<Tensor> {
    let (images, channels, height, width) = x.dims4()?;
    let (out_height, out_width) = (rows.windows.ranges.len(), columns.windows.ranges.len());
    let planes = images * channels;
    x.reshape((planes * height, width))?
        .matmul(&columns.matrix(x)?.t()?)? // [N C H, W']
        .reshape((planes, height, out_width))?
        .transpose(1, 2)?
        .reshape((planes * out_width, height))?
        .matmul(&rows.matrix(x)?.t()?)? // [N C W', H']
        .reshape((planes, out_width, out_height))?
        .transpose(1, 2)?
        .reshape((images, channels, out_height, out_width))
}

struct Combine {
    rows: Weighted,
    columns: Weighted,
    /// The run of the columns, as far as all their ranges have the same weights.
    run: Run,
}

impl Combine {
    fn new(rows: Weighted, columns: Weighted) -> Self {
        let mut run = columns.windows.run();
        let weights = columns.weights.get(run.outputs.clone()).unwrap_or_default();
        let equal = |weights_o: &&Vec<f64>| Some(*weights_o) == weights.first();
        run.outputs.end = run.outputs.start + weights.iter().take_while(equal).count();
        if !(1..=4).contains(&run.stride) {
            run.outputs.end = run.outputs.start;
        }
        Self { rows, columns, run }
    }

    /// Y of each plane.
    fn combined<T: Real>(&self, x: &[T], planes: usize) -> Vec<T> {
        let (rows, columns) = (weights::<T>(&self.rows), weights::<T>(&self.columns));
        let (height, width) = (self.rows.windows.inputs, self.columns.windows.inputs);
        let out_width = columns.len();
        let mut y = vec![T::ZERO; planes * rows.len() * out_width];
        let some_planes = |x: &[T], y: &mut [T], _: &mut [()]| {
            let mut sum = vec![T::ZERO; width + self.run.stride];
            let planes = x.chunks_exact(height * width);
            for (x, y) in planes.zip(y.chunks_exact_mut(rows.len() * out_width)) {
                for ((first, weights), y) in rows.iter().zip(y.chunks_exact_mut(out_width)) {
                    let x = x[first * width..].chunks_exact(width);
                    for (i, (&weight, x)) in weights.iter().zip(x).enumerate() {
                        let sum = sum.iter_mut().zip(x);
                        if i == 0 {
                            sum.for_each(|(sum, &x)| *sum = weight * x);
                        } else {
                            sum.for_each(|(sum, &x)| *sum += weight * x);
                        }
                    }
                    self.along(&columns, &sum, y);
                }
            }
        };
        for_planes(planes, x, &mut y, &mut vec![(); planes], some_planes);
        y
    }

    /// The weighted sums of the columns of one row.
    fn along<T: Real>(&self, columns: &[(usize, Vec<T>)], x: &[T], y: &mut [T]) {
        let run = self.run.outputs.clone();
        let one_by_one = |outputs: std::ops::Range<usize>, y: &mut [T]| {
            for ((first, weights), y) in columns[outputs.clone()].iter().zip(&mut y[outputs]) {
                let mut sum = T::ZERO;
                for (&weight, &x) in weights.iter().zip(&x[*first..]) {
                    sum += weight * x;
                }
                *y = sum;
            }
        };
        one_by_one(0..run.start, y);
        one_by_one(run.end..columns.len(), y);
        let Some((_, weights)) = columns.get(run.start).filter(|_| !run.is_empty()) else {
            return;
        };
        for (tap, &weight) in weights.iter().enumerate() {
            let (x, y) = (&x[self.run.start + tap..], &mut y[run.clone()]);
            match self.run.stride {
                1 => add_strided::<T, 1>(x, y, weight, tap == 0),
                2 => add_strided::<T, 2>(x, y, weight, tap == 0),
                3 => add_strided::<T, 3>(x, y, weight, tap == 0),
                _ => add_strided::<T, 4>(x, y, weight, tap == 0),
            }
        }
    }

    /// ∂l/∂X of each plane.
    fn gradient<T: Real>(&self, dy: &[T], planes: usize) -> Vec<T> {
        let (rows, columns) = (weights::<T>(&self.rows), weights::<T>(&self.columns));
        let (height, width) = (self.rows.windows.inputs, self.columns.windows.inputs);
        let (out_height, out_width) = (rows.len(), columns.len());
        let mut dx = vec![T::ZERO; planes * height * width];
        let some_planes = |dy: &[T], dx: &mut [T], _: &mut [()]| {
            let mut row = vec![T::ZERO; width + self.run.stride];
            let planes = dy.chunks_exact(out_height * out_width);
            for (dy, dx) in planes.zip(dx.chunks_exact_mut(height * width)) {
                for ((first, weights), dy) in rows.iter().zip(dy.chunks_exact(out_width)) {
                    row.fill(T::ZERO);
                    self.spread(&columns, dy, &mut row);
                    let dx = dx[first * width..].chunks_exact_mut(width);
                    for (&weight, dx) in weights.iter().zip(dx) {
                        let dx = dx.iter_mut().zip(&row);
                        dx.for_each(|(dx, &row)| *dx += weight * row);
                    }
                }
            }
        };
        for_planes(planes, dy, &mut dx, &mut vec![(); planes], some_planes);
        dx
    }

    /// The transpose of [`Self::along`].
    fn spread<T: Real>(&self, columns: &[(usize, Vec<T>)], dy: &[T], dx: &mut [T]) {
        let run = self.run.outputs.clone();
        let mut one_by_one = |outputs: std::ops::Range<usize>| {
            for ((first, weights), &dy) in columns[outputs.clone()].iter().zip(&dy[outputs]) {
                for (&weight, dx) in weights.iter().zip(&mut dx[*first..]) {
                    *dx += weight * dy;
                }
            }
        };
        one_by_one(0..run.start);
        one_by_one(run.end..columns.len());
        let Some((_, weights)) = columns.get(run.start).filter(|_| !run.is_empty()) else {
            return;
        };
        for (tap, &weight) in weights.iter().enumerate() {
            let (dx, dy) = (&mut dx[self.run.start + tap..], &dy[run.clone()]);
            match self.run.stride {
                1 => spread_strided::<T, 1>(dy, dx, weight),
                2 => spread_strided::<T, 2>(dy, dx, weight),
                3 => spread_strided::<T, 3>(dy, dx, weight),
                _ => spread_strided::<T, 4>(dy, dx, weight),
            }
        }
    }
}

/// First input and weights of each range, in the kernel's type.
fn weights<T: Real>(axis: &Weighted) -> Vec<(usize, Vec<T>)> {
    let convert = |weights: &Vec<f64>| weights.iter().map(|&weight| T::from_f64(weight)).collect();
    let ranges = axis.windows.ranges.iter().zip(&axis.weights);
    ranges
        .map(|(range, weights)| (range.start, convert(weights)))
        .collect()
}

fn add_strided<T: Real, const STRIDE: usize>(x: &[T], y: &mut [T], weight: T, first: bool) {
    let pairs = y.iter_mut().zip(x.as_chunks::<STRIDE>().0);
    if first {
        pairs.for_each(|(y, x)| *y = weight * x[0]);
    } else {
        pairs.for_each(|(y, x)| *y += weight * x[0]);
    }
}

fn spread_strided<T: Real, const STRIDE: usize>(dy: &[T], dx: &mut [T], weight: T) {
    let pairs = dx.as_chunks_mut::<STRIDE>().0.iter_mut().zip(dy);
    pairs.for_each(|(dx, &dy)| dx[0] += weight * dy);
}

impl Operation for Combine {
    type Kept<T: Real> = ();

    fn name(&self) -> &'static str {
        "pooling or upsampling"
    }

    fn forward<T: Real>(&self, inputs: &[Input<T>], _keeps: bool) -> Result<Outputs<T, ()>> {
        let [Input { data: x, dims: &[images, channels, ..], .. }] = *exactly(inputs)? else {
            bail!("pooling or upsampling: found an input without channels, wanted [N, C, H, W]");
        };
        let y = self.combined(x, images * channels);
        let (height, width) = (self.rows.weights.len(), self.columns.weights.len());
        Ok(Outputs::new(y, (images, channels, height, width)))
    }

    fn backward<T: Real>(
        &self,
        inputs: &[Input<T>],
        upstream: Upstream<T>,
        _kept: (),
    ) -> Result<Vec<Gradient<T>>> {
        let [x] = exactly(inputs)?;
        let planes = x.dims.iter().take(2).product();
        Ok(vec![Gradient::New(self.gradient(upstream.dy, planes))])
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::*;
    use crate::testing::{check_gradients, filled};

    /// Uneven weights, even ones, and ranges that leave inputs out or share them.
    fn axes(inputs: usize) -> Result<Vec<Weighted>> {
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
            let axis = |inputs| Ok::<_, candle_core::Error>(axes(inputs)?.swap_remove(pair));
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
