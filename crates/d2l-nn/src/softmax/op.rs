//! The softmax as an operation on the CPU.
//!
//! y = e^x / Σ e^x,   ∂l/∂x = y ∘ (dy - Σ y dy): the backward pass needs y alone

use candle_core::{Result, Tensor};
use d2l_kernels::softmax::{Function, Seen, Softmax};

use crate::graph::{self, Backward, Gradient, Input, Operation, Outputs, exactly};
use crate::kernel::{Kernels, Real};

pub(super) fn run(x: &Tensor, axis: usize, function: Function, seen: Seen) -> Result<Tensor> {
    graph::apply(Softmax { axis, function, seen }, &[x])
}

impl Operation for Softmax {
    type Kept<T: Real> = ();

    fn name(&self) -> &'static str {
        self.function.name()
    }

    fn forward<T: Kernels>(&self, inputs: &[Input<T>], _keeps: bool) -> Result<Outputs<T, ()>> {
        let [x] = exactly(inputs)?;
        Ok(Outputs::new(T::softmax(self, x.data, x.dims), x.dims))
    }

    fn backward<T: Kernels>(&self, pass: Backward<T, ()>) -> Result<Vec<Gradient<T>>> {
        let Backward { y, dims, dy, .. } = pass;
        Ok(vec![Gradient::New(T::softmax_gradient(self, y, dy, dims))])
    }
}
