//! Splits vectors into heads and joins them. D2L zh 10.5.2 (`transpose_qkv`, `transpose_output`), en 11.5.2.
//!
//! y[b, h, t, i] = x[b, t, h d + i] with d = width / heads, and back.

use candle_core::{Result, Tensor, bail};

use crate::exchange::exchange;
use crate::graph::{self, exactly};
use crate::kernel;
use crate::observe::report_path;

/// `[B, T, width] -> [B, heads, T, width / heads]`: each head's part of every vector.
///
/// # Errors
/// If `x` isn't of rank 3 or its width isn't a multiple of `heads`.
pub fn split_heads(x: &Tensor, heads: usize) -> Result<Tensor> {
    let (batch, steps, width) = x.dims3()?;
    if heads == 0 || width % heads != 0 {
        bail!("split_heads: found width {width}, wanted a multiple of the {heads} heads");
    }
    let y = if kernel::has_kernel(x) {
        let d = width / heads;
        exchange(x, [steps, heads, d], (batch, heads, steps, d))?
    } else {
        split(x, heads)?
    };
    report_path(&[x], &y);
    Ok(y)
}

/// `[B, heads, T, d] -> [B, T, heads · d]`: the heads' vectors side by side.
///
/// # Errors
/// If `x` isn't of rank 4.
pub fn join_heads(x: &Tensor) -> Result<Tensor> {
    let (batch, heads, steps, d) = x.dims4()?;
    let y = if kernel::has_kernel(x) {
        exchange(x, [heads, steps, d], (batch, steps, heads * d))?
    } else {
        join(x)?
    };
    report_path(&[x], &y);
    Ok(y)
}

/// The definition of [`split_heads`] in candle's own operations: what other devices run.
fn split(x: &Tensor, heads: usize) -> Result<Tensor> {
    let forward = |inputs: &[Tensor]| {
        let [x] = exactly(inputs)?;
        Ok((apart(x, heads)?, []))
    };
    graph::define("split_heads", &[x], forward, |known| {
        Ok(vec![Some(together(known.dy)?)])
    })
}

fn apart(x: &Tensor, heads: usize) -> Result<Tensor> {
    let (batch, steps, _) = x.dims3()?;
    x.reshape((batch, steps, heads, ()))?
        .transpose(1, 2)?
        .contiguous()
}

/// The definition of [`join_heads`] in candle's own operations: what other devices run.
fn join(x: &Tensor) -> Result<Tensor> {
    let forward = |inputs: &[Tensor]| {
        let [x] = exactly(inputs)?;
        Ok((together(x)?, []))
    };
    let heads = x.dim(1)?;
    graph::define("join_heads", &[x], forward, move |known| {
        Ok(vec![Some(apart(known.dy, heads)?)])
    })
}

fn together(x: &Tensor) -> Result<Tensor> {
    x.transpose(1, 2)?.flatten_from(2)
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Var};

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
