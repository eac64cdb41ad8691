//! What candle-nn lacks for training: parameters drawn from a seed, initial values, dropout, losses, optimizers,
//! schedules and clipping, with correct gradients and fast CPU kernels.
//!
//! Reading order:
//!
//! - what a model is: [`Network`] and [`Mode`];
//! - its parameters: [`ParamStore`] and [`Initializer`];
//! - its layers: [`linear`], [`embedding()`], [`conv2d`], [`max_pool2d`], [`relu()`] and the other activations,
//!   [`softmax()`], [`batch_norm`] and the other normalisations, [`Dropout`], [`Rnn`], [`Gru`], [`Lstm`] and
//!   [`scaled_dot_product_attention`];
//! - what training minimises: [`cross_entropy`], [`mse_loss`] and the other losses, with a [`Reduction`];
//! - gradients: [`backward()`], [`boundary()`], and [`no_grad()`] if none are wanted;
//! - numbers of 16 bits for products: [`in_precision`] and [`Precision`];
//! - updates: [`Sgd`], [`Adam`] and the other optimizers, [`Schedule`], [`clip_gradient_norm`] and [`Accumulator`];
//! - tools: [`observed`] collects what each layer computes and costs, [`testing`] checks gradients.
//!
//! Each operation is defined by a composition of candle's own, called `composed`, which runs on any device. On the CPU
//! a kernel computes the same in one parallel pass and is tested against the definition. Results do not depend on the
//! number of threads: sums are added in a fixed order.

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
