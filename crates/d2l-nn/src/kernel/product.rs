//! The matrix product on slices: the one place that calls `gemm`.

#![expect(unsafe_code, reason = "gemm takes pointers")]

use super::Real;

/// A matrix in a slice: entry (i, j) lies at `i * row_stride + j * column_stride`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Matrix<'a, T> {
    data: &'a [T],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
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

/// C = A B, with C row-major and `row_stride` entries from row to row, on the calling thread.
pub(crate) fn multiply<T: Real>(a: Matrix<T>, b: Matrix<T>, c: &mut [T], row_stride: usize) {
    gemm(a, b, c, row_stride, false, 1);
}

/// C = C + A B, likewise.
pub(crate) fn add_product<T: Real>(a: Matrix<T>, b: Matrix<T>, c: &mut [T], row_stride: usize) {
    gemm(a, b, c, row_stride, true, 1);
}

/// C = A B, shared out to all threads. Every entry is summed in the same order on any number of them.
pub(crate) fn multiply_shared<T: Real>(a: Matrix<T>, b: Matrix<T>, c: &mut [T], row_stride: usize) {
    gemm(a, b, c, row_stride, false, rayon::current_num_threads());
}

/// C = C + A B, likewise.
pub(crate) fn add_product_shared<T: Real>(
    a: Matrix<T>,
    b: Matrix<T>,
    c: &mut [T],
    row_stride: usize,
) {
    gemm(a, b, c, row_stride, true, rayon::current_num_threads());
}

fn gemm<T: Real>(
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
    let parallelism = match threads {
        0 | 1 => gemm::Parallelism::None,
        threads => gemm::Parallelism::Rayon(threads),
    };
    // SAFETY: `Matrix` holds A and B within their slices, C was checked above, and `c` is borrowed alone. gemm is told
    // not to read C if nothing is added. T is f32 or f64, which gemm knows.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            c.as_mut_ptr(),
            1,
            row_stride as isize,
            adds,
            a.data.as_ptr(),
            a.column_stride as isize,
            a.row_stride as isize,
            b.data.as_ptr(),
            b.column_stride as isize,
            b.row_stride as isize,
            T::ONE, // times C
            T::ONE, // times A B
            false,
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
