//! Exchanges two axes and writes the result out: time steps and examples, or time steps and heads.
//!
//! y[o, j, i, …] = x[o, i, j, …];   ∂l/∂x is ∂l/∂y with the axes exchanged back
//!
//! ```text
//! [[a b c]        [[a d]
//!  [d e f]]   ->   [b e]      where each letter is a run of numbers that stay together
//!                  [c f]]
//! ```
//!
//! The kernel copies runs on all threads; candle's copy, the definition, is on one.

use candle_core::{Result, Shape, Tensor};
use rayon::prelude::*;

use crate::graph::{self, Backward, Gradient, Input, Operation, Outputs, exactly};
use crate::kernel::{self, Kernels, Real, pays_to_share};
use crate::observe::report_path;

/// `[T, B, F] -> [B, T, F]`: examples first instead of time steps, or back again. As `x.transpose(0, 1)?.contiguous()`
/// in candle, but on all threads and without sums of gradients as large as x.
///
/// # Errors
/// If `x` isn't of rank 3.
pub fn batch_first(x: &Tensor) -> Result<Tensor> {
    let (steps, batch, features) = x.dims3()?;
    let y = if kernel::has_kernel(x) {
        exchange(x, [steps, batch, features], (batch, steps, features))?
    } else {
        transposed("batch_first", x, 0)?
    };
    report_path(&[x], &y);
    Ok(y)
}

/// x with the axes `axis` and `axis` + 1 exchanged and written out, in candle's own operations: what other devices run.
pub(crate) fn transposed(name: &'static str, x: &Tensor, axis: usize) -> Result<Tensor> {
    let forward = |inputs: &[Tensor]| {
        let [x] = exactly(inputs)?;
        Ok((x.transpose(axis, axis + 1)?.contiguous()?, []))
    };
    graph::define(name, &[x], forward, move |known| {
        Ok(vec![Some(
            known.dy.transpose(axis, axis + 1)?.contiguous()?,
        )])
    })
}

/// x, read as `[…, first, second, run]`, becomes `[…, second, first, run]`, of the shape `shape`. On the CPU.
pub(crate) fn exchange(
    x: &Tensor,
    [first, second, run]: [usize; 3],
    shape: impl Into<Shape>,
) -> Result<Tensor> {
    let op = Exchange { sizes: [first, second, run], shape: shape.into() };
    graph::apply(op, &[x])
}

struct Exchange {
    /// [first, second, run]
    sizes: [usize; 3],
    shape: Shape,
}

/// x `[…, first, second, run]` as `[…, second, first, run]`.
fn exchanged<T: Real>(x: &[T], [first, second, run]: [usize; 3]) -> Vec<T> {
    let mut y = vec![T::ZERO; x.len()];
    let one = |(number, y): (usize, &mut [T])| {
        let (outer, j) = (number / second, number % second);
        for (i, y) in y.chunks_exact_mut(run).enumerate() {
            y.copy_from_slice(&x[((outer * first + i) * second + j) * run..][..run]);
        }
    };
    let size = (first * run).max(1);
    if pays_to_share(x.len()) {
        let parts = y.par_chunks_exact_mut(size).enumerate();
        parts
            .with_min_len((kernel::CHUNK / size).max(1))
            .for_each(one);
    } else {
        y.chunks_exact_mut(size).enumerate().for_each(one);
    }
    y
}

impl Operation for Exchange {
    type Kept<T: Real> = ();

    fn name(&self) -> &'static str {
        "exchange"
    }

    fn forward<T: Kernels>(&self, inputs: &[Input<T>], _keeps: bool) -> Result<Outputs<T, ()>> {
        let [x] = exactly(inputs)?;
        let y = exchanged(x.data, self.sizes);
        Ok(Outputs::new(y, self.shape.clone()))
    }

    fn backward<T: Kernels>(&self, pass: Backward<T, ()>) -> Result<Vec<Gradient<T>>> {
        let Backward { dy, .. } = pass;
        let [first, second, run] = self.sizes;
        let dx = exchanged(dy, [second, first, run]);
        Ok(vec![Gradient::New(dx)])
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Var};

    use super::*;
    use crate::testing::{check_gradients, filled};

    #[test]
    fn kernel_and_gradients_are_the_definitions() -> anyhow::Result<()> {
        for shape in [(1, 1, 1), (3, 4, 5), (5, 3, 1), (64, 33, 17)] {
            let x = Var::from_tensor(&filled(shape, 1, 1.0, DType::F64, &Device::Cpu)?)?;
            let flat = |x: &Tensor| x.flatten_all()?.to_vec1::<f64>();
            let y = batch_first(&x)?;
            assert_eq!(y.dims(), [shape.1, shape.0, shape.2]);
            assert_eq!(flat(&y)?, flat(&x.transpose(0, 1)?)?);
            assert_eq!(flat(&batch_first(&x.transpose(0, 1)?)?)?, flat(&x)?);
            if x.elem_count() < 200 {
                let factors = filled(y.shape(), 2, 1.0, DType::F64, &Device::Cpu)?;
                let loss = || (batch_first(&x)?.sqr()? * &factors)?.sum_all();
                check_gradients(std::slice::from_ref(&x), loss, 1e-7)?;
            }
        }
        Ok(())
    }

    #[test]
    fn nothing_of_something_is_nothing() -> Result<()> {
        let x = Tensor::zeros((4, 0, 3), DType::F32, &Device::Cpu)?;
        assert_eq!(batch_first(&x)?.dims(), [0, 4, 3]);
        let x = Tensor::zeros((4, 3, 0), DType::F32, &Device::Cpu)?;
        assert_eq!(batch_first(&x)?.dims(), [3, 4, 0]);
        assert!(batch_first(&x.get(0)?).is_err());
        Ok(())
    }
}
