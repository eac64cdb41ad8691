//! Activation functions: element by element, with the gradient in one pass too. D2L zh 4.1.2, en 5.1.2.
//!
//! y = φ(x),   ∂l/∂x = φ'(x) ∂l/∂y

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

use candle_core::backend::BackendStorage;
use candle_core::{
    CpuStorage, CustomOp1, CustomOp2, DType, Layout, Result, Shape, Tensor, WithDType, bail,
};

use crate::Sees;
use crate::graph;
use crate::kernel::{self, Real, elements};
use crate::node;
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
}

/// φ of every element, by the kernel if there is one.
fn apply<A: Activation>(x: &Tensor, function: A) -> Result<Tensor> {
    let y = if kernel::has_kernel(x) {
        node::apply1(Forward(function), x.contiguous()?)?
    } else {
        function.composed(&graph::input(x))?
    };
    report_function(A::NAME, &[x], &y, Sees::Same);
    Ok(y)
}

/// y = φ(x)
struct Forward<A>(A);

impl<A: Activation> CustomOp1 for Forward<A> {
    fn name(&self) -> &'static str {
        A::NAME
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let function = self.0;
        let y = match x.dtype() {
            DType::F32 => f32::to_cpu_storage_owned(kernel::map(
                elements::<f32>(x, layout)?,
                #[inline(always)] // or the loop around it is not vectorised
                move |x| function.value(x),
            )),
            DType::F64 => f64::to_cpu_storage_owned(kernel::map(
                elements::<f64>(x, layout)?,
                #[inline(always)]
                move |x| function.value(x),
            )),
            other => bail!("{}: found {other:?}, wanted f32 or f64", A::NAME),
        };
        Ok((y, layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        let known = if A::FROM_OUTPUT { y } else { x };
        let backward = Backward(self.0);
        let dx = dy
            .contiguous()?
            .apply_op2_no_bwd(&known.contiguous()?, &backward)?;
        Ok(Some(dx))
    }
}

/// dx = φ' dy
struct Backward<A>(A);

impl<A: Activation> CustomOp2 for Backward<A> {
    fn name(&self) -> &'static str {
        A::NAME
    }

    fn cpu_fwd(
        &self,
        dy: &CpuStorage,
        dy_layout: &Layout,
        known: &CpuStorage,
        known_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let function = self.0;
        let dx = match dy.dtype() {
            DType::F32 => f32::to_cpu_storage_owned(kernel::map2(
                elements::<f32>(dy, dy_layout)?,
                elements::<f32>(known, known_layout)?,
                #[inline(always)]
                move |dy, known| function.gradient(dy, known),
            )),
            DType::F64 => f64::to_cpu_storage_owned(kernel::map2(
                elements::<f64>(dy, dy_layout)?,
                elements::<f64>(known, known_layout)?,
                #[inline(always)]
                move |dy, known| function.gradient(dy, known),
            )),
            other => bail!("{}: found {other:?}, wanted f32 or f64", A::NAME),
        };
        Ok((dx, dy_layout.shape().clone()))
    }
}
