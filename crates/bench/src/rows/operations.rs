//! Single operations, forward and backward.

use anyhow::Result;
use candle_core::{D, Device, Module, Shape, Tensor, Var};
use d2l::nn::{
    AttentionOptions, Conv2dConfig, Initializer, Mode, ParamStore, Step, batch_norm, conv2d,
    cross_entropy, embedding, group_norm, layer_norm, linear, scaled_dot_product_attention,
    softmax,
};

use super::classes;
use crate::{Operation, Product, Work};

/// Shows the best that the machine can do.
pub(super) fn matrix_product() -> Result<Box<dyn Work>> {
    Ok(Box::new(Product::new(2048)?))
}

/// y = xWᵀ + b, with the gradient of x.
pub(super) fn linear_layer() -> Result<Box<dyn Work>> {
    let params = ParamStore::new(0, &Device::Cpu);
    let layer = linear(784, 256, &Initializer::PytorchDefault, params.builder())?;
    let forward = move |[x]: &[Var; 1]| layer.forward(x);
    Ok(Box::new(Operation::new(
        [(256, 784)],
        (256, 256),
        params,
        forward,
    )?))
}

/// 3 × 3, batch 64, shape and number of channels unchanged.
pub(super) fn convolution(channels: usize, side: usize) -> Result<Box<dyn Work>> {
    let params = ParamStore::new(0, &Device::Cpu);
    let same = Conv2dConfig::default().padding(1);
    let rule = Initializer::PytorchDefault;
    let layer = conv2d(channels, channels, 3, same, &rule, params.builder())?;
    let shape = (64, channels, side, side);
    let forward = move |[x]: &[Var; 1]| layer.forward(x);
    Ok(Box::new(Operation::new([shape], shape, params, forward)?))
}

/// 64 images of 64 channels.
const IMAGES: (usize, usize, usize, usize) = (64, 64, 32, 32);

/// For layers that behave differently in training.
const TRAIN: Mode = Mode::Train(Step { seed: 0, epoch: 0, step: 0 });

pub(super) fn batch_normalisation() -> Result<Box<dyn Work>> {
    let params = ParamStore::new(0, &Device::Cpu);
    let layer = batch_norm(64, params.builder())?;
    let forward = move |[x]: &[Var; 1]| layer.forward_t(x, TRAIN);
    Ok(Box::new(Operation::new([IMAGES], IMAGES, params, forward)?))
}

/// Both in one pass.
pub(super) fn batch_normalisation_and_relu() -> Result<Box<dyn Work>> {
    let params = ParamStore::new(0, &Device::Cpu);
    let layer = batch_norm(64, params.builder())?;
    let forward = move |[x]: &[Var; 1]| layer.forward_t_relu(x, TRAIN);
    Ok(Box::new(Operation::new([IMAGES], IMAGES, params, forward)?))
}

/// Eight channels in a group.
pub(super) fn group_normalisation() -> Result<Box<dyn Work>> {
    let params = ParamStore::new(0, &Device::Cpu);
    let layer = group_norm(8, 64, 1e-5, params.builder())?;
    let forward = move |[x]: &[Var; 1]| layer.forward(x);
    Ok(Box::new(Operation::new([IMAGES], IMAGES, params, forward)?))
}

/// A function of 1.2 million numbers.
pub(super) fn activation(
    function: impl Fn(&Tensor) -> candle_core::Result<Tensor> + 'static,
) -> Result<Box<dyn Work>> {
    let params = ParamStore::new(0, &Device::Cpu);
    let shape = (1000, 1200);
    let forward = move |[x]: &[Var; 1]| function(x);
    Ok(Box::new(Operation::new([shape], shape, params, forward)?))
}

pub(super) fn layer_normalisation() -> Result<Box<dyn Work>> {
    let params = ParamStore::new(0, &Device::Cpu);
    let layer = layer_norm(256, 1e-5, params.builder())?;
    let shape = (16, 128, 256);
    let forward = move |[x]: &[Var; 1]| layer.forward(x);
    Ok(Box::new(Operation::new([shape], shape, params, forward)?))
}

/// Four heads of 64 over 128 tokens.
pub(super) fn attention(causal: bool) -> Result<Box<dyn Work>> {
    let params = ParamStore::new(0, &Device::Cpu);
    let shape = (16, 4, 128, 64);
    let forward = move |[q, k, v]: &[Var; 3]| {
        let options = AttentionOptions { causal, ..AttentionOptions::default() };
        let (output, _) = scaled_dot_product_attention(q, k, v, options)?;
        Ok(output)
    };
    Ok(Box::new(Operation::new(
        [shape; 3], shape, params, forward,
    )?))
}

/// Tokens of a batch, words of a vocabulary, numbers that stand for a word.
const LOGITS: (usize, usize) = (2048, 10_000);
const DIM: usize = 512;

pub(super) fn softmax_of_rows() -> Result<Box<dyn Work>> {
    let params = ParamStore::new(0, &Device::Cpu);
    let forward = |[x]: &[Var; 1]| softmax(x, D::Minus1);
    Ok(Box::new(Operation::new([LOGITS], LOGITS, params, forward)?))
}

pub(super) fn cross_entropy_of_rows() -> Result<Box<dyn Work>> {
    let params = ParamStore::new(0, &Device::Cpu);
    let y = classes(LOGITS.0 as u32, LOGITS.1 as u32)?;
    let forward = move |[x]: &[Var; 1]| cross_entropy(x, &y);
    let (logits, loss) = (Shape::from(LOGITS), Shape::from(()));
    Ok(Box::new(Operation::new([logits], loss, params, forward)?))
}

pub(super) fn embedding_of_rows() -> Result<Box<dyn Work>> {
    let params = ParamStore::new(0, &Device::Cpu);
    let (tokens, words) = LOGITS;
    let layer = embedding(words, DIM, &Initializer::PytorchDefault, params.builder())?;
    let ids = classes(tokens as u32, words as u32)?;
    let forward = move |_: &[Var; 0]| layer.forward(&ids);
    Ok(Box::new(Operation::new(
        [],
        (tokens, DIM),
        params,
        forward,
    )?))
}
