//! A step of the long short-term memory.
//!
//! ```text
//!    c ---- f ∘ c ---- + ---------------------------> c'
//!                      |            |
//!           i ∘ g -----+           tanh
//!                                   |
//!    h, x -> i, f, g, o ----------- o ∘ tanh c' ----> h'
//! ```
//!
//! The gates take the place of their sums; going back, the gradients of the sums take the place of the gates.

use super::cell::{Backward, Cell, Forward, Rows, parts, parts_mut};
use crate::{Real, widest};

/// Whether the gates see the memory.
#[derive(Clone, Copy, Debug)]
pub struct Peepholes(pub bool);

impl Cell for Peepholes {
    const NAME: &'static str = "lstm";
    const GATES: usize = 4;
    const KEEPS_MORE: bool = true; // c
    const KEEPS_GATES: bool = true;
    const HAS_CELL: bool = true;

    fn further(&self) -> usize {
        if self.0 { 3 } else { 0 }
    }

    fn forward<T: Real>(&self, step: Forward<T>) {
        let Forward { rows, hidden, weights, h_before, gates, kept, c, h } = step;
        weights
            .first
            .add_product(rows, (h_before, hidden), (gates, 4 * hidden));
        widest(
            #[inline(always)]
            || {
                let rows = gates
                    .chunks_exact_mut(4 * hidden)
                    .zip(c.chunks_exact_mut(hidden))
                    .zip(h.chunks_exact_mut(hidden));
                for ((gates, c), h) in rows {
                    if self.0 {
                        see_memory(&weights.further, gates, c);
                    }
                    let [i, f, g, o] = parts_mut(gates, hidden);
                    remember(i, f, g, c);
                    if self.0 {
                        let p = &weights.further[2 * hidden..];
                        o.iter_mut()
                            .zip(p)
                            .zip(&*c)
                            .for_each(|((o, &p), &c)| *o += p * c);
                    }
                    show(o, h, c);
                }
            },
        );
        kept.copy_from_slice(c);
    }

    fn backward<T: Real>(&self, step: Backward<T>) {
        let Backward { rows, hidden, weights, c_before, dy, gates, kept, dh, dc, .. } = step;
        widest(
            #[inline(always)]
            || {
                let all = gates
                    .chunks_exact_mut(4 * hidden)
                    .zip(c_before.chunks_exact(hidden))
                    .zip(kept.chunks_exact(hidden))
                    .zip(dy.chunks_exact(hidden))
                    .zip(dh.chunks_exact_mut(hidden))
                    .zip(dc.chunks_exact_mut(hidden));
                for (((((gates, c_before), c), dy), dh), dc) in all {
                    let [i, f, g, o] = parts_mut(gates, hidden);
                    show_gradient(o, dh, dc, dy, c);
                    if self.0 {
                        let p = &weights.further[2 * hidden..];
                        dc.iter_mut()
                            .zip(p)
                            .zip(&*o)
                            .for_each(|((dc, &p), &d)| *dc += p * d);
                    }
                    remember_gradient(i, f, g, dc, c_before);
                    if self.0 {
                        let [p_i, p_f] = parts(&weights.further, hidden);
                        for j in 0..i.len() {
                            dc[j] += p_i[j] * i[j] + p_f[j] * f[j];
                        }
                    }
                }
            },
        );
        weights
            .first
            .add_product(rows, (gates, 4 * hidden), (dh, hidden));
    }

    /// ∂l/∂p_i = Σ di ∘ c, ∂l/∂p_f = Σ df ∘ c, ∂l/∂p_o = Σ do ∘ c', in f64.
    fn further_gradient<T: Real>(&self, rows: Rows<T>) -> Vec<T> {
        if !self.0 {
            return Vec::new();
        }
        let hidden = rows.hidden;
        let mut sums = vec![0f64; 3 * hidden];
        let all = rows
            .d_gates
            .chunks_exact(4 * hidden)
            .zip(rows.kept.chunks_exact(hidden));
        for (row, (gates, c)) in all.enumerate() {
            let [i, f, _, o] = parts(gates, hidden);
            let c_before = (rows.c_before)(row);
            let [sum_i, sum_f, sum_o] = parts_mut(&mut sums, hidden);
            for j in 0..hidden {
                sum_i[j] += (i[j] * c_before[j]).to_f64();
                sum_f[j] += (f[j] * c_before[j]).to_f64();
                sum_o[j] += (o[j] * c[j]).to_f64();
            }
        }
        sums.into_iter().map(T::from_f64).collect()
    }
}

/// c = σ(f) ∘ c + σ(i) ∘ tanh(g); the gates in place.
#[inline(always)] // into `widest`, as all below
fn remember<T: Real>(i: &mut [T], f: &mut [T], g: &mut [T], c: &mut [T]) {
    for (((i, f), g), c) in i.iter_mut().zip(f).zip(g).zip(c) {
        *i = i.sigmoid();
        *f = f.sigmoid();
        *g = g.tanh();
        *c = *f * *c + *i * *g;
    }
}

/// h = σ(o) ∘ tanh(c); the gate in place.
#[inline(always)]
fn show<T: Real>(o: &mut [T], h: &mut [T], c: &[T]) {
    for ((o, h), &c) in o.iter_mut().zip(h).zip(c) {
        *o = o.sigmoid();
        *h = *o * c.tanh();
    }
}

/// From ∂l/∂h = dy + dh: the gradient of o's sum, in its place, and the part of ∂l/∂c; dh becomes 0.
#[inline(always)]
fn show_gradient<T: Real>(o: &mut [T], dh: &mut [T], dc: &mut [T], dy: &[T], c: &[T]) {
    for ((((o, dh), dc), &dy), &c) in o.iter_mut().zip(dh).zip(dc).zip(dy).zip(c) {
        let tanh_c = c.tanh();
        let d = dy + *dh;
        *dh = T::ZERO;
        *dc += d * *o * (T::ONE - tanh_c * tanh_c);
        *o = d * tanh_c * *o * (T::ONE - *o);
    }
}

/// From ∂l/∂c: the gradients of the other gates' sums, in their places, and that of the memory before.
#[inline(always)]
fn remember_gradient<T: Real>(i: &mut [T], f: &mut [T], g: &mut [T], dc: &mut [T], c_before: &[T]) {
    for ((((i, f), g), dc), &before) in i.iter_mut().zip(f).zip(g).zip(dc).zip(c_before) {
        let d = *dc;
        *dc = d * *f;
        *f = d * before * *f * (T::ONE - *f);
        let di = d * *g * *i * (T::ONE - *i);
        *g = d * *i * (T::ONE - *g * *g);
        *i = di;
    }
}

/// Adds p_i ∘ c and p_f ∘ c to the gates i and f of a row.
#[inline(always)]
fn see_memory<T: Real>(further: &[T], gates: &mut [T], c: &[T]) {
    let hidden = c.len();
    let both = gates
        .chunks_exact_mut(hidden)
        .zip(further.chunks_exact(hidden));
    for (gate, p) in both.take(2) {
        gate.iter_mut()
            .zip(p)
            .zip(c)
            .for_each(|((gate, &p), &c)| *gate += p * c);
    }
}
