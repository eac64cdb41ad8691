//! What is compiled in this crate.

use crate::attention::{Attention, Mask};
use crate::conv::Geometry;
use crate::cross_entropy::CrossEntropy;
use crate::dropout::Dropped;
use crate::matmul::{Sizes, Transposed};
use crate::norm::{MeanAndVariance, Planes, Rows, Used};
use crate::pool::{Combine, MaxOver};
use crate::recurrent::{Gradients, Inputs, Kept, Layer};
use crate::softmax::Softmax;
use crate::{Real, bias, conv, matmul};

/// Declares [`Kernels`]: each function is the one behind `=`, for f32 and for f64.
macro_rules! kernels {
    ($($(#[$doc:meta])* fn $name:ident($($argument:ident: $type:ty),*) $(-> $output:ty)? = $kernel:path;)*) => {
        /// A number type with all kernels.
        ///
        /// A generic function is compiled where it is called, for each type. These are called here, so that they are
        /// compiled beside candle, and not again when something changes in the crates that use them.
        pub trait Kernels: Real {
            $($(#[$doc])* fn $name($($argument: $type),*) $(-> $output)?;)*
        }

        impl Kernels for f32 {
            $(fn $name($($argument: $type),*) $(-> $output)? {
                $kernel($($argument),*)
            })*
        }

        impl Kernels for f64 {
            $(fn $name($($argument: $type),*) $(-> $output)? {
                $kernel($($argument),*)
            })*
        }
    };
}

kernels! {
    /// [`matmul::products`]
    fn products(a: &[Self], b: &[Self], sizes: Sizes, transposed: Transposed) -> Vec<Self> = matmul::products;

    /// [`bias::add_bias`]
    fn add_bias(y: &mut [Self], bias: &[Self]) = bias::add_bias;

    /// [`bias::column_sums`]
    fn column_sums(dy: &[Self], out_dim: usize) -> Vec<Self> = bias::column_sums;

    /// [`conv::forward`]
    fn convolution(geometry: &Geometry, x: &[Self], weight: &[Self], bias: Option<&[Self]>) -> Vec<Self>
        = conv::forward;

    /// [`conv::input_gradient`]
    fn convolution_input_gradient(geometry: &Geometry, weight: &[Self], dy: &[Self]) -> Vec<Self>
        = conv::input_gradient;

    /// [`conv::weight_gradient`]
    fn convolution_weight_gradient(geometry: &Geometry, x: &[Self], dy: &[Self]) -> Vec<Self>
        = conv::weight_gradient;

    /// [`conv::bias_gradient`]
    fn convolution_bias_gradient(geometry: &Geometry, dy: &[Self]) -> Vec<Self> = conv::bias_gradient;

    /// [`MaxOver::values`]
    fn max_pool(regions: &MaxOver, x: &[Self], planes: usize, wants_winners: bool) -> (Vec<Self>, Vec<u32>)
        = MaxOver::values;

    /// [`MaxOver::gradient`]
    fn max_pool_gradient(regions: &MaxOver, dy: &[Self], winners: &[u32]) -> Vec<Self> = MaxOver::gradient;

    /// [`Combine::combined`]
    fn combined(weights: &Combine, x: &[Self], planes: usize) -> Vec<Self> = Combine::combined;

    /// [`Combine::gradient`]
    fn combined_gradient(weights: &Combine, dy: &[Self], planes: usize) -> Vec<Self> = Combine::gradient;

    /// [`Softmax::values`]
    fn softmax(softmax: &Softmax, x: &[Self], dims: &[usize]) -> Vec<Self> = Softmax::values;

    /// [`Softmax::gradient`]
    fn softmax_gradient(softmax: &Softmax, y: &[Self], dy: &[Self], dims: &[usize]) -> Vec<Self>
        = Softmax::gradient;

    /// [`CrossEntropy::losses`]
    fn cross_entropy(
        losses: &CrossEntropy, logits: &[Self], weights: &[Option<f64>], divisor: f64, wants_gradient: bool
    ) -> (Vec<f64>, Vec<Self>) = CrossEntropy::losses;

    /// [`Rows::normalised`]
    fn normalised_rows(rows: &Rows, inputs: [&[Self]; 3]) -> (Vec<Self>, Vec<Used>) = Rows::normalised;

    /// [`Rows::gradients`]
    fn normalised_rows_gradients(rows: &Rows, inputs: [&[Self]; 3], used: &[Used]) -> [Vec<Self>; 3]
        = Rows::gradients;

    /// [`Planes::normalised`]
    fn normalised_planes(planes: &Planes, inputs: [&[Self]; 3], inner: usize) -> (Vec<Self>, Vec<MeanAndVariance>)
        = Planes::normalised;

    /// [`Planes::gradients`]
    fn normalised_planes_gradients(
        planes: &Planes, inputs: [&[Self]; 4], inner: usize, used: &[MeanAndVariance], wants_dx: bool
    ) -> [Vec<Self>; 3] = Planes::gradients;

    /// [`Dropped::of`]
    fn dropout(dropped: &Dropped, x: &[Self]) -> Vec<Self> = Dropped::of;

    /// [`Attention::forward`]
    fn attention(op: &Attention, inputs: [&[Self]; 3], mask: Option<Mask<Self>>) -> (Vec<Self>, Vec<Self>)
        = Attention::forward;

    /// [`Attention::backward`]
    fn attention_gradients(
        op: &Attention, inputs: [&[Self]; 3], mask: Option<Mask<Self>>, outputs: [&[Self]; 3]
    ) -> [Vec<Self>; 3] = Attention::backward;

    /// [`Layer::outputs`]
    fn recurrent(layer: Layer, inputs: &Inputs<Self>, keeps: bool) -> (Vec<Self>, Vec<Self>, Kept<Self>)
        = Layer::outputs;

    /// [`Layer::gradients`]
    fn recurrent_gradients(
        layer: Layer, inputs: &Inputs<Self>, kept: Kept<Self>, outputs: [&[Self]; 2], dc: Vec<Self>,
        wanted: [bool; 2]
    ) -> Gradients<Self> = Layer::gradients;
}
