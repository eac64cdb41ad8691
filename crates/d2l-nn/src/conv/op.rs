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

use candle_core::{Result, bail};
use rayon::prelude::*;

use super::geometry::Geometry;
use super::{direct, product, runs, winograd};
use crate::graph::{Gradient, Input, Operation, Outputs, Upstream, exactly};
use crate::kernel::{self, Real};

/// Which kernel computes a convolution.
enum Method {
    Winograd,
    Direct,
    Runs,
    Product,
}

fn method(geometry: &Geometry) -> Method {
    if winograd::applies(geometry) && winograd::cost(geometry) <= runs::cost(geometry) {
        Method::Winograd
    } else if runs::applies(geometry) {
        Method::Runs
    } else if direct::applies(geometry) {
        Method::Direct
    } else {
        Method::Product
    }
}

/// y = w ∗ x + b
fn forward<T: Real>(geometry: &Geometry, x: &[T], weight: &[T], bias: Option<&[T]>) -> Vec<T> {
    match method(geometry) {
        Method::Winograd => winograd::forward(geometry, x, weight, bias),
        Method::Direct => direct::forward(geometry, x, weight, bias),
        Method::Runs => runs::forward(geometry, x, weight, bias),
        Method::Product => product::forward(geometry, x, weight, bias),
    }
}

/// ∂l/∂x
fn input_gradient<T: Real>(geometry: &Geometry, weight: &[T], dy: &[T]) -> Vec<T> {
    match method(geometry) {
        Method::Winograd => winograd::input_gradient(geometry, weight, dy),
        Method::Direct => direct::input_gradient(geometry, weight, dy),
        Method::Runs => runs::input_gradient(geometry, weight, dy),
        Method::Product => product::input_gradient(geometry, weight, dy),
    }
}

/// ∂l/∂w
fn weight_gradient<T: Real>(geometry: &Geometry, x: &[T], dy: &[T]) -> Vec<T> {
    match method(geometry) {
        Method::Winograd => winograd::weight_gradient(geometry, x, dy),
        Method::Direct => direct::weight_gradient(geometry, x, dy),
        Method::Runs => runs::weight_gradient(geometry, x, dy),
        Method::Product => product::weight_gradient(geometry, x, dy),
    }
}

/// ∂l/∂b: for each filter the sum of ∂l/∂y over images and cells, in f64 and in that order.
fn bias_gradient<T: Real>(geometry: &Geometry, dy: &[T]) -> Vec<T> {
    let (filters, area) = (geometry.filters, geometry.pixels().max(1));
    let of_filter = |filter: usize| {
        let planes = dy.chunks_exact(area).skip(filter).step_by(filters);
        let mut sum = 0.0;
        planes.for_each(|plane| sum += kernel::sum(plane));
        T::from_f64(sum)
    };
    match kernel::pays_to_share(dy.len()) {
        true => (0..filters).into_par_iter().map(of_filter).collect(),
        false => (0..filters).map(of_filter).collect(),
    }
}

/// y = w ∗ x + b, with a bias (three inputs) or without (two).
pub(super) struct Convolution(pub Geometry);

impl Convolution {
    /// x and w, and b.
    fn apart<'a, T: Copy>(
        inputs: &[Input<'a, T>],
    ) -> Result<([Input<'a, T>; 2], Option<Input<'a, T>>)> {
        match *inputs {
            [x, weight] => Ok(([x, weight], None)),
            [x, weight, bias] => Ok(([x, weight], Some(bias))),
            _ => bail!("convolution: found {} inputs, wanted 2 or 3", inputs.len()),
        }
    }
}

impl Operation for Convolution {
    type Kept<T: Real> = ();

    fn name(&self) -> &'static str {
        "convolution"
    }

    fn forward<T: Real>(&self, inputs: &[Input<T>], _keeps: bool) -> Result<Outputs<T, ()>> {
        let ([x, weight], bias) = Self::apart(inputs)?;
        let y = forward(&self.0, x.data, weight.data, bias.map(|bias| bias.data));
        Ok(Outputs::new(y, self.0.output_dims()))
    }

    fn backward<T: Real>(
        &self,
        inputs: &[Input<T>],
        Upstream { dy, .. }: Upstream<T>,
        _kept: (),
    ) -> Result<Vec<Gradient<T>>> {
        let ([x, weight], bias) = Self::apart(inputs)?;
        let dx = x.gradient(|| input_gradient(&self.0, weight.data, dy)); // pictures need none
        let dw = weight.gradient(|| weight_gradient(&self.0, x.data, dy));
        let db = bias.map(|bias| bias.gradient(|| bias_gradient(&self.0, dy)));
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

    fn forward<T: Real>(&self, inputs: &[Input<T>], _keeps: bool) -> Result<Outputs<T, ()>> {
        let [x, weight] = exactly(inputs)?;
        let y = input_gradient(&self.0, weight.data, x.data);
        Ok(Outputs::new(y, self.0.input_dims()))
    }

    fn backward<T: Real>(
        &self,
        inputs: &[Input<T>],
        Upstream { dy, .. }: Upstream<T>,
        _kept: (),
    ) -> Result<Vec<Gradient<T>>> {
        let [x, weight] = exactly(inputs)?;
        let dx = x.gradient(|| forward(&self.0, dy, weight.data, None));
        let dw = weight.gradient(|| weight_gradient(&self.0, dy, x.data));
        Ok(vec![dx, dw])
    }
}
