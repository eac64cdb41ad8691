//! The matrices of F(4, 3), each as the function that multiplies by it: for eight channels side by side, and in both
//! directions of a tile.
//!
//! ```text
//!      ⎡4  0 -5  0 1 0⎤       ⎡ 1/4    0     0 ⎤       ⎡1 1  1 1  1 0⎤
//!      ⎢0 -4 -4  1 1 0⎥       ⎢-1/6  -1/6  -1/6⎥       ⎢0 1 -1 2 -2 0⎥
//! Bᵀ = ⎢0  4 -4 -1 1 0⎥   G = ⎢-1/6   1/6  -1/6⎥  Aᵀ = ⎢0 1  1 4  4 0⎥
//!      ⎢0 -2 -1  2 1 0⎥       ⎢1/24  1/12   1/6⎥       ⎣0 1 -1 8 -8 1⎦
//!      ⎢0  2 -1 -2 1 0⎥       ⎢1/24 -1/12   1/6⎥
//!      ⎣0  4  0 -5 0 1⎦       ⎣  0     0     1 ⎦
//! ```

use std::array::from_fn;

use crate::Real;

/// Channels that go through a transform side by side.
pub(super) const LANES: usize = 8;

/// The same entry of a tile in several channels.
pub(super) type Lanes<T> = [T; LANES];

/// Eight numbers from `start` on.
#[inline(always)]
pub(super) fn load<T: Real>(numbers: &[T], start: usize) -> Lanes<T> {
    let mut lanes = [T::ZERO; LANES];
    lanes.copy_from_slice(&numbers[start..start + LANES]);
    lanes
}

/// Rows become columns.
#[inline(always)]
pub(super) fn transpose<T: Real>(rows: [Lanes<T>; LANES]) -> [Lanes<T>; LANES] {
    from_fn(|i| from_fn(|j| rows[j][i]))
}

/// Calls `f` with each column of a matrix of eight rows, and its number. Row i begins at `i * stride`.
#[inline(always)]
pub(super) fn for_each_column<T: Real>(
    matrix: &[T],
    stride: usize,
    columns: usize,
    mut f: impl FnMut(usize, Lanes<T>),
) {
    let rows: [&[T]; LANES] = from_fn(|row| &matrix[row * stride..][..columns]);
    let whole = columns / LANES * LANES;
    for start in (0..whole).step_by(LANES) {
        let block = transpose(from_fn(|row| load(rows[row], start)));
        for (number, column) in block.into_iter().enumerate() {
            f(start + number, column);
        }
    }
    (whole..columns).for_each(|column| f(column, from_fn(|row| rows[row][column])));
}

/// A copy that needs no call: lines are short.
#[inline(always)]
pub(super) fn copy<T: Real>(source: &[T], target: &mut [T]) {
    let mut sources = source.chunks_exact(LANES);
    let mut targets = target.chunks_exact_mut(LANES);
    for (target, source) in (&mut targets).zip(&mut sources) {
        target.copy_from_slice(&load(source, 0));
    }
    let rest = targets.into_remainder().iter_mut();
    rest.zip(sources.remainder()).for_each(|(y, &x)| *y = x);
}

/// M d Mᵀ, where `multiply` multiplies by M and `at` gives the entries of d.
#[inline(always)]
pub(super) fn both<T: Real, const FROM: usize, const TO: usize>(
    multiply: impl Fn([Lanes<T>; FROM]) -> [Lanes<T>; TO],
    at: impl Fn(usize, usize) -> Lanes<T>,
) -> [[Lanes<T>; TO]; TO] {
    let mut across = [[[T::ZERO; LANES]; TO]; FROM]; // d Mᵀ
    for (i, row) in across.iter_mut().enumerate() {
        *row = multiply(from_fn(|j| at(i, j)));
    }
    let mut result = [[[T::ZERO; LANES]; TO]; TO];
    for j in 0..TO {
        let column = multiply(from_fn(|i| across[i][j]));
        for (row, value) in result.iter_mut().zip(column) {
            row[j] = value;
        }
    }
    result
}

