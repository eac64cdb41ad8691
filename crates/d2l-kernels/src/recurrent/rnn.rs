//! A step of the simple recurrent layer.
//!
//! h_t = φ(a_t) with a_t = W_ih x_t + b + W_hh h_{t-1} and φ = tanh or ReLU
//!
//! ∂l/∂a_t = φ'(a_t) ∂l/∂h_t,   ∂l/∂h_{t-1} = W_hhᵀ ∂l/∂a_t and the part of its own output
//!
//! φ' is computed from h_t, so the gates need not be kept.

use super::cell::{Backward, Cell, Forward};
use crate::{Real, widest};

/// The activation function of a simple recurrent layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Nonlinearity {
    /// tanh
    #[default]
    Tanh,
    /// max(x, 0); its gradient at 0 is 0.
    Relu,
}

impl Cell for Nonlinearity {
    const NAME: &'static str = "rnn";
    const GATES: usize = 1;
    const KEEPS_MORE: bool = false;
    const KEEPS_GATES: bool = false;
    const HAS_CELL: bool = false;

    fn forward<T: Real>(&self, step: Forward<T>) {
        let Forward { rows, hidden, weights, h_before, gates, h, .. } = step;
        weights
            .first
            .add_product(rows, (h_before, hidden), (gates, hidden));
        let (gates, zero) = (&*gates, T::ZERO);
        widest(
            #[inline(always)]
            || {
                let all = h.iter_mut().zip(gates);
                match self {
                    Self::Tanh => {
                        for (h, &a) in all {
                            *h = a.tanh();
                        }
                    }
                    Self::Relu => {
                        for (h, &a) in all {
                            *h = if a <= zero { zero } else { a };
                        }
                    }
                }
            },
        );
    }

    fn backward<T: Real>(&self, step: Backward<T>) {
        let Backward { rows, hidden, weights, h, dy, gates, dh, .. } = step;
        let (zero, one) = (T::ZERO, T::ONE);
        widest(
            #[inline(always)]
            || {
                let all = gates.iter_mut().zip(h).zip(dy).zip(dh.iter_mut());
                match self {
                    Self::Tanh => {
                        for (((gate, &h), &dy), dh) in all {
                            *gate = (dy + *dh) * (one - h * h);
                            *dh = zero;
                        }
                    }
                    Self::Relu => {
                        for (((gate, &h), &dy), dh) in all {
                            *gate = if h > zero { dy + *dh } else { zero };
                            *dh = zero;
                        }
                    }
                }
            },
        );
        weights
            .first
            .add_product(rows, (gates, hidden), (dh, hidden));
    }
}
