//! The matrix product on slices: the one place that calls `gemm`, by its kernels for f32 and f64.

#![expect(unsafe_code, reason = "gemm takes pointers")]

use std::borrow::Cow;

use gemm_common::Parallelism;

use crate::Real;
use crate::vector_product::vector_product;

/// A matrix in a slice: entry (i, j) lies at `i * row_stride + j * column_stride`.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a, T> {
    pub(super) data: &'a [T],
    rows: usize,
    columns: usize,
    pub(super) row_stride: usize,
    pub(super) column_stride: usize,
}

impl<'a, T: Real> Matrix<'a, T> {
    /// A row-major matrix, `columns` entries from row to row.
    pub fn new(data: &'a [T], rows: usize, columns: usize) -> Self {
        Self::strided(data, rows, columns, columns)
    }

    /// A row-major matrix, `row_stride` entries from row to row.
    ///
    /// # Panics
    /// If the slice doesn't hold all entries: a mistake in a kernel.
    pub fn strided(data: &'a [T], rows: usize, columns: usize, row_stride: usize) -> Self {
        assert!(
            rows == 0 || columns == 0 || (rows - 1) * row_stride + columns <= data.len(),
            "a matrix [{rows}, {columns}] with {row_stride} entries from row to row in a slice of {}",
            data.len()
        );
        Self { data, rows, columns, row_stride, column_stride: 1 }
    }

    /// Some of the rows.
    fn part(self, rows: std::ops::Range<usize>) -> Self {
        let data = &self.data[rows.start * self.row_stride..];
        Self { data, rows: rows.len(), ..self }
    }

    /// The entries of the first column.
    fn column(self) -> Cow<'a, [T]> {
        match self.row_stride {
            1 => Cow::Borrowed(&self.data[..self.rows]),
            stride => self
                .data
                .iter()
                .step_by(stride)
                .take(self.rows)
                .copied()
                .collect(),
        }
    }

    /// The transpose, without a copy.
    pub fn t(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }
}

/// Terms of a piece of a sum. gemm cuts a sum where its caches are full, which is never below 512 terms.
const PIECE: usize = 512;

/// Up to so many entries of C, each is a product of vectors if these lie in one piece: gemm would have to copy both
/// factors first.
const FEW: usize = 256;

/// C = A B, with C row-major and `row_stride` entries from row to row, on the calling thread.
pub fn multiply<T: Real>(a: Matrix<T>, b: Matrix<T>, c: &mut [T], row_stride: usize) {
    product(a, b, c, row_stride, false, 1);
}

/// C = C + A B, likewise.
pub fn add_product<T: Real>(a: Matrix<T>, b: Matrix<T>, c: &mut [T], row_stride: usize) {
    product(a, b, c, row_stride, true, 1);
}

/// C = A B, shared out to all threads. Every entry is summed in the same order on any number of them.
pub fn multiply_shared<T: Real>(a: Matrix<T>, b: Matrix<T>, c: &mut [T], row_stride: usize) {
    product(a, b, c, row_stride, false, rayon::current_num_threads());
}

/// C = C + A B, likewise.
pub fn add_product_shared<T: Real>(a: Matrix<T>, b: Matrix<T>, c: &mut [T], row_stride: usize) {
    product(a, b, c, row_stride, true, rayon::current_num_threads());
}

