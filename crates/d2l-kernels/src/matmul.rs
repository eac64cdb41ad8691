//! Products of matrices, batch by batch: C = A B, where a factor may lie there as its transpose.

use rayon::prelude::*;

use crate::{Matrix, Real, multiply, multiply_shared, pays_to_share};

/// The sizes of `batch` products `[m, k]` · `[k, n]`.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Products.
    pub batch: usize,
    /// Rows of the first factor and of the product.
    pub m: usize,
    /// Terms of a sum.
    pub k: usize,
    /// Columns of the second factor and of the product.
    pub n: usize,
}

/// Which of the two factors lies there as its transpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transposed {
    /// None.
    Neither,
    /// The first.
    First,
    /// The second.
    Second,
}

/// The products, one behind the other.
pub fn products<T: Real>(a: &[T], b: &[T], sizes: Sizes, transposed: Transposed) -> Vec<T> {
    let Sizes { batch, m, k, n } = sizes;
    let mut c = vec![T::ZERO; batch * m * n];
    let one = |number: usize, c: &mut [T], multiply: fn(Matrix<T>, Matrix<T>, &mut [T], usize)| {
        let (a, b) = (&a[number * m * k..][..m * k], &b[number * k * n..][..k * n]);
        let a = match transposed {
            Transposed::First => Matrix::new(a, k, m).t(),
            _ => Matrix::new(a, m, k),
        };
        let b = match transposed {
            Transposed::Second => Matrix::new(b, n, k).t(),
            _ => Matrix::new(b, k, n),
        };
        multiply(a, b, c, n);
    };
    let each = (m * n).max(1);
    if batch > 1 && pays_to_share(batch * m * n * k) {
        let all = c.par_chunks_mut(each).enumerate();
        all.for_each(|(number, c)| one(number, c, multiply));
    } else {
        let all = c.chunks_mut(each).enumerate();
        all.for_each(|(number, c)| one(number, c, multiply_shared));
    }
    c
}
