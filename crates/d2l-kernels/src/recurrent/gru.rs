//! A step of gated recurrent units.
//!
//! ```text
//!    h -----+---------------- z ∘ h ------------- + --> h'         r = σ(…), z = σ(…)
//!           |                                     |
//!           +- r (after or before W_hn) -> n -> (1 - z) ∘ n
//! ```
//!
//! The gates r, z and n take the place of their sums; going back, the gradients of the sums take the place of the gates.

use super::cell::{Backward, Cell, Forward, LastGate, Rows, parts_mut};
use super::gradients::column_sums;
use crate::{Real, widest};

/// Where the reset gate r acts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reset {
    /// On W_hn h + b_hn, as in PyTorch.
    #[default]
    AfterProduct,
    /// On h, as in the book and in Cho et al. 2014.
    BeforeProduct,
}

impl Cell for Reset {
    const NAME: &'static str = "gru";
    const GATES: usize = 3;
    const KEEPS_MORE: bool = true; // W_hn h + b_hn, or r ∘ h
    const KEEPS_GATES: bool = true;
    const HAS_CELL: bool = false;

    fn last_gate(&self) -> LastGate {
        match self {
            Self::AfterProduct => LastGate::ResetAfter,
            Self::BeforeProduct => LastGate::ResetBefore,
        }
    }

    /// b_hn, if it isn't added to the input's bias.
    fn further(&self) -> usize {
        match self {
            Self::AfterProduct => 1,
            Self::BeforeProduct => 0,
        }
    }

    fn forward<T: Real>(&self, step: Forward<T>) {
        let Forward { rows, hidden, weights, h_before, gates, kept, h, .. } = step;
        weights
            .first
            .add_product(rows, (h_before, hidden), (gates, 3 * hidden));
        match self {
            Self::AfterProduct => {
                kept.chunks_exact_mut(hidden)
                    .for_each(|row| row.copy_from_slice(&weights.further));
                weights
                    .last
                    .add_product(rows, (h_before, hidden), (kept, hidden));
                widest(
                    #[inline(always)]
                    || {
                        let all = gates
                            .chunks_exact_mut(3 * hidden)
                            .zip(kept.chunks_exact(hidden));
                        for (gates, product) in all {
                            let [r, _, n] = parts_mut(gates, hidden);
                            reset_product(r, n, product);
                        }
                    },
                );
            }
            Self::BeforeProduct => {
                widest(
                    #[inline(always)]
                    || {
                        let all = gates
                            .chunks_exact_mut(3 * hidden)
                            .zip(h_before.chunks_exact(hidden))
                            .zip(kept.chunks_exact_mut(hidden));
                        for ((gates, h), reset) in all {
                            let [r, _, _] = parts_mut(gates, hidden);
                            reset_state(r, reset, h);
                        }
                    },
                );
                let n = &mut gates[2 * hidden..];
                weights
                    .last
                    .add_product(rows, (kept, hidden), (n, 3 * hidden));
            }
        }
        widest(
            #[inline(always)]
            || {
                let all = gates
                    .chunks_exact_mut(3 * hidden)
                    .zip(h_before.chunks_exact(hidden))
                    .zip(h.chunks_exact_mut(hidden));
                for ((gates, before), h) in all {
                    let [_, z, n] = parts_mut(gates, hidden);
                    mix(z, n, h, before);
                }
            },
        );
    }

