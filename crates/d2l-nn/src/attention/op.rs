//! Attention on the CPU as one operation.
//!
//! O = P V, and from one number for each query, which is kept in place of P, the gradients of Q, K and V

use candle_core::{Result, Tensor, bail};
use d2l_kernels::attention::{Attention, Mask, Sizes};

use super::AttentionOptions;
use crate::graph::{self, Backward, Gradient, Input, Operation, Outputs, and_perhaps_one};
use crate::kernel::{Kernels, Real};

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

/// Queries, keys, values, and a mask.
type Inputs<'a, T> = ([&'a [T]; 3], Option<Mask<'a, T>>);

fn apart<'a, T: Copy>(inputs: &[Input<'a, T>]) -> Result<Inputs<'a, T>> {
    let ([q, k, v], mask) = and_perhaps_one(inputs)?;
    let mask = match mask {
        Some(&Input { data, dims: &[batch, heads, ..], .. }) => Some(Mask { data, batch, heads }),
        Some(mask) => bail!(
            "attention: found a mask {:?}, wanted [B, heads, Q, K]",
            mask.dims
        ),
        None => None,
    };
    Ok(([q.data, k.data, v.data], mask))
}

impl Operation for Attention {
    /// The logarithm of the sum of the exponentials of each query's scores, `[B, heads, Q]`.
    type Kept<T: Real> = Vec<T>;

    fn name(&self) -> &'static str {
        "scaled_dot_product_attention"
    }

    fn forward<T: Kernels>(&self, inputs: &[Input<T>], _keeps: bool) -> Result<Outputs<T, Vec<T>>> {
        let (inputs, mask) = apart(inputs)?;
        let (output, log_sums) = T::attention(self, inputs, mask);
        let Sizes { batch, heads, queries, values, .. } = self.sizes;
        Ok(Outputs::new(output, (batch, heads, queries, values)).keeping(log_sums))
    }

    fn backward<T: Kernels>(&self, pass: Backward<T, Vec<T>>) -> Result<Vec<Gradient<T>>> {
        let Backward { inputs, y, dy, kept: log_sums, .. } = pass;
        let (inputs, mask) = apart(inputs)?;
        let gradients = T::attention_gradients(self, inputs, mask, [y, dy, &log_sums]);
        Ok(gradients.map(Gradient::New).into())
    }
}
