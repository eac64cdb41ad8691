//! Tensors put side by side. D2L zh 7.4.1 and 7.7.2, en 8.4.1 and 8.7.2.
//!
//! y = [x₁, x₂, …] along one axis; ∂l/∂xᵢ is the part of ∂l/∂y where xᵢ lies.
//!
//! Candle's gradient of each xᵢ is a sum with zeros of its size; here it is a copy of its part, made only if it is
//! wanted.

use candle_core::{Result, Tensor, bail};
use rayon::prelude::*;

use crate::graph::{self, Backward, Gradient, Input, Operation, Outputs};
use crate::kernel::{self, Kernels, Real, pays_to_share};
use crate::observe::report_path;

/// The tensors `xs` side by side along `axis`; their other sides are equal. As [`Tensor::cat`] in candle, but on all
/// threads, and without zeros as large as each of `xs` in the backward pass.
///
/// # Errors
/// If there are none, they differ in another side or in type, or they have no such axis.
pub fn concat(xs: &[&Tensor], axis: usize) -> Result<Tensor> {
    check(xs, axis)?;
    let y = if xs.iter().all(|x| kernel::has_kernel(x)) {
        graph::apply(Concat { axis }, xs)?
    } else {
        composed(xs, axis)?
    };
    report_path(xs, &y);
    Ok(y)
}

fn check(xs: &[&Tensor], axis: usize) -> Result<()> {
    let others = |x: &Tensor| {
        let dims = x.dims().iter().enumerate().filter(|&(at, _)| at != axis);
        dims.map(|(_, &dim)| dim).collect::<Vec<usize>>()
    };
    let fit = |x: &&Tensor| {
        let first = xs.first();
        first.is_some_and(|first| {
            others(x) == others(first) && x.dtype() == first.dtype() && x.rank() == first.rank()
        }) && axis < x.rank()
    };
    if xs.is_empty() || !xs.iter().all(fit) {
        bail!(
            "concat: found {:?}, wanted tensors of one type and, but for axis {axis}, one shape",
            xs.iter().map(|x| (x.dims(), x.dtype())).collect::<Vec<_>>()
        );
    }
    Ok(())
}

/// The definition in candle's own operations: the kernel's reference, and what other devices run.
fn composed(xs: &[&Tensor], axis: usize) -> Result<Tensor> {
    let forward = |xs: &[Tensor]| Ok((Tensor::cat(xs, axis)?, []));
    graph::define("concat", xs, forward, move |known| {
        let mut start = 0;
        let parts = known.inputs.iter().enumerate().map(|(number, x)| {
            let side = x.dim(axis)?;
            start += side;
            known.wanted(number, || known.dy.narrow(axis, start - side, side))
        });
        parts.collect()
    })
}

struct Concat {
    axis: usize,
}

impl Concat {
    /// How many numbers of a tensor lie together: all from the axis on.
    fn run(&self, dims: &[usize]) -> usize {
        dims.iter().skip(self.axis).product()
    }

    /// The part of `dy` that belongs to one tensor. `dy` has `together` numbers for each run; the tensor's runs begin
    /// at `start` and hold `run` numbers.
    fn part<T: Real>(dy: &[T], together: usize, start: usize, run: usize) -> Vec<T> {
        let parts = dy.chunks_exact(together.max(1));
        let mut dx = Vec::with_capacity(parts.len() * run);
        parts.for_each(|part| dx.extend_from_slice(&part[start..][..run]));
        dx
    }
}

impl Operation for Concat {
    type Kept<T: Real> = ();

    fn name(&self) -> &'static str {
        "concat"
    }

    fn forward<T: Kernels>(&self, inputs: &[Input<T>], _keeps: bool) -> Result<Outputs<T, ()>> {
        let [first, ..] = inputs else {
            bail!("concat: found no tensors, wanted one at least");
        };
        let xs = inputs.iter().map(|x| (x.data, self.run(x.dims)));
        let xs: Vec<(&[T], usize)> = xs.collect();
        let together: usize = xs.iter().map(|&(_, run)| run).sum();
        let mut y = vec![T::ZERO; xs.iter().map(|(x, _)| x.len()).sum()];
        let one = |(number, mut y): (usize, &mut [T])| {
            for &(x, run) in &xs {
                let (here, rest) = y.split_at_mut(run);
                here.copy_from_slice(&x[number * run..][..run]);
                y = rest;
            }
        };
        let size = together.max(1);
        if pays_to_share(y.len()) {
            y.par_chunks_mut(size).enumerate().for_each(one);
        } else {
            y.chunks_mut(size).enumerate().for_each(one);
        }
        let mut dims = first.dims.to_vec();
        dims[self.axis] = inputs.iter().map(|x| x.dims[self.axis]).sum();
        Ok(Outputs::new(y, dims))
    }

    fn backward<T: Kernels>(&self, pass: Backward<T, ()>) -> Result<Vec<Gradient<T>>> {
        let Backward { inputs, dy, dims, .. } = pass;
        let together = self.run(dims);
        let mut start = 0;
        let places = inputs.iter().map(|x| {
            let run = self.run(x.dims);
            start += run;
            (x, start - run, run)
        });
        let places: Vec<(&Input<T>, usize, usize)> = places.collect();
        let one = |&(x, start, run): &(&Input<T>, usize, usize)| {
            x.gradient(|| Self::part(dy, together, start, run))
        };
        Ok(match pays_to_share(dy.len()) {
            true => places.par_iter().map(one).collect(),
            false => places.iter().map(one).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Var};

    use super::*;
    use crate::testing::{check_gradients, filled};

    #[test]
    fn kernel_and_gradients_are_the_definitions() -> anyhow::Result<()> {
        // Along each axis of [2, 3, 5], and for sizes that are shared out to threads.
        for (base, checked) in [([2, 3, 5], true), ([9, 64, 64], false)] {
            for axis in 0..3 {
                let leaf = |long: usize, salt| {
                    let mut dims = base;
                    dims[axis] = long;
                    Var::from_tensor(&filled(dims.to_vec(), salt, 1.0, DType::F64, &Device::Cpu)?)
                };
                let (x, y, z) = (leaf(1, 1)?, leaf(4, 2)?, leaf(2, 3)?);
                let constant = z.detach();
                let all = [x.as_tensor(), y.as_tensor(), &constant, x.as_tensor()];
                let joined = concat(&all, axis)?.detach();
                let gap = (&joined - Tensor::cat(&all, axis)?)?.abs()?;
                assert_eq!(gap.flatten_all()?.max(0)?.to_scalar::<f64>()?, 0.0);
                if checked {
                    let loss = || (concat(&all, axis)?.sqr()? * &joined)?.sum_all();
                    check_gradients(&[x.clone(), y.clone()], loss, 1e-7)?;
                }
            }
        }
        Ok(())
    }

    #[test]
    fn what_does_not_fit_is_refused() -> Result<()> {
        let of = |shape: (usize, usize)| filled(shape, 1, 1.0, DType::F32, &Device::Cpu);
        let (x, y) = (of((2, 3))?, of((3, 2))?);
        assert!(concat(&[&x, &y], 0).is_err());
        assert!(concat(&[&x, &x], 2).is_err());
        assert!(concat(&[], 0).is_err());
        assert!(concat(&[&x, &x.to_dtype(DType::F64)?], 0).is_err());
        Ok(())
    }
}