    fn backward<T: Real>(&self, step: Backward<T>) {
        let Backward { rows, hidden, weights, h_before, dy, gates, kept, dh, .. } = step;
        // z and n; ∂l/∂h by way of z ∘ h
        widest(
            #[inline(always)]
            || {
                let all = gates
                    .chunks_exact_mut(3 * hidden)
                    .zip(h_before.chunks_exact(hidden))
                    .zip(dy.chunks_exact(hidden))
                    .zip(dh.chunks_exact_mut(hidden))
                    .zip(kept.chunks_exact_mut(hidden));
                for ((((gates, before), dy), dh), kept) in all {
                    let [r, z, n] = parts_mut(gates, hidden);
                    mix_gradient(z, n, dh, dy, before);
                    if let Self::AfterProduct = self {
                        reset_product_gradient(r, kept, n);
                    }
                }
            },
        );
        match self {
            Self::AfterProduct => weights.last.add_product(rows, (kept, hidden), (dh, hidden)),
            Self::BeforeProduct => {
                let mut reset = vec![T::ZERO; rows * hidden]; // ∂l/∂(r ∘ h)
                let n = &gates[2 * hidden..];
                weights
                    .last
                    .add_product(rows, (n, 3 * hidden), (&mut reset, hidden));
                widest(
                    #[inline(always)]
                    || {
                        let all = gates
                            .chunks_exact_mut(3 * hidden)
                            .zip(h_before.chunks_exact(hidden))
                            .zip(dh.chunks_exact_mut(hidden))
                            .zip(reset.chunks_exact(hidden));
                        for (((gates, before), dh), reset) in all {
                            let [r, _, _] = parts_mut(gates, hidden);
                            reset_state_gradient(r, dh, reset, before);
                        }
                    },
                );
            }
        }
        weights
            .first
            .add_product(rows, (gates, 3 * hidden), (dh, hidden));
    }

    /// ∂l/∂b_hn: the sums of ∂l/∂(W_hn h + b_hn), which the backward pass leaves in place of what was kept.
    fn further_gradient<T: Real>(&self, rows: Rows<T>) -> Vec<T> {
        match self {
            Self::AfterProduct => column_sums(rows.kept, rows.hidden),
            Self::BeforeProduct => Vec::new(),
        }
    }
}

/// n = n + σ(r) ∘ product; the gate in place.
#[inline(always)] // into `widest`, as all below
fn reset_product<T: Real>(r: &mut [T], n: &mut [T], product: &[T]) {
    for ((r, n), &product) in r.iter_mut().zip(n).zip(product) {
        *r = r.sigmoid();
        *n += *r * product;
    }
}

/// reset = σ(r) ∘ h; the gate in place.
#[inline(always)]
fn reset_state<T: Real>(r: &mut [T], reset: &mut [T], h: &[T]) {
    for ((r, reset), &h) in r.iter_mut().zip(reset).zip(h) {
        *r = r.sigmoid();
        *reset = *r * h;
    }
}

/// h = (1 - σ(z)) ∘ tanh(n) + σ(z) ∘ before; the gates in place.
#[inline(always)]
fn mix<T: Real>(z: &mut [T], n: &mut [T], h: &mut [T], before: &[T]) {
    for (((z, n), h), &before) in z.iter_mut().zip(n).zip(h).zip(before) {
        *z = z.sigmoid();
        *n = n.tanh();
        *h = *n + *z * (before - *n);
    }
}

/// From ∂l/∂h = dy + dh: the gradients of z's and n's sums, in their places, and what z passes to the state before, in
/// dh.
#[inline(always)]
fn mix_gradient<T: Real>(z: &mut [T], n: &mut [T], dh: &mut [T], dy: &[T], before: &[T]) {
    for ((((z, n), dh), &dy), &before) in z.iter_mut().zip(n).zip(dh).zip(dy).zip(before) {
        let d = dy + *dh;
        *dh = d * *z;
        let dn = d * (T::ONE - *z) * (T::ONE - *n * *n);
        *z = d * (before - *n) * *z * (T::ONE - *z);
        *n = dn;
    }
}

/// From the gradient of n's sum: those of r's sum and of the product, in their places.
#[inline(always)]
fn reset_product_gradient<T: Real>(r: &mut [T], product: &mut [T], n: &[T]) {
    for ((r, product), &n) in r.iter_mut().zip(product).zip(n) {
        let dr = n * *product * *r * (T::ONE - *r);
        *product = n * *r;
        *r = dr;
    }
}

/// From the gradient of r ∘ h: that of r's sum, in its place, and the part of ∂l/∂h.
#[inline(always)]
fn reset_state_gradient<T: Real>(r: &mut [T], dh: &mut [T], d_reset: &[T], before: &[T]) {
    for (((r, dh), &d), &before) in r.iter_mut().zip(dh).zip(d_reset).zip(before) {
        *dh += d * *r;
        *r = d * before * *r * (T::ONE - *r);
    }
}
