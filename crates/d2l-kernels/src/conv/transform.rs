//! The matrices of F(4, 3), each as the function that multiplies by it: for eight channels side by side, and in both
//! directions of a tile.
//!
//! A minimal filtering takes polynomials at some points. Lavin and Gray have 0, ±1, ±2 and ∞. The points 0, ±p, ±1/p and
//! ∞ with p = 2/3 need no more instructions, and rounding errors become a third to a fifth (Alam et al. 2022,
//! <https://arxiv.org/abs/2201.10369>). With q = 1/p:
//!
//! ```text
//!      ⎡1   0   -(p²+q²)    0     1 0⎤         ⎡1     0   0  ⎤        ⎡1 1   1  1   1 0⎤
//!      ⎢0 -p q²   -q²       p     1 0⎥         ⎢s    sp   sp²⎥        ⎢0 p  -p  q  -q 0⎥
//! Bᵀ = ⎢0  p q²   -q²      -p     1 0⎥     G = ⎢s   -sp   sp²⎥   Aᵀ = ⎢0 p²  p² q²  q² 0⎥
//!      ⎢0 -q p²   -p²       q     1 0⎥         ⎢t    tq   tq²⎥        ⎣0 p³ -p³ q³ -q³ 1⎦
//!      ⎢0  q p²   -p²      -q     1 0⎥         ⎢t   -tq   tq²⎥
//!      ⎣0   1       0   -(p²+q²)  0 1⎦         ⎣0     0   1  ⎦
//!
//! s = 1 / (2p² (p² - q²)),   t = 1 / (2q² (q² - p²))
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

/// factor a + b
#[inline(always)]
fn multiply_add<T: Real>(factor: f64, a: Lanes<T>, b: Lanes<T>) -> Lanes<T> {
    add(times(factor, a), b)
}

/// The points p and q, their squares and cubes.
const P: f64 = 2.0 / 3.0;
const Q: f64 = 1.0 / P;
const P2: f64 = P * P;
const Q2: f64 = Q * Q;
const P3: f64 = P * P2;
const Q3: f64 = Q * Q2;
/// What the rows of G are divided by at ±p and at ±q.
const S: f64 = 1.0 / (2.0 * P2 * (P2 - Q2));
const T: f64 = 1.0 / (2.0 * Q2 * (Q2 - P2));

/// Bᵀ d
#[inline(always)]
pub(super) fn input<N: Real>([d0, d1, d2, d3, d4, d5]: [Lanes<N>; 6]) -> [Lanes<N>; 6] {
    let (even_p, odd_p) = (
        multiply_add(-Q2, d2, d4),
        times(P, multiply_add(-Q2, d1, d3)),
    );
    let (even_q, odd_q) = (
        multiply_add(-P2, d2, d4),
        times(Q, multiply_add(-P2, d1, d3)),
    );
    [
        multiply_add(-(P2 + Q2), d2, add(d0, d4)),
        add(even_p, odd_p),
        subtract(even_p, odd_p),
        add(even_q, odd_q),
        subtract(even_q, odd_q),
        multiply_add(-(P2 + Q2), d3, add(d1, d5)),
    ]
}

/// G g
#[inline(always)]
pub(super) fn kernel<N: Real>([g0, g1, g2]: [Lanes<N>; 3]) -> [Lanes<N>; 6] {
    let (even_p, odd_p) = (multiply_add(S, g0, times(S * P2, g2)), times(S * P, g1));
    let (even_q, odd_q) = (multiply_add(T, g0, times(T * Q2, g2)), times(T * Q, g1));
    [
        g0,
        add(even_p, odd_p),
        subtract(even_p, odd_p),
        add(even_q, odd_q),
        subtract(even_q, odd_q),
        g2,
    ]
}

/// Aᵀ m
#[inline(always)]
pub(super) fn output<N: Real>([m0, m1, m2, m3, m4, m5]: [Lanes<N>; 6]) -> [Lanes<N>; 4] {
    let (sum_p, difference_p) = (add(m1, m2), subtract(m1, m2));
    let (sum_q, difference_q) = (add(m3, m4), subtract(m3, m4));
    [
        add(m0, add(sum_p, sum_q)),
        multiply_add(P, difference_p, times(Q, difference_q)),
        multiply_add(P2, sum_p, times(Q2, sum_q)),
        multiply_add(P3, difference_p, multiply_add(Q3, difference_q, m5)),
    ]
}

/// A d: the transpose of [`output`].
#[inline(always)]
pub(super) fn gradient<N: Real>([d0, d1, d2, d3]: [Lanes<N>; 4]) -> [Lanes<N>; 6] {
    let (even_p, odd_p) = (multiply_add(P2, d2, d0), times(P, multiply_add(P2, d3, d1)));
    let (even_q, odd_q) = (multiply_add(Q2, d2, d0), times(Q, multiply_add(Q2, d3, d1)));
    [
        d0,
        add(even_p, odd_p),
        subtract(even_p, odd_p),
        add(even_q, odd_q),
        subtract(even_q, odd_q),
        d3,
    ]
}

/// Gᵀ u: the transpose of [`kernel`].
#[inline(always)]
pub(super) fn kernel_gradient<N: Real>([u0, u1, u2, u3, u4, u5]: [Lanes<N>; 6]) -> [Lanes<N>; 3] {
    let (sum_p, difference_p) = (add(u1, u2), subtract(u1, u2));
    let (sum_q, difference_q) = (add(u3, u4), subtract(u3, u4));
    [
        multiply_add(S, sum_p, multiply_add(T, sum_q, u0)),
        multiply_add(S * P, difference_p, times(T * Q, difference_q)),
        multiply_add(S * P2, sum_p, multiply_add(T * Q2, sum_q, u5)),
    ]
}
