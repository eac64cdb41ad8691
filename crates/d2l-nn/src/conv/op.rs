//! The convolution as one operation on the CPU, and its transpose as another.
//!
//! ```text
//!              y = w ∗ x + b                       ∂l/∂x = wᵀ ∗ ∂l/∂y
//!    x ------------------------> y      ∂l/∂x <------------------------ ∂l/∂y
//!        the transpose's gradient              the transpose itself
//! ```
//!
//! The definition computes a product for each entry of the kernel, over copies of the image. Here shapes choose one of
//! four kernels. The convolutions of 3 × 3 take 0.64 to 0.87 of PyTorch's time, LeNet's step 0.68 (one thread; see the
//! README's table).

use candle_core::Result;
use d2l_kernels::conv::Geometry;

use crate::graph::{Backward, Gradient, Input, Operation, Outputs, and_perhaps_one, exactly};
use crate::kernel::{Kernels, Real};

/// y = w ∗ x + b, with a bias (three inputs) or without (two).
pub(super) struct Convolution(pub Geometry);

impl Operation for Convolution {
    type Kept<T: Real> = ();

    fn name(&self) -> &'static str {
        "convolution"
    }

    fn forward<T: Kernels>(&self, inputs: &[Input<T>], _keeps: bool) -> Result<Outputs<T, ()>> {
        let ([x, weight], bias) = and_perhaps_one(inputs)?;
        let y = T::convolution(&self.0, x.data, weight.data, bias.map(|bias| bias.data));
        Ok(Outputs::new(y, self.0.output_dims()))
    }

    fn backward<T: Kernels>(&self, pass: Backward<T, ()>) -> Result<Vec<Gradient<T>>> {
        let Backward { inputs, dy, .. } = pass;
        let ([x, weight], bias) = and_perhaps_one(inputs)?;
        let dx = x.gradient(|| T::convolution_input_gradient(&self.0, weight.data, dy)); // pictures need none
        let dw = weight.gradient(|| T::convolution_weight_gradient(&self.0, x.data, dy));
        let db = bias.map(|bias| bias.gradient(|| T::convolution_bias_gradient(&self.0, dy)));
        Ok([dx, dw].into_iter().chain(db).collect())
    }
}

/// The transposed convolution without a bias: what the convolution of this geometry does to gradients.
pub(super) struct Transposed(pub Geometry);

impl Operation for Transposed {
    type Kept<T: Real> = ();

    fn name(&self) -> &'static str {
        "transposed convolution"
    }

    fn forward<T: Kernels>(&self, inputs: &[Input<T>], _keeps: bool) -> Result<Outputs<T, ()>> {
        let [x, weight] = exactly(inputs)?;
        let y = T::convolution_input_gradient(&self.0, weight.data, x.data);
        Ok(Outputs::new(y, self.0.input_dims()))
    }

    fn backward<T: Kernels>(&self, pass: Backward<T, ()>) -> Result<Vec<Gradient<T>>> {
        let Backward { inputs, dy, .. } = pass;
        let [x, weight] = exactly(inputs)?;
        let dx = x.gradient(|| T::convolution(&self.0, dy, weight.data, None));
        let dw = weight.gradient(|| T::convolution_weight_gradient(&self.0, dy, x.data));
        Ok(vec![dx, dw])
    }
}