/// The order of the sums is fixed here, so that processors with other caches and other vectors give the same bits.
fn product<T: Real>(
    a: Matrix<T>,
    b: Matrix<T>,
    c: &mut [T],
    row_stride: usize,
    adds: bool,
    threads: usize,
) {
    let (m, k, n) = (a.rows, a.columns, b.columns);
    assert_eq!(k, b.rows, "inner dimensions of a product");
    if m == 0 || n == 0 {
        return;
    }
    assert!(
        n <= row_stride && (m - 1) * row_stride + n <= c.len(),
        "a product [{m}, {n}] with {row_stride} entries from row to row into a slice of {}",
        c.len()
    );
    if k == 0 {
        if !adds {
            c.chunks_mut(row_stride)
                .take(m)
                .for_each(|row| row[..n].fill(T::ZERO));
        }
    } else if m == 1 {
        vector_product(&a.t().column(), b.t(), &mut c[..n], adds, threads);
    } else if n == 1 && row_stride == 1 {
        vector_product(&b.column(), a, &mut c[..m], adds, threads);
    } else if m * n <= FEW && a.column_stride == 1 && b.row_stride == 1 {
        for (row, c) in c.chunks_mut(row_stride).take(m).enumerate() {
            let row = &a.data[row * a.row_stride..][..k];
            vector_product(row, b.t(), &mut c[..n], adds, 1);
        }
    } else {
        let piece = k.div_ceil(k.div_ceil(PIECE));
        for start in (0..k).step_by(piece) {
            let terms = start..k.min(start + piece);
            let (a, b) = (a.t().part(terms.clone()).t(), b.part(terms));
            gemm(a, b, c, row_stride, adds || start > 0, threads);
        }
    }
}

