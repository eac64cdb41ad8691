//! Between numbers side by side and heads. D2L zh 10.5.2 (`transpose_qkv`, `transpose_output`), en 11.5.2.
//!
//! y[b, h, t, i] = x[b, t, h d + i] with d = width / heads, and back.

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CustomOp1, DType, Layout, Result, Shape, Tensor, WithDType, bail};
use rayon::prelude::*;

use crate::kernel::{self, Real, elements, pays_to_share};
use crate::node;
use crate::observe::{Sees, report};

/// `[B, T, width] -> [B, heads, T, width / heads]`: each head's part of every vector.
///
/// # Errors
/// Where `x` isn't of rank 3 or its width isn't a multiple of `heads`.
pub fn split_heads(x: &Tensor, heads: usize) -> Result<Tensor> {
    let (_, _, width) = x.dims3()?;
    if heads == 0 || width % heads != 0 {
        bail!("split_heads: found width {width}, wanted a multiple of the {heads} heads");
    }
    let y = if kernel::has_kernel(x) {
        node::apply1(Heads::Split(heads), x.contiguous()?)?
    } else {
        split(x, heads)?
    };
    report(x, &y, Sees::Same, 0);
    Ok(y)
}

/// `[B, heads, T, d] -> [B, T, heads · d]`: the heads' vectors side by side.
///
/// # Errors
/// Where `x` isn't of rank 4.
pub fn join_heads(x: &Tensor) -> Result<Tensor> {
    let (_, heads, _, _) = x.dims4()?;
    let y = if kernel::has_kernel(x) {
        node::apply1(Heads::Join(heads), x.contiguous()?)?
    } else {
        join(x)?
    };
    report(x, &y, Sees::Same, 0);
    Ok(y)
}

/// The definition of [`split_heads`] in candle's own operations: what other devices run.
fn split(x: &Tensor, heads: usize) -> Result<Tensor> {
    let (batch, steps, _) = x.dims3()?;
    x.reshape((batch, steps, heads, ()))?
        .transpose(1, 2)?
        .contiguous()
}

/// The definition of [`join_heads`] in candle's own operations: what other devices run.
fn join(x: &Tensor) -> Result<Tensor> {
    x.transpose(1, 2)?.flatten_from(2)
}

#[derive(Clone, Copy)]
enum Heads {
    Split(usize),
    Join(usize),
}

impl Heads {
    fn heads(self) -> usize {
        match self {
            Self::Split(heads) | Self::Join(heads) => heads,
        }
    }

    /// What takes the result back, and the gradient.
    fn inverse(self) -> Self {
        match self {
            Self::Split(heads) => Self::Join(heads),
            Self::Join(heads) => Self::Split(heads),
        }
    }

    /// The shape of the result.
    fn shape(self, dims: &[usize]) -> Result<Shape> {
        match (self, dims) {
            (Self::Split(heads), &[batch, steps, width]) => {
                Ok(Shape::from((batch, heads, steps, width / heads)))
            }
            (Self::Join(heads), &[batch, _, steps, d]) => {
                Ok(Shape::from((batch, steps, heads * d)))
            }
            _ => bail!("heads: found {dims:?}, wanted rank 3 to split and 4 to join"),
        }
    }

    /// `x`, examples of `steps` vectors of `width` numbers, in the other order.
    fn exchange<T: Real>(self, x: &[T], steps: usize, width: usize) -> Vec<T> {
        let d = width / self.heads();
        let mut y = vec![T::ZERO; x.len()];
        let one = |(x, y): (&[T], &mut [T])| match self {
            Self::Split(_) => {
                for (head, y) in y.chunks_exact_mut(steps * d).enumerate() {
                    for (x, y) in x.chunks_exact(width).zip(y.chunks_exact_mut(d)) {
                        y.copy_from_slice(&x[head * d..][..d]);
                    }
                }
            }
            Self::Join(_) => {
                for (head, x) in x.chunks_exact(steps * d).enumerate() {
                    for (x, y) in x.chunks_exact(d).zip(y.chunks_exact_mut(width)) {
                        y[head * d..][..d].copy_from_slice(x);
                    }
                }
            }
        };
        let example = steps * width;
        if pays_to_share(x.len()) {
            let pairs = x
                .par_chunks_exact(example)
                .zip(y.par_chunks_exact_mut(example));
            pairs.for_each(one);
        } else if example > 0 {
            let pairs = x.chunks_exact(example).zip(y.chunks_exact_mut(example));
            pairs.for_each(one);
        }
        y
    }
}

impl CustomOp1 for Heads {
    fn name(&self) -> &'static str {
        "heads"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let shape = self.shape(layout.dims())?;
        let (steps, width) = match self {
            Self::Split(_) => (layout.dims()[1], layout.dims()[2]),
            Self::Join(_) => (shape.dims()[1], shape.dims()[2]),
        };
        let y = match x.dtype() {
            DType::F32 => {
                f32::to_cpu_storage_owned(self.exchange(elements(x, layout)?, steps, width))
            }
            DType::F64 => {
                f64::to_cpu_storage_owned(self.exchange(elements(x, layout)?, steps, width))
            }
            other => bail!("{}: found {other:?}, wanted f32 or f64", self.name()),
        };
        Ok((y, shape))
    }

    fn bwd(&self, _x: &Tensor, _y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        Ok(Some(dy.contiguous()?.apply_op1_no_bwd(&self.inverse())?))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::*;
    use crate::testing::{check_gradients, filled};

    #[test]
    fn kernel_and_gradients_are_the_definitions() -> anyhow::Result<()> {
        for (batch, steps, heads, d) in [(1, 1, 1, 1), (2, 3, 4, 5), (2, 5, 3, 1), (9, 64, 4, 16)] {
            let shape = (batch, steps, heads * d);
            let x = Var::from_tensor(&filled(shape, 1, 1.0, DType::F64, &Device::Cpu)?)?;
            let of_heads = split_heads(&x, heads)?;
            assert_eq!(of_heads.dims(), [batch, heads, steps, d]);
            let equal = |x: &Tensor, y: &Tensor| -> Result<bool> {
                let gap = (x - y)?.abs()?.flatten_all()?.max(0)?;
                Ok(gap.to_scalar::<f64>()? == 0.0)
            };
            assert!(equal(&of_heads, &split(&x, heads)?)?);
            assert!(equal(&join_heads(&of_heads)?, &x)?);
            assert!(equal(&join(&of_heads)?, &x)?);
            let views = of_heads.transpose(1, 2)?.contiguous()?.transpose(1, 2)?;
            assert!(equal(&join_heads(&views)?, &x)?);
            if x.elem_count() < 200 {
                let factors = filled(shape, 2, 1.0, DType::F64, &Device::Cpu)?;
                let loss = || {
                    let squares = split_heads(&x, heads)?.sqr()?;
                    (join_heads(&squares)? * &factors)?.sum_all()
                };
                check_gradients(std::slice::from_ref(&x), loss, 1e-7)?;
            }
        }
        Ok(())
    }

    #[test]
    fn a_width_that_is_no_multiple_is_refused() -> Result<()> {
        let x = filled((2, 3, 10), 1, 1.0, DType::F32, &Device::Cpu)?;
        let message = split_heads(&x, 4).err().map(|error| error.to_string());
        assert!(
            message.is_some_and(|message| message.contains("found width 10, wanted a multiple"))
        );
        Ok(())
    }
}
