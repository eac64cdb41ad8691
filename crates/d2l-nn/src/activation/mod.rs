//! Activation functions: element by element, with the gradient in one pass too. D2L zh 4.1.2, en 5.1.2.
//!
//! y = φ(x),   ∂l/∂x = φ'(x) ∂l/∂y
//!
//! A definition takes a pass over memory for each of its operations; a kernel takes one, for eight numbers side by
//! side, and one back. tanh takes 0.29 of PyTorch's time, ELU 0.33, sigmoid 0.79 (one thread; see the README's table).

mod add;
mod elu;
mod gelu;
mod leaky_relu;
mod relu;
mod sigmoid;
mod silu;
mod softplus;
mod tanh;
#[cfg(test)]
mod tests;

pub use add::{add, add_relu};
pub use elu::elu;
pub use gelu::{gelu, gelu_tanh};
pub use leaky_relu::leaky_relu;
pub use relu::relu;
pub use sigmoid::sigmoid;
pub use silu::silu;
pub use softplus::softplus;
pub use tanh::tanh;

use candle_core::{Result, Tensor};

use crate::Sees;
use crate::graph::{self, Backward, Gradient, Input, Operation, Outputs, exactly};
use crate::kernel::{self, Kernels, Real};
use crate::observe::report_function;

/// A function φ of one number. It is copied into its loops: behind a pointer, a parameter would be read for every
/// number.
trait Activation: Copy + Send + Sync + 'static {
    /// The name in error messages.
    const NAME: &'static str;
    /// Whether φ' is computed from y, if that is less work, or from x.
    const FROM_OUTPUT: bool;

    /// φ(x)
    fn value<T: Real>(&self, x: T) -> T;

    /// φ'(x), from y = φ(x) or from x.
    fn slope<T: Real>(&self, known: T) -> T;

    /// φ' dy
    #[inline(always)]
    fn gradient<T: Real>(&self, dy: T, known: T) -> T {
        dy * self.slope(known)
    }

    /// The definition in candle's own operations: the kernel's reference, and what other devices run.
    fn composed(&self, x: &Tensor) -> Result<Tensor>;

    /// φ' dy in candle's own operations, where φ' is computed from y or from x.
    fn composed_gradient(&self, dy: &Tensor, known: &Tensor) -> Result<Tensor>;
}

/// φ of every element, by the kernel if there is one.
fn apply<A: Activation>(x: &Tensor, function: A) -> Result<Tensor> {
    let y = if kernel::has_kernel(x) {
        graph::apply(Elements(function), &[x])?
    } else {
        defined(x, function)?
    };
    report_function(A::NAME, &[x], &y, Sees::Same);
    Ok(y)
}

/// φ of every element, by the definition.
fn defined<A: Activation>(x: &Tensor, function: A) -> Result<Tensor> {
    let forward = |inputs: &[Tensor]| {
        let [x] = exactly(inputs)?;
        Ok((function.composed(x)?, []))
    };
    graph::define(A::NAME, &[x], forward, move |known| {
        let [x] = exactly(known.inputs)?;
        let of = if A::FROM_OUTPUT { known.y } else { x };
        Ok(vec![Some(function.composed_gradient(known.dy, of)?)])
    })
}

/// φ of every element, in one pass over memory.
struct Elements<A>(A);

impl<A: Activation> Operation for Elements<A> {
    type Kept<T: Real> = ();

    fn name(&self) -> &'static str {
        A::NAME
    }

    fn forward<T: Kernels>(&self, inputs: &[Input<T>], _keeps: bool) -> Result<Outputs<T, ()>> {
        let [x] = exactly(inputs)?;
        let function = self.0;
        let y = kernel::map(
            x.data,
            #[inline(always)] // or the loop around it is not vectorised
            move |x| function.value(x),
        );
        Ok(Outputs::new(y, x.dims))
    }

    fn backward<T: Kernels>(&self, pass: Backward<T, ()>) -> Result<Vec<Gradient<T>>> {
        let Backward { inputs, y, dy, .. } = pass;
        let [x] = exactly(inputs)?;
        let known = if A::FROM_OUTPUT { y } else { x.data };
        Ok(vec![Gradient::New(gradients(self.0, dy, known))])
    }
}

/// φ' dy of every element, where φ' is computed from y or x.
fn gradients<T: Real>(function: impl Activation, dy: &[T], known: &[T]) -> Vec<T> {
    kernel::map2(
        dy,
        known,
        #[inline(always)]
        move |dy, known| function.gradient(dy, known),
    )
}
