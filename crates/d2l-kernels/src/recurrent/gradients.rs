//! The gradients of the parameters, from those of the gates at all time steps.

use rayon::prelude::*;

use super::cell::{Cell, LastGate, Rows};
use super::rows::{Inputs, Sizes};
use super::steps::Steps;
use crate::{Matrix, Real, add_product_shared, multiply_shared, pays_to_share, widest};

/// The gradients of w_ih, w_hh, bias and further, from those of the gates.
pub fn of_parameters<C: Cell, T: Real>(
    steps_of: &Steps<C>,
    inputs: &Inputs<T>,
    d_gates: &[T],
    more: &[T],
    y: &[T],
) -> [Vec<T>; 4] {
    let Sizes { steps, batch, input, hidden, gates } = inputs.sizes;
    let mut of_w_ih = vec![T::ZERO; gates * input];
    let mut of_w_hh = vec![T::ZERO; gates * hidden];
    let rows = steps * batch;
    let x = Matrix::new(inputs.x, rows, input);
    let d = Matrix::new(d_gates, rows, gates);
    multiply_shared(d.t(), x, &mut of_w_ih, input);

    let first = steps_of.first_gates(inputs.sizes);
    let (of_first, of_last) = of_w_hh.split_at_mut(first * hidden);
    product_with_h(
        steps_of.reverse,
        inputs,
        y,
        (d_gates, gates, first),
        of_first,
    );
    match steps_of.cell.last_gate() {
        LastGate::Added => {}
        LastGate::ResetAfter => {
            product_with_h(steps_of.reverse, inputs, y, (more, hidden, hidden), of_last)
        }
        LastGate::ResetBefore => {
            let d_last = d_gates.get(first..).unwrap_or_default();
            let d_last = Matrix::strided(d_last, rows, hidden, gates).t();
            multiply_shared(d_last, Matrix::new(more, rows, hidden), of_last, hidden);
        }
    }
    let of_further = steps_of.cell.further_gradient(Rows {
        hidden,
        d_gates,
        kept: more,
        c_before: Box::new(|row| {
            let (t, example) = (row / batch, row % batch);
            let start = match t {
                t if t == (if steps_of.reverse { steps - 1 } else { 0 }) => {
                    return &inputs.c[example * hidden..][..hidden];
                }
                t if steps_of.reverse => (t + 1) * batch + example,
                t => (t - 1) * batch + example,
            };
            &more[start * hidden..][..hidden]
        }),
    });
    [of_w_ih, of_w_hh, column_sums(d_gates, gates), of_further]
}

/// Σ over all rows of all steps of dᵀ h_before, where a row of d is the first `columns` of `width` numbers.
fn product_with_h<T: Real>(
    reverse: bool,
    inputs: &Inputs<T>,
    y: &[T],
    (d, width, columns): (&[T], usize, usize),
    product: &mut [T],
) {
    let Sizes { steps, batch, hidden, .. } = inputs.sizes;
    let later = (steps - 1) * batch;
    let (d_first, d_later, before) = if reverse {
        (&d[later * width..], d, &y[batch * hidden..])
    } else {
        (d, &d[batch * width..], y)
    };
    let d_later = Matrix::strided(d_later, later, columns, width).t();
    multiply_shared(d_later, Matrix::new(before, later, hidden), product, hidden);
    let d_first = Matrix::strided(d_first, batch, columns, width).t();
    add_product_shared(
        d_first,
        Matrix::new(inputs.h, batch, hidden),
        product,
        hidden,
    );
}

/// The column sums of a row-major matrix: over 16 rows at a time, and over these sums in f64.
pub fn column_sums<T: Real>(x: &[T], columns: usize) -> Vec<T> {
    const ROWS: usize = 16;
    const ROWS_OF_A_PIECE: usize = 1024;
    let piece = |rows: &[T]| {
        let mut sums = vec![0f64; columns];
        let mut block_sums = vec![T::ZERO; columns];
        widest(
            #[inline(always)]
            || {
                for block in rows.chunks(ROWS * columns) {
                    block_sums.fill(T::ZERO);
                    for row in block.chunks_exact(columns) {
                        block_sums
                            .iter_mut()
                            .zip(row)
                            .for_each(|(sum, &x)| *sum += x);
                    }
                    sums.iter_mut()
                        .zip(&block_sums)
                        .for_each(|(sum, x)| *sum += x.to_f64());
                }
            },
        );
        sums
    };
    let pieces: Vec<Vec<f64>> = if pays_to_share(x.len()) {
        x.par_chunks(ROWS_OF_A_PIECE * columns).map(piece).collect()
    } else {
        x.chunks(ROWS_OF_A_PIECE * columns).map(piece).collect()
    };
    let mut sums = vec![0f64; columns];
    for piece in pieces {
        sums.iter_mut().zip(piece).for_each(|(sum, x)| *sum += x);
    }
    sums.into_iter().map(T::from_f64).collect()
}
