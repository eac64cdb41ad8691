//! Convolution and its gradients, by one of four kernels.
//!
//! ```text
//!    image          kernel        output
//!    a b c d        w x           y[r, c] = Σ kernel[i, j] · image[r + i, c + j]
//!    e f g h   *    y z
//!    i j k l
//! ```
//!
//! - `winograd`: fewer multiplications, if there are enough channels and tiles;
//! - `runs`: a product for each entry of the kernel, if that multiplies less (small images, strides, large kernels);
//! - `direct`: sums straight from the padded image, for few channels;
//! - `product`: otherwise, products with blocks of the matrix of patches.

mod direct;
mod geometry;
mod product;
mod runs;
mod share;
mod transform;
mod unfold;
mod winograd;

pub use geometry::{Axis, Conv2dConfig, Geometry};

use rayon::prelude::*;

use crate::{Real, pays_to_share, sum};

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
pub fn forward<T: Real>(geometry: &Geometry, x: &[T], weight: &[T], bias: Option<&[T]>) -> Vec<T> {
    match method(geometry) {
        Method::Winograd => winograd::forward(geometry, x, weight, bias),
        Method::Direct => direct::forward(geometry, x, weight, bias),
        Method::Runs => runs::forward(geometry, x, weight, bias),
        Method::Product => product::forward(geometry, x, weight, bias),
    }
}

/// ∂l/∂x
pub fn input_gradient<T: Real>(geometry: &Geometry, weight: &[T], dy: &[T]) -> Vec<T> {
    match method(geometry) {
        Method::Winograd => winograd::input_gradient(geometry, weight, dy),
        Method::Direct => direct::input_gradient(geometry, weight, dy),
        Method::Runs => runs::input_gradient(geometry, weight, dy),
        Method::Product => product::input_gradient(geometry, weight, dy),
    }
}

/// ∂l/∂w
pub fn weight_gradient<T: Real>(geometry: &Geometry, x: &[T], dy: &[T]) -> Vec<T> {
    match method(geometry) {
        Method::Winograd => winograd::weight_gradient(geometry, x, dy),
        Method::Direct => direct::weight_gradient(geometry, x, dy),
        Method::Runs => runs::weight_gradient(geometry, x, dy),
        Method::Product => product::weight_gradient(geometry, x, dy),
    }
}

/// ∂l/∂b: for each filter the sum of ∂l/∂y over images and cells, in f64 and in that order.
pub fn bias_gradient<T: Real>(geometry: &Geometry, dy: &[T]) -> Vec<T> {
    let (filters, area) = (geometry.filters, geometry.pixels().max(1));
    let of_filter = |filter: usize| {
        let planes = dy.chunks_exact(area).skip(filter).step_by(filters);
        let mut total = 0.0;
        planes.for_each(|plane| total += sum(plane));
        T::from_f64(total)
    };
    match pays_to_share(dy.len()) {
        true => (0..filters).into_par_iter().map(of_filter).collect(),
        false => (0..filters).map(of_filter).collect(),
    }
}
