//! Scaled dot-product attention: one thread takes a head, a block of queries at a time.
//!
//! ```text
//!              keys                        keys              O = P V,   P = softmax(Q Kᵀ / √d)
//!          +----------+                +----------+
//!    block | scores   |  -> softmax -> | weights  | · V -> block of outputs
//!          +----------+                +----------+
//! ```
//!
//! P is never stored: for each query one number is kept, from which the backward pass computes its row again (Dao et al.
//! 2022, arXiv:2205.14135). The memory grows with the length, not with its square; this costs one product of the five in
//! the backward pass.

mod head;

use rayon::prelude::*;

use crate::Real;
use crate::dropout::Dropped;
use head::{Head, part};

/// The sizes of queries `[batch, heads, queries, d]`, keys `[batch, heads, keys, d]` and values
/// `[batch, heads, keys, values]`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sizes {
    /// Examples.
    pub batch: usize,
    /// Heads of an example.
    pub heads: usize,
    /// Queries of a head.
    pub queries: usize,
    /// Keys of a head.
    pub keys: usize,
    /// Numbers of a query and of a key.
    pub d: usize,
    /// Numbers of a value.
    pub values: usize,
}

/// Attention of this size.
pub struct Attention {
    /// The sizes.
    pub sizes: Sizes,
    /// The number of valid keys, `[B]`, `[B, Q]`, or nothing if all are.
    pub lens: Vec<u32>,
    /// Whether query i sees only the keys up to i.
    pub causal: bool,
    /// What becomes of the weights `[B, heads, Q, K]`.
    pub dropped: Option<Dropped>,
}

/// Numbers to add to the scores, `[B or 1, heads or 1, Q, K]`: -∞ where a query doesn't see a key.
#[derive(Clone, Copy)]
pub struct Mask<'a, T> {
    /// The numbers.
    pub data: &'a [T],
    /// B, or 1 if they are the same for all examples.
    pub batch: usize,
    /// The number of heads, or 1 if they are the same for all.
    pub heads: usize,
}

impl Attention {
    fn head<'a, T: Real>(
        &'a self,
        number: usize,
        [q, k, v]: [&'a [T]; 3],
        mask: Option<Mask<'a, T>>,
    ) -> Head<'a, T> {
        let sizes = self.sizes;
        let Sizes { heads, queries, keys, d, values, .. } = sizes;
        let (example, head) = (number / heads, number % heads);
        let per_query = self.lens.len() == sizes.batch * queries && queries > 1;
        let seen = (0..queries).map(|query| {
            let len = match self.lens.get(if per_query {
                example * queries + query
            } else {
                example
            }) {
                Some(&len) => keys.min(len as usize),
                None => keys,
            };
            if self.causal { len.min(query + 1) } else { len }
        });
        let mask = mask.map(|mask| {
            let Mask { data, batch, heads } = mask;
            let number = if batch == 1 { 0 } else { example * heads };
            part(
                data,
                number + if heads == 1 { 0 } else { head },
                queries * keys,
            )
        });
        Head {
            sizes,
            q: part(q, number, queries * d),
            k: part(k, number, keys * d),
            v: part(v, number, keys * values),
            mask,
            dropped: self.dropped.as_ref().map(|dropped| {
                let kept = part(&dropped.kept, number, queries * keys);
                (kept, T::from_f64(dropped.scale))
            }),
            seen: seen.collect(),
        }
    }
    /// The outputs `[B, heads, Q, v]`, and the logarithm of the sum of the exponentials of each query's scores,
    /// `[B, heads, Q]`, which the backward pass needs.
    pub fn forward<T: Real>(&self, inputs: [&[T]; 3], mask: Option<Mask<T>>) -> (Vec<T>, Vec<T>) {
        let Sizes { batch, heads, queries, values, .. } = self.sizes;
        let mut output = vec![T::ZERO; batch * heads * queries * values];
        let mut log_sums = vec![T::ZERO; batch * heads * queries];
        let all = output
            .par_chunks_mut(queries * values)
            .zip(log_sums.par_chunks_mut(queries));
        all.enumerate().for_each(|(number, (output, log_sums))| {
            self.head(number, inputs, mask).forward(output, log_sums);
        });
        (output, log_sums)
    }

    /// The gradients of queries, keys and values.
    pub fn backward<T: Real>(
        &self,
        inputs: [&[T]; 3],
        mask: Option<Mask<T>>,
        [output, d_output, log_sums]: [&[T]; 3],
    ) -> [Vec<T>; 3] {
        let Sizes { queries, keys, d, values, .. } = self.sizes;
        let [mut dq, mut dk, mut dv] = inputs.map(|x| vec![T::ZERO; x.len()]);
        let gradients = dq
            .par_chunks_mut(queries * d)
            .zip(dk.par_chunks_mut(keys * d))
            .zip(dv.par_chunks_mut(keys * values));
        gradients.enumerate().for_each(|(number, ((dq, dk), dv))| {
            let log_sums = part(log_sums, number, queries);
            let output = part(output, number, queries * values);
            let d_output = part(d_output, number, queries * values);
            self.head(number, inputs, mask)
                .backward(log_sums, output, d_output, [dq, dk, dv]);
        });
        [dq, dk, dv]
    }
}
