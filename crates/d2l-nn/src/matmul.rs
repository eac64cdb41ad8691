//! Products of matrices, batch by batch. D2L zh 2.3.8 and 10.2.4, en 2.3.9 and 11.3.2.2.
//!
//! C = A B,   ∂l/∂A = ∂l/∂C Bᵀ,   ∂l/∂B = Aᵀ ∂l/∂C
//!
//! The order in which candle's own product adds its terms depends on the processor's caches and on the width of its
//! vectors. Here it doesn't: with the same numbers a layer gives the same bits on every processor that rounds a product
//! and a sum once (FMA).

use candle_core::{Result, Tensor, bail};
use d2l_kernels::matmul::{Sizes, Transposed};

use crate::graph::{self, Backward, Gradient, Input, Operation, Outputs, exactly};
use crate::kernel::{self, Kernels, Real};
use crate::precision;

/// `[…, m, k]` and `[…, k, n]` to `[…, m, n]`, with the same axes in front.
///
/// # Errors
/// If the shapes don't fit.
pub fn matmul(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let fit = match (a.dims(), b.dims()) {
        ([front @ .., _, k], [b_front @ .., rows, _]) => front == b_front && k == rows,
        _ => false,
    };
    if !fit || a.dtype() != b.dtype() {
        bail!(
            "matmul: found {:?} {:?} and {:?} {:?}, wanted […, m, k] and […, k, n] of one type",
            a.dims(),
            a.dtype(),
            b.dims(),
            b.dtype()
        );
    }
    if precision::narrows(a) {
        return precision::widened(&product(
            &precision::narrowed(a)?,
            &precision::narrowed(b)?,
        )?);
    }
    product(a, b)
}

fn product(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    if kernel::has_kernel(a) && kernel::has_kernel(b) {
        graph::apply(Product, &[a, b])
    } else {
        composed(a, b, false)
    }
}

/// A Bᵀ, of `[…, m, k]` and `[…, n, k]`, whose shapes and types fit.
pub(crate) fn with_transposed(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    match kernel::has_kernel(a) || precision::narrows(a) {
        true => matmul(a, &b.t()?),
        false => composed(a, b, true), // where the view would be an operation of candle's
    }
}

/// The definition in candle's own operations: the kernel's reference, and what other devices run. A B, or A Bᵀ.
fn composed(a: &Tensor, b: &Tensor, transposed: bool) -> Result<Tensor> {
    let forward = |inputs: &[Tensor]| {
        let [a, b] = exactly(inputs)?;
        let (a, b) = (a.contiguous()?, b.contiguous()?);
        let c = match transposed {
            true => a.matmul(&b.t()?)?,
            false => a.matmul(&b)?,
        };
        Ok((c, [a, b]))
    };
    graph::define("matmul", &[a, b], forward, move |known| {
        let ([a, b], dc) = (known.kept, known.dy);
        let (da, db) = match transposed {
            true => (
                known.wanted(0, || dc.matmul(b))?,
                known.wanted(1, || dc.t()?.matmul(a))?,
            ),
            false => (
                known.wanted(0, || dc.matmul(&b.t()?))?,
                known.wanted(1, || a.t()?.matmul(dc))?,
            ),
        };
        Ok(vec![da, db])
    })
}

struct Product;

impl Product {
    fn sizes(a: &[usize], b: &[usize]) -> Sizes {
        let last = |dims: &[usize], from_the_end: usize| dims[dims.len() - from_the_end];
        let (m, k, n) = (last(a, 2), last(a, 1), last(b, 1));
        Sizes { batch: a[..a.len() - 2].iter().product(), m, k, n }
    }
}

impl Operation for Product {
    type Kept<T: Real> = ();

    fn name(&self) -> &'static str {
        "matmul"
    }

    fn forward<T: Kernels>(&self, inputs: &[Input<T>], _keeps: bool) -> Result<Outputs<T, ()>> {
        let [a, b] = exactly(inputs)?;
        let sizes = Self::sizes(a.dims, b.dims);
        let c = T::products(a.data, b.data, sizes, Transposed::Neither);
        let front = &a.dims[..a.dims.len() - 2];
        Ok(Outputs::new(c, [front, &[sizes.m, sizes.n]].concat()))
    }

    fn backward<T: Kernels>(&self, pass: Backward<T, ()>) -> Result<Vec<Gradient<T>>> {
        let Backward { inputs, dy: dc, .. } = pass;
        let [a, b] = exactly(inputs)?;
        let Sizes { batch, m, k, n } = Self::sizes(a.dims, b.dims);
        let da = a.gradient(|| {
            let sizes = Sizes { batch, m, k: n, n: k };
            T::products(dc, b.data, sizes, Transposed::Second)
        });
        let db = b.gradient(|| {
            let sizes = Sizes { batch, m: k, k: m, n };
            T::products(a.data, dc, sizes, Transposed::First)
        });
        Ok(vec![da, db])
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Var};

    use super::*;
    use crate::testing::{check_gradients, filled, without_kernels};

    fn var(shape: &[usize], salt: u32) -> Result<Var> {
        Var::from_tensor(&filled(shape, salt, 2.0, DType::F64, &Device::Cpu)?)
    }

    #[test]
    fn it_is_the_definition_and_so_are_its_gradients() -> anyhow::Result<()> {
        for (a, b) in [
            (vec![2, 3], vec![3, 4]),
            (vec![1, 5], vec![5, 1]),
            (vec![2, 3, 4], vec![2, 4, 1]),
            (vec![2, 3, 1, 4], vec![2, 3, 4, 2]),
            (vec![70, 8, 8], vec![70, 8, 9]),
        ] {
            let (a, b) = (var(&a, 1)?, var(&b, 2)?);
            let gap =
                (matmul(&a, &b)? - a.as_tensor().detach().matmul(&b.as_tensor().detach())?)?;
            let gap = gap.abs()?.flatten_all()?.max(0)?.to_scalar::<f64>()?;
            assert!(gap < 1e-12, "{a:?} {b:?}: {gap}");
            if a.elem_count() < 100 {
                let inputs = [a.clone(), b.clone()];
                check_gradients(&inputs, || matmul(&a, &b)?.sqr()?.sum_all(), 1e-7)?;
                let definition = || without_kernels(|| matmul(&a, &b))?.sqr()?.sum_all();
                check_gradients(&inputs, definition, 1e-7)?;
            }
        }
        Ok(())
    }

    #[test]
    fn a_transpose_is_a_factor_too() -> anyhow::Result<()> {
        let (a, b) = (var(&[5, 3], 1)?, var(&[4, 5], 2)?);
        let product = || matmul(&a.t()?, &b.t()?)?.sqr()?.sum_all();
        check_gradients(&[a.clone(), b.clone()], product, 1e-7)?;
        let (a, b) = (var(&[2, 5, 3], 1)?, var(&[2, 4, 3], 2)?);
        let product = || with_transposed(&a, &b);
        let gap = (product()? - matmul(&a, &b.t()?)?)?.abs()?.max_all()?;
        assert_eq!(gap.to_scalar::<f64>()?, 0.0);
        let definition = || without_kernels(product)?.sqr()?.sum_all();
        check_gradients(&[a.clone(), b.clone()], definition, 1e-7)
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused() -> Result<()> {
        let (a, b) = (var(&[2, 3], 1)?, var(&[2, 3], 2)?);
        let error = matmul(&a, &b).expect_err("3 for 2").to_string();
        assert!(error.contains("found [2, 3] F64 and [2, 3] F64"), "{error}");
        Ok(())
    }
}