/// C = A B or C = C + A B by gemm, where no sum is longer than a [`PIECE`] and C is no vector.
fn gemm<T: Real>(
    a: Matrix<T>,
    b: Matrix<T>,
    c: &mut [T],
    row_stride: usize,
    adds: bool,
    threads: usize,
) {
    let parallelism = match threads {
        0 | 1 => Parallelism::None,
        threads => Parallelism::Rayon(threads),
    };
    // gemm sums small products in as many parts as a vector has lanes, which differs between processors; but not if it
    // is asked for the conjugate of C. A real number is its own.
    const CONJUGATE: bool = true;
    // SAFETY: `Matrix` holds A and B within their slices, `product` has checked C, and `c` is borrowed alone. gemm is
    // told not to read C if nothing is added. It wants columns of C in one piece: those of Cᵀ = Bᵀ Aᵀ are.
    unsafe {
        T::gemm()(
            b.columns,
            a.rows,
            a.columns,
            c.as_mut_ptr(),
            row_stride as isize,
            1,
            adds,
            b.data.as_ptr(),
            b.row_stride as isize,
            b.column_stride as isize,
            a.data.as_ptr(),
            a.row_stride as isize,
            a.column_stride as isize,
            T::ONE, // times C
            T::ONE, // times A B
            CONJUGATE,
            false,
            false,
            parallelism,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(a: Matrix<f64>, b: Matrix<f64>) -> Vec<f64> {
        let at =
            |x: &Matrix<f64>, i: usize, j: usize| x.data[i * x.row_stride + j * x.column_stride];
        (0..a.rows * b.columns)
            .map(|ij| {
                let (i, j) = (ij / b.columns, ij % b.columns);
                (0..a.columns).map(|k| at(&a, i, k) * at(&b, k, j)).sum()
            })
            .collect()
    }

    #[test]
    fn products_of_parts_and_transposes_are_right_and_touch_nothing_else() {
        let data: Vec<f64> = (0..200).map(|i| f64::from(i * 37 % 101)).collect();
        for (m, k, n) in [(1, 1, 1), (3, 4, 5), (7, 2, 9), (2, 0, 3)] {
            let a = [
                Matrix::strided(&data, m, k, k + 3),
                Matrix::new(&data, k, m).t(),
            ];
            let b = [
                Matrix::strided(&data[7..], k, n, n + 1),
                Matrix::strided(&data, n, k, k + 2).t(),
            ];
            for a in a {
                for b in b {
                    let stride = n + 2;
                    let wanted = plain(a, b);
                    let mut c = vec![f64::NAN; m * stride];
                    multiply(a, b, &mut c, stride);
                    for (i, &c) in c.iter().enumerate() {
                        match i % stride {
                            j if j < n => assert_eq!(c, wanted[i / stride * n + j]),
                            _ => assert!(c.is_nan()),
                        }
                    }
                    add_product(a, b, &mut c, stride);
                    add_product_shared(a, b, &mut c, stride);
                    assert_eq!(c[0], 3.0 * wanted[0]);
                    multiply_shared(a, b, &mut c, stride);
                    assert_eq!(c[0], wanted[0]);
                }
            }
        }
    }

    /// Term by term, in pieces, each term rounded once.
    fn in_order(a: Matrix<f32>, b: Matrix<f32>, c: &mut [f32], adds: bool) {
        let piece = a.columns.div_ceil(a.columns.div_ceil(PIECE));
        let at =
            |x: &Matrix<f32>, i: usize, j: usize| x.data[i * x.row_stride + j * x.column_stride];
        for (place, c) in c.iter_mut().enumerate() {
            let (i, j) = (place / b.columns, place % b.columns);
            let mut total = adds.then_some(*c);
            for start in (0..a.columns).step_by(piece) {
                let terms = start..a.columns.min(start + piece);
                let sum = terms.fold(0f32, |sum, k| at(&a, i, k).mul_add(at(&b, k, j), sum));
                total = Some(total.map_or(sum, |total| total + sum));
            }
            *c = total.unwrap_or_default();
        }
    }

    /// gemm's kernels for small and for large products, for either layout of the factors, on one thread and on several,
    /// all add up in this order; left out are those that are products of vectors. It doesn't depend on the processor, as long as that rounds a product and a sum once.
    #[test]
    fn sums_have_one_order() {
        #[cfg(target_arch = "x86_64")]
        if !std::arch::is_x86_feature_detected!("fma") {
            return;
        }
        for [m, k, n] in [
            [2, 1, 2],
            [2, 2, 3],
            [4, 9, 4],
            [10, 8, 10],
            [16, 300, 16],
            [7, 512, 5],
            [7, 513, 5],
            [64, 100, 10],
            [33, 1100, 65],
            [130, 70, 200],
        ] {
            let numbers = |count: usize, salt: usize| -> Vec<f32> {
                (0..count)
                    .map(|i| ((i * 31 + salt) % 97) as f32 / 13.0 - 3.7)
                    .collect()
            };
            let (a, b) = (numbers(m * k, 1), numbers(k * n, 2));
            for a in [Matrix::new(&a, m, k), Matrix::new(&a, k, m).t()] {
                for b in [Matrix::new(&b, k, n), Matrix::new(&b, n, k).t()] {
                    if m * n <= FEW && a.column_stride == 1 && b.row_stride == 1 {
                        continue;
                    }
                    let (mut wanted, mut c) = (vec![0.5; m * n], vec![0.5; m * n]);
                    for multiply in [multiply::<f32>, multiply_shared::<f32>] {
                        multiply(a, b, &mut c, n);
                        in_order(a, b, &mut wanted, false);
                        assert_eq!(c, wanted, "[{m}, {k}, {n}]");
                    }
                    for add in [add_product::<f32>, add_product_shared::<f32>] {
                        add(a, b, &mut c, n);
                        in_order(a, b, &mut wanted, true);
                        assert_eq!(c, wanted, "[{m}, {k}, {n}], added");
                    }
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "a matrix [3, 4] with 5 entries from row to row in a slice of 13")]
    fn a_matrix_lies_within_its_slice() {
        Matrix::strided(&[0f32; 13], 3, 4, 5);
    }

    #[test]
    #[should_panic(expected = "a product [2, 3] with 3 entries from row to row into a slice of 5")]
    fn a_product_lies_within_its_slice() {
        let (a, b) = ([0f32; 2], [0f32; 3]);
        multiply(
            Matrix::new(&a, 2, 1),
            Matrix::new(&b, 1, 3),
            &mut [0.0; 5],
            3,
        );
    }
}
