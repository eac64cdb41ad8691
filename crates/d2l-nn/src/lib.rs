//! What candle-nn lacks for training: parameters drawn from a seed, initial values, dropout, losses, optimizers,
//! schedules and clipping, with correct gradients and fast CPU kernels.
//!
//! Reading order, with the book's sections in both editions:
//!
//! - what a model is: [`Network`] and [`Mode`] (zh 5.1, en 6.1);
//! - its parameters: [`ParamStore`] and [`Initializer`] (zh 5.2 and 4.8.2, en 6.2, 6.3 and 5.4.2);
//! - its layers: [`linear`], [`embedding()`], [`conv2d`] (zh 6, en 7), [`max_pool2d`], [`relu()`] and the other
//!   activations (zh 4.1.2, en 5.1.2), [`softmax()`], [`batch_norm`] and the other normalisations (zh 7.5, en 8.5),
//!   [`Dropout`] (zh 4.6, en 5.6), [`Rnn`], [`Gru`] and [`Lstm`] (zh 8 and 9, en 9 and 10),
//!   [`scaled_dot_product_attention`] (zh 10.3, en 11.3);
//! - what training minimises: [`cross_entropy`] (zh 3.4, en 4.1), [`mse_loss`] and the other losses, with a
//!   [`Reduction`];
//! - gradients: [`backward()`], [`boundary()`], and [`no_grad()`] if none are wanted (zh 2.5, en 2.5);
//! - numbers of 16 bits for products: [`in_precision`] and [`Precision`] (Micikevicius et al. 2018,
//!   [1710.03740](https://arxiv.org/abs/1710.03740));
//! - updates: [`Sgd`], [`Adam`] and the other optimizers, [`Schedule`] (zh 11, en 12), [`clip_gradient_norm`] (zh
//!   8.5.5, en 9.5.3) and [`Accumulator`];
//! - tools: [`observed`] collects what each layer computes and costs, [`testing`] checks gradients.
//!
//! A layer, a loss and a step of the optimizer:
//!
//! ```
//! use candle_core::{Device, Module, Tensor};
//! use d2l_nn::{Initializer, Optimizer, ParamGroup, ParamStore, Sgd};
//! use d2l_nn::{backward, linear, mse_loss};
//!
//! let params = ParamStore::new(0, &Device::Cpu); // drawn from seed 0
//! let layer = linear(2, 1, &Initializer::Xavier, params.builder().pp("linear"))?;
//! let x = Tensor::new(&[[1f32, 2.0], [3.0, 4.0]], &Device::Cpu)?; // [B, D]
//! let y = Tensor::new(&[[0f32], [1.0]], &Device::Cpu)?; // [B, 1]
//! let loss = || mse_loss(&layer.forward(&x)?, &y)?.to_scalar::<f32>();
//!
//! let before = loss()?;
//! let groups = vec![ParamGroup::new(params.parameters())];
//! let mut sgd = Sgd::new(groups, 0.01, 0.0, false)?; // learning rate, momentum
//! sgd.step(&backward(&mse_loss(&layer.forward(&x)?, &y)?)?)?;
//! assert!(loss()? < before);
//! # Ok::<(), candle_core::Error>(())
//! ```
//!
//! Each operation is defined by a composition of candle's own, called `composed`, which runs on any device. On the CPU
//! a kernel computes the same in one parallel pass ([`d2l_kernels`]) and is tested against the definition. Results do
//! not depend on the number of threads: sums are added in a fixed order.

mod accumulate;
mod activation;
mod attention;
mod clip;
mod concat;
mod constants;
mod conv;
mod dropout;
mod embedding;
mod exchange;
mod gather;
mod gradients;
mod graph;
mod initializer;
mod kernel;
mod linear;
mod loss;
mod matmul;
mod memory;
mod mode;
mod network;
mod norm;
mod observe;
mod optimizer;
mod param_store;
mod pool;
mod precision;
mod recurrent;
mod schedule;
mod separable;
mod softmax;
mod tensor_file;
pub mod testing;
mod upsample;

pub use accumulate::Accumulator;
pub use activation::{
    add, add_relu, elu, gelu, gelu_tanh, leaky_relu, relu, sigmoid, silu, softplus, tanh,
};
pub use attention::{AttentionOptions, join_heads, scaled_dot_product_attention, split_heads};
pub use clip::{
    SquaredNorms, clip_gradient_norm, clip_gradient_value, clip_gradients_with_norms,
    gradient_norm, squared_gradient_norms,
};
pub use concat::concat;
pub use conv::{
    Conv1d, Conv2d, Conv2dConfig, ConvTranspose2d, conv_transpose2d, conv1d, conv2d, conv2d_no_bias,
};
pub use dropout::Dropout;
pub use embedding::{Embedding, embedding, embedding_with_padding};
pub use exchange::batch_first;
pub use gradients::join_gradients;
pub use graph::{backward, boundary, no_grad};
pub use initializer::Initializer;
pub use kernel::has_kernels;
pub use linear::{Linear, linear, linear_no_bias};
pub use loss::{
    AdaptiveSoftmax, BinaryCrossEntropyOptions, CrossEntropyOptions, FocalOptions, Reduction,
    adaptive_softmax, binary_cross_entropy, binary_cross_entropy_with_logits, cross_entropy,
    cross_entropy_with, focal_loss, huber_loss, kl_divergence, l1_loss, masked_cross_entropy,
    mse_loss, mse_loss_with, smooth_l1_loss,
};
pub use matmul::matmul;
pub use mode::{Mode, Step};
pub use network::Network;
pub use norm::{
    BatchNorm, GroupNorm, LayerNorm, RmsNorm, batch_norm, group_norm, layer_norm, rms_norm,
};
pub use observe::{
    Layer, Observations, ReceptiveField, Sees, block, is_observed, observed, report_attention,
    report_function, report_layer, report_path,
};
pub use optimizer::{
    Adadelta, Adagrad, Adam, Descent, Optimizer, ParamGroup, RmsProp, Sgd, State, Yogi,
};
pub use param_store::ParamStore;
pub use pool::{
    Pool1d, Pool2d, adaptive_avg_pool2d, adaptive_max_pool2d, avg_pool1d, avg_pool2d,
    global_avg_pool2d, max_pool1d, max_pool2d,
};
pub use precision::{Precision, in_precision};
pub use recurrent::{
    Gru, Lstm, Nonlinearity, RecurrentOptions, Reset, Rnn, gru, lstm, peephole_lstm, rnn,
};
pub use schedule::{Curve, Schedule};
pub use softmax::{log_softmax, masked_softmax, softmax};
pub use tensor_file::{load_saved_tensors, load_tensors, remove_temporary_files, save_tensors};
pub use upsample::{upsample_bilinear2d, upsample_nearest2d};
