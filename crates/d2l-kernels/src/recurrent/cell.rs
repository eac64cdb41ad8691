//! What distinguishes one recurrent layer from another: a step forward and a step back.

use crate::{Panels, Real};

/// How the recurrent product enters the last gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastGate {
    /// As for all other gates: it is added to the input's.
    Added,
    /// The reset gate multiplies the product W h (PyTorch's GRU).
    ResetAfter,
    /// The reset gate multiplies the state before the product (the book's GRU).
    ResetBefore,
}

/// A kind of recurrent layer. H hidden units, G gates; a row is one example of the batch at one step.
pub trait Cell: Clone + Copy + std::fmt::Debug + Send + Sync + 'static {
    /// The layer's name in messages.
    const NAME: &'static str;
    /// G: the blocks of H rows in the weights.
    const GATES: usize;
    /// Whether a row keeps H more numbers for the backward pass than its gates and its h.
    const KEEPS_MORE: bool;
    /// Whether the backward pass needs the gates. If it doesn't, they are freed at once.
    const KEEPS_GATES: bool;
    /// Whether there is a second state, c.
    const HAS_CELL: bool;

    /// How the recurrent product enters the last gate.
    fn last_gate(&self) -> LastGate {
        LastGate::Added
    }

    /// How many parameters there are besides weights and the added biases, in units of H.
    fn further(&self) -> usize {
        0
    }

    /// One step forward for some rows.
    fn forward<T: Real>(&self, step: Forward<T>);

    /// One step back for some rows.
    fn backward<T: Real>(&self, step: Backward<T>);

    /// The gradient of the further parameters, summed over all rows. `c_before` gives c before the row.
    fn further_gradient<T: Real>(&self, _rows: Rows<T>) -> Vec<T> {
        Vec::new()
    }
}

/// The recurrent weights of a layer and direction as the kernels use them.
pub struct Weights<T> {
    /// W_hhᵀ of the gates that a step computes first: all, or all but the last.
    pub first: Panels<T>,
    /// W_hhᵀ of the last gate, if it is computed separately.
    pub last: Panels<T>,
    /// Parameters besides weights and added biases.
    pub further: Vec<T>,
}

/// What a step forward reads and writes: row-major, `[rows, H]` unless noted otherwise.
pub struct Forward<'a, T> {
    pub rows: usize,
    pub hidden: usize,
    pub weights: &'a Weights<T>,
    pub h_before: &'a [T],
    /// `[rows, G·H]`: x W_ihᵀ + b, to become the gates.
    pub gates: &'a mut [T],
    /// What else is kept, if [`Cell::KEEPS_MORE`].
    pub kept: &'a mut [T],
    /// c before the step, to become c after it, if [`Cell::HAS_CELL`].
    pub c: &'a mut [T],
    pub h: &'a mut [T],
}

/// What a step back reads and writes.
pub struct Backward<'a, T> {
    pub rows: usize,
    pub hidden: usize,
    /// W_hh, not its transpose.
    pub weights: &'a Weights<T>,
    pub h_before: &'a [T],
    pub h: &'a [T],
    /// c before the step, if [`Cell::HAS_CELL`].
    pub c_before: &'a [T],
    /// The part of ∂l/∂h that comes from this step's output directly.
    pub dy: &'a [T],
    /// The gates, to become their gradients before the activation: ∂l/∂(x W_ihᵀ + b).
    pub gates: &'a mut [T],
    /// What else was kept.
    pub kept: &'a mut [T],
    /// The part of ∂l/∂h that comes from later steps, to become that of the step before.
    pub dh: &'a mut [T],
    /// The same for ∂l/∂c.
    pub dc: &'a mut [T],
}

/// All rows after the backward pass, in order: gradients of the gates, what was kept, and c before each row.
pub struct Rows<'a, T> {
    pub hidden: usize,
    pub d_gates: &'a [T],
    pub kept: &'a [T],
    pub c_before: Box<dyn Fn(usize) -> &'a [T] + 'a>,
}

/// The parts of a row of `N` gates.
#[inline(always)]
pub fn parts<T, const N: usize>(row: &[T], hidden: usize) -> [&[T]; N] {
    std::array::from_fn(|i| &row[i * hidden..][..hidden])
}

/// The parts of a row of `N` gates, to be changed.
#[inline(never)] // inlined, LLVM checks once for all rows whether the parts overlap; per row they don't
pub fn parts_mut<T, const N: usize>(row: &mut [T], hidden: usize) -> [&mut [T]; N] {
    let mut parts = row.chunks_exact_mut(hidden.max(1));
    std::array::from_fn(|_| parts.next().unwrap_or_default())
}
