//! A matrix that many small products share, packed once.
//!
//! A recurrent layer multiplies a few rows by the same weights at every time step. If the weights kept their own layout,
//! gemm would pack them anew each time, or read columns that lie a power of two apart and so push each other out of the
//! cache.

use crate::{Matrix, Real, add_product};

/// Columns of a panel: two registers' worth of tiles in gemm, few enough that it packs neither factor.
const WIDTH: usize = 48;

/// Rows of one product. Up to 64 rows and columns gemm cuts the inner dimension in the same places, whatever the rows.
const ROWS: usize = 64;

/// A matrix `[inner, columns]` as panels of some columns each, every panel row-major by itself.
pub struct Panels<T> {
    data: Vec<T>,
    inner: usize,
    columns: usize,
}

impl<T: Real> Panels<T> {
    /// The row-major matrix `[inner, columns]`.
    pub fn new(matrix: &[T], inner: usize, columns: usize) -> Self {
        let mut data = Vec::with_capacity(inner * columns);
        for start in (0..columns).step_by(WIDTH) {
            let end = columns.min(start + WIDTH);
            for row in matrix.chunks_exact(columns) {
                data.extend_from_slice(row.get(start..end).unwrap_or_default());
            }
        }
        Self { data, inner, columns }
    }

    /// The transpose of the row-major matrix `[columns, inner]`.
    pub fn of_transpose(matrix: &[T], columns: usize, inner: usize) -> Self {
        const BLOCK: usize = 16; // a cache line of f32: each is read once
        let mut data = vec![T::ZERO; inner * columns];
        let panels = data.chunks_mut((WIDTH * inner).max(1));
        for (panel, rows) in panels.zip(matrix.chunks((WIDTH * inner).max(1))) {
            let width = rows.len() / inner.max(1);
            for start in (0..inner).step_by(BLOCK) {
                for (j, row) in rows.chunks_exact(inner).enumerate() {
                    let entries = row.iter().skip(start).take(BLOCK);
                    let targets = panel.iter_mut().skip(start * width + j).step_by(width);
                    entries.zip(targets).for_each(|(&x, y)| *y = x);
                }
            }
        }
        Self { data, inner, columns }
    }

    /// C = C + A P on the calling thread: `rows` rows of `a`, `a_stride` entries from row to row, and of `c` likewise.
    ///
    /// A row's result does not depend on which rows are computed with it, as long as they are more than one.
    pub fn add_product(&self, rows: usize, (a, a_stride): (&[T], usize), c: (&mut [T], usize)) {
        if rows == 0 || self.inner == 0 {
            return;
        }
        let (c, c_stride) = c;
        let panels = self.data.chunks(WIDTH * self.inner);
        for (start, panel) in (0..self.columns).step_by(WIDTH).zip(panels) {
            let width = panel.len() / self.inner;
            let panel = Matrix::new(panel, self.inner, width);
            let mut row = 0;
            while row < rows {
                // never one row alone at the end
                let n = match rows - row {
                    rest if rest == ROWS + 1 => ROWS - 1,
                    rest => rest.min(ROWS),
                };
                let a = Matrix::strided(&a[row * a_stride..], n, self.inner, a_stride);
                add_product(a, panel, &mut c[row * c_stride + start..], c_stride);
                row += n;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_with_panels_are_products_with_the_matrix() {
        let number = |i: usize| (i * 37 % 101) as f64;
        for (rows, inner, columns) in [
            (1, 1, 1),
            (2, 3, 48),
            (65, 20, 49),
            (7, 0, 5),
            (130, 33, 100),
        ] {
            let a: Vec<f64> = (0..rows * (inner + 2)).map(number).collect();
            let b: Vec<f64> = (0..inner * columns).map(number).collect();
            let b_transposed: Vec<f64> = (0..inner * columns)
                .map(|i| b[i % inner * columns + i / inner])
                .collect();
            for panels in [
                Panels::new(&b, inner, columns),
                Panels::of_transpose(&b_transposed, columns, inner),
            ] {
                let stride = columns + 3;
                let mut c = vec![1.0; rows * stride];
                panels.add_product(rows, (&a, inner + 2), (&mut c, stride));
                for (i, &c) in c.iter().enumerate() {
                    let (row, column) = (i / stride, i % stride);
                    let sum: f64 = (0..inner)
                        .filter(|_| column < columns)
                        .map(|k| a[row * (inner + 2) + k] * b[k * columns + column])
                        .sum();
                    assert_eq!(
                        c,
                        1.0 + sum,
                        "[{rows}, {inner}, {columns}] at {row}, {column}"
                    );
                }
            }
        }
    }
}