#[inline(always)]
fn add<T: Real>(a: Lanes<T>, b: Lanes<T>) -> Lanes<T> {
    from_fn(|lane| a[lane] + b[lane])
}

#[inline(always)]
fn subtract<T: Real>(a: Lanes<T>, b: Lanes<T>) -> Lanes<T> {
    from_fn(|lane| a[lane] - b[lane])
}

#[inline(always)]
fn times<T: Real>(factor: f64, a: Lanes<T>) -> Lanes<T> {
    let factor = T::from_f64(factor);
    from_fn(|lane| factor * a[lane])
}

/// Bᵀ d
#[inline(always)]
pub(super) fn input<T: Real>([d0, d1, d2, d3, d4, d5]: [Lanes<T>; 6]) -> [Lanes<T>; 6] {
    let (even, odd) = (subtract(d4, times(4.0, d2)), subtract(d3, times(4.0, d1)));
    let (near, far) = (subtract(d4, d2), times(2.0, subtract(d3, d1)));
    [
        add(subtract(times(4.0, d0), times(5.0, d2)), d4),
        add(even, odd),
        subtract(even, odd),
        add(near, far),
        subtract(near, far),
        add(subtract(times(4.0, d1), times(5.0, d3)), d5),
    ]
}

/// G g
#[inline(always)]
pub(super) fn kernel<T: Real>([g0, g1, g2]: [Lanes<T>; 3]) -> [Lanes<T>; 6] {
    let (ends, middle) = (times(-1.0 / 6.0, add(g0, g2)), times(-1.0 / 6.0, g1));
    let far_ends = add(times(1.0 / 24.0, g0), times(1.0 / 6.0, g2));
    let far_middle = times(1.0 / 12.0, g1);
    [
        times(0.25, g0),
        add(ends, middle),
        subtract(ends, middle),
        add(far_ends, far_middle),
        subtract(far_ends, far_middle),
        g2,
    ]
}

/// Aᵀ m
#[inline(always)]
pub(super) fn output<T: Real>([m0, m1, m2, m3, m4, m5]: [Lanes<T>; 6]) -> [Lanes<T>; 4] {
    let (near, near_difference) = (add(m1, m2), subtract(m1, m2));
    let (far, far_difference) = (add(m3, m4), subtract(m3, m4));
    [
        add(m0, add(near, far)),
        add(near_difference, times(2.0, far_difference)),
        add(near, times(4.0, far)),
        add(add(near_difference, times(8.0, far_difference)), m5),
    ]
}

/// A d: the transpose of [`output`].
#[inline(always)]
pub(super) fn gradient<T: Real>([d0, d1, d2, d3]: [Lanes<T>; 4]) -> [Lanes<T>; 6] {
    let (near_even, near_odd) = (add(d0, d2), add(d1, d3));
    let far_even = add(d0, times(4.0, d2));
    let far_odd = add(times(2.0, d1), times(8.0, d3));
    [
        d0,
        add(near_even, near_odd),
        subtract(near_even, near_odd),
        add(far_even, far_odd),
        subtract(far_even, far_odd),
        d3,
    ]
}

/// Gᵀ u: the transpose of [`kernel`].
#[inline(always)]
pub(super) fn kernel_gradient<T: Real>([u0, u1, u2, u3, u4, u5]: [Lanes<T>; 6]) -> [Lanes<T>; 3] {
    let (near, near_difference) = (
        times(-1.0 / 6.0, add(u1, u2)),
        times(-1.0 / 6.0, subtract(u1, u2)),
    );
    let (far, far_difference) = (add(u3, u4), times(1.0 / 12.0, subtract(u3, u4)));
    [
        add(add(times(0.25, u0), near), times(1.0 / 24.0, far)),
        add(near_difference, far_difference),
        add(add(near, times(1.0 / 6.0, far)), u5),
    ]
}
