//! Attention on the CPU as one operation.

use std::sync::Mutex;

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CustomOp3, DType, Device, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::head::{Head, part};
use super::{AttentionOptions, Sizes};
use crate::dropout::Dropped;
use crate::graph;
use crate::kernel::{self, Real};
use crate::node;

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
            Some(one.contiguous()?)
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
        mask,
        tracked: [q, k, v].into_iter().any(graph::tracks),
        log_sums: Mutex::new(None),
    };
    node::apply3(op, [q.contiguous()?, k.contiguous()?, v.contiguous()?])
}

struct Attention {
    sizes: Sizes,
    /// `[B]`, `[B, Q]` or nothing
    lens: Vec<u32>,
    causal: bool,
    /// `[B or 1, heads or 1, Q, K]`
    mask: Option<Tensor>,
    /// Of the weights `[B, heads, Q, K]`.
    dropped: Option<Dropped>,
    tracked: bool,
    /// The logarithm of the sum of the exponentials of each query's scores, `[B, heads, Q]`.
    log_sums: Mutex<Option<Tensor>>,
}

impl Attention {
    fn head<'a, T: Real>(
        &'a self,
        number: usize,
        q: &'a [T],
        k: &'a [T],
        v: &'a [T],
        mask: &'a [T],
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
        let mask = self.mask.as_ref().map(|tensor| {
            let [b, h] = [tensor.dims()[0], tensor.dims()[1]];
            let number = if b == 1 { 0 } else { example * h } + if h == 1 { 0 } else { head };
            part(mask, number, queries * keys)
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

    fn with_mask<T: Real, R>(&self, f: impl FnOnce(&[T]) -> R) -> Result<R> {
        match &self.mask {
            Some(mask) => kernel::read(mask, f),
            None => Ok(f(&[])),
        }
    }

    fn forward<T: Real>(&self, q: &[T], k: &[T], v: &[T]) -> Result<CpuStorage> {
        let Sizes { batch, heads, queries, values, .. } = self.sizes;
        let mut output = vec![T::ZERO; batch * heads * queries * values];
        let mut log_sums = vec![T::ZERO; batch * heads * queries];
        self.with_mask(|mask| {
            let all = output
                .par_chunks_mut(queries * values)
                .zip(log_sums.par_chunks_mut(queries));
            all.enumerate().for_each(|(number, (output, log_sums))| {
                self.head(number, q, k, v, mask).forward(output, log_sums);
            });
        })?;
        if self.tracked
            && let Ok(mut slot) = self.log_sums.lock()
        {
            *slot = Some(Tensor::from_vec(
                log_sums,
                (batch, heads, queries),
                &Device::Cpu,
            )?);
        }
        Ok(T::to_cpu_storage_owned(output))
    }

    fn backward<T: Real>(
        &self,
        [q, k, v, log_sums, output, d_output]: [&[T]; 6],
    ) -> Result<[Tensor; 3]> {
        let Sizes { batch, heads, queries, keys, d, values } = self.sizes;
        let [mut dq, mut dk, mut dv] = [q, k, v].map(|x| vec![T::ZERO; x.len()]);
        self.with_mask(|mask| {
            let gradients = dq
                .par_chunks_mut(queries * d)
                .zip(dk.par_chunks_mut(keys * d))
                .zip(dv.par_chunks_mut(keys * values));
            gradients.enumerate().for_each(|(number, ((dq, dk), dv))| {
                let log_sums = part(log_sums, number, queries);
                let output = part(output, number, queries * values);
                let d_output = part(d_output, number, queries * values);
                self.head(number, q, k, v, mask)
                    .backward(log_sums, output, d_output, [dq, dk, dv]);
            });
        })?;
        let tensor = |x, length: usize, width: usize| {
            Tensor::from_vec(x, (batch, heads, length, width), &Device::Cpu)
        };
        Ok([
            tensor(dq, queries, d)?,
            tensor(dk, keys, d)?,
            tensor(dv, keys, values)?,
        ])
    }
}

impl CustomOp3 for Attention {
    fn name(&self) -> &'static str {
        "scaled-dot-product-attention"
    }

    fn cpu_fwd(
        &self,
        q: &CpuStorage,
        q_layout: &Layout,
        k: &CpuStorage,
        k_layout: &Layout,
        v: &CpuStorage,
        v_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        use kernel::elements;
        let Sizes { batch, heads, queries, values, .. } = self.sizes;
        let output = match q.dtype() {
            DType::F32 => self.forward::<f32>(
                elements(q, q_layout)?,
                elements(k, k_layout)?,
                elements(v, v_layout)?,
            )?,
            DType::F64 => self.forward::<f64>(
                elements(q, q_layout)?,
                elements(k, k_layout)?,
                elements(v, v_layout)?,
            )?,
            other => bail!("scaled_dot_product_attention: found {other:?}, wanted f32 or f64"),
        };
        Ok((output, Shape::from((batch, heads, queries, values))))
    }

    fn bwd(
        &self,
        q: &Tensor,
        k: &Tensor,
        v: &Tensor,
        output: &Tensor,
        d_output: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let log_sums = match self.log_sums.lock().ok().and_then(|slot| slot.clone()) {
            Some(log_sums) => log_sums,
            None => bail!("scaled_dot_product_attention: nothing was kept for the backward pass"),
        };
        let inputs = [q, k, v, &log_sums, output, &d_output.contiguous()?];
        let [dq, dk, dv] = match q.dtype() {
            DType::F64 => kernel::read_each(inputs, |inputs| self.backward::<f64>(inputs))??,
            _ => kernel::read_each(inputs, |inputs| self.backward::<f32>(inputs))??,
        };
        Ok((Some(dq), Some(dk), Some(dv)))
    }
}
