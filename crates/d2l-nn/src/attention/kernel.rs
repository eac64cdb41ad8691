//! Attention on the CPU as one operation.

use candle_core::{Result, Tensor, bail};
use rayon::prelude::*;

use super::head::{Head, part};
use super::{AttentionOptions, Sizes};
use crate::dropout::Dropped;
use crate::graph::{self, Gradient, Input, Operation, Outputs, Upstream};
use crate::kernel::Real;

pub(super) fn run(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    sizes: Sizes,
    options: AttentionOptions,
) -> Result<Tensor> {
    let lens = match options.valid_lens {
        Some(lens) => lens.flatten_all()?.to_vec1::<u32>()?,
        None => Vec::new(),
    };
    let mask = match options.mask {
        Some(mask) => {
            let shape = (sizes.batch, sizes.heads, sizes.queries, sizes.keys);
            let mask = super::additive(mask, q.dtype())?.broadcast_as(shape)?;
            // Batch and heads keep their strides, 0 if the mask is the same for all.
            let strides = [mask.stride()[0], mask.stride()[1]];
            let mut one = mask;
            for (dim, stride) in strides.into_iter().enumerate() {
                if stride == 0 {
                    one = one.narrow(dim, 0, 1)?;
                }
            }
            Some(one)
        }
        None => None,
    };
    let weights = sizes.batch * sizes.heads * sizes.queries * sizes.keys;
    let op = Attention {
        sizes,
        dropped: options
            .dropout
            .and_then(|(dropout, mode)| dropout.draw(mode, weights)),
        lens,
        causal: options.causal,
    };
    match &mask {
        Some(mask) => graph::apply(op, &[q, k, v, mask]),
        None => graph::apply(op, &[q, k, v]),
    }
}

struct Attention {
    sizes: Sizes,
    /// `[B]`, `[B, Q]` or nothing
    lens: Vec<u32>,
    causal: bool,
    /// Of the weights `[B, heads, Q, K]`.
    dropped: Option<Dropped>,
}

/// Queries, keys, values, and a mask `[B or 1, heads or 1, Q, K]`.
type Inputs<'a, T> = ([&'a [T]; 3], Option<Input<'a, T>>);

fn apart<'a, T: Copy>(inputs: &[Input<'a, T>]) -> Result<Inputs<'a, T>> {
    match *inputs {
        [q, k, v] => Ok(([q.data, k.data, v.data], None)),
        [q, k, v, mask] => Ok(([q.data, k.data, v.data], Some(mask))),
        _ => bail!("attention: found {} inputs, wanted 3 or 4", inputs.len()),
    }
}

impl Attention {
    fn head<'a, T: Real>(&'a self, number: usize, ([q, k, v], mask): Inputs<'a, T>) -> Head<'a, T> {
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
            let [b, h] = [mask.dims[0], mask.dims[1]];
            let number = if b == 1 { 0 } else { example * h } + if h == 1 { 0 } else { head };
            part(mask.data, number, queries * keys)
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
}

impl Operation for Attention {
    /// The logarithm of the sum of the exponentials of each query's scores, `[B, heads, Q]`.
    type Kept<T: Real> = Vec<T>;

    fn name(&self) -> &'static str {
        "scaled_dot_product_attention"
    }

    fn forward<T: Real>(&self, inputs: &[Input<T>], _keeps: bool) -> Result<Outputs<T, Vec<T>>> {
        let inputs = apart(inputs)?;
        let Sizes { batch, heads, queries, values, .. } = self.sizes;
        let mut output = vec![T::ZERO; batch * heads * queries * values];
        let mut log_sums = vec![T::ZERO; batch * heads * queries];
        let all = output
            .par_chunks_mut(queries * values)
            .zip(log_sums.par_chunks_mut(queries));
        all.enumerate().for_each(|(number, (output, log_sums))| {
            self.head(number, inputs).forward(output, log_sums);
        });
        Ok(Outputs::new(output, (batch, heads, queries, values)).keeping(log_sums))
    }

    fn backward<T: Real>(
        &self,
        inputs: &[Input<T>],
        Upstream { y: output, dy: d_output, .. }: Upstream<T>,
        log_sums: Vec<T>,
    ) -> Result<Vec<Gradient<T>>> {
        let inputs = apart(inputs)?;
        let Sizes { queries, keys, d, values, .. } = self.sizes;
        let [mut dq, mut dk, mut dv] = inputs.0.map(|x| vec![T::ZERO; x.len()]);
        let gradients = dq
            .par_chunks_mut(queries * d)
            .zip(dk.par_chunks_mut(keys * d))
            .zip(dv.par_chunks_mut(keys * values));
        gradients.enumerate().for_each(|(number, ((dq, dk), dv))| {
            let log_sums = part(&log_sums, number, queries);
            let output = part(output, number, queries * values);
            let d_output = part(d_output, number, queries * values);
            self.head(number, inputs)
                .backward(log_sums, output, d_output, [dq, dk, dv]);
        });
        Ok([dq, dk, dv].map(Gradient::New).into())
    }
}
