//! The arithmetic of layers and losses on the CPU, forward and back: slices and shapes in, slices out. Without candle, so
//! that the two are compiled side by side; `d2l-nn` makes layers of it.
//!
//! Reading order:
//!
//! - numbers: [`Real`] (f32 and f64, and their functions), [`wide`] (loops for vectors), `sums`, `threads`;
//! - one number at a time: [`map`], [`map2`], [`map2_and_sum`];
//! - matrices: [`Matrix`] and [`multiply`], [`Panels`], [`matmul`], [`bias`];
//! - images: [`conv`], [`pool`], [`windows`];
//! - rows: [`softmax`], [`cross_entropy`], [`norm`], [`dropout`];
//! - sequences: [`recurrent`], [`attention`].
//!
//! [`Kernels`] lists what is compiled in this crate, once for f32 and once for f64:
//!
//! ```
//! use d2l_kernels::Kernels;
//! use d2l_kernels::softmax::{Function, Seen, Softmax};
//!
//! let softmax = Softmax { axis: 1, function: Function::Softmax, seen: Seen::All };
//! let x = [0f32, 0.0, 5.0, 5.0]; // [2, 2]
//! assert_eq!(f32::softmax(&softmax, &x, &[2, 2]), [0.5; 4]);
//! ```
//!
//! Results do not depend on the number of threads, since only shapes decide how a sum is split.

pub mod attention;
pub mod bias;
pub mod conv;
pub mod cross_entropy;
pub mod dropout;
mod elements;
mod kernels;
pub mod matmul;
mod misfit;
pub mod norm;
mod panels;
pub mod pool;
mod product;
mod real;
pub mod recurrent;
pub mod softmax;
mod sums;
mod threads;
mod vector_product;
pub mod windows;

pub use elements::{map, map2, map2_and_sum, sum, sum_of_squares};
pub use kernels::Kernels;
pub use misfit::Misfit;
pub use panels::Panels;
pub use product::{Matrix, add_product, add_product_shared, multiply, multiply_shared};
pub use real::{Real, wide, widest};
pub use sums::{sum_of, sum_pairs};
pub use threads::{CHUNK, pays_to_share};
