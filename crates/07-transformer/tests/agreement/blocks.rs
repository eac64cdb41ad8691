//! The block that all models share, and what a GPU runs of each model.

use anyhow::{Context, Result};
use attention::encoder_decoder::{Sizes, Translator};
use attention::mask::Mask;
use candle_core::DType;
use convolutional::pictures::Shape;
use d2l::next_token_loss;
use d2l::nn::testing::filled;
use d2l::nn::{CrossEntropyOptions, Network, ParamStore, cross_entropy, cross_entropy_with};
use d2l::testing::{LayerCase, check_kernels_against_definitions, check_layer_against_golden};
use transformer::block::{Activation, BlockOptions, Norm};
use transformer::breaks::Breaks;
use transformer::encoder::EncoderBlock;
use transformer::gpt::network::{Gpt, Size};
use transformer::translation::network::Transformer;
use transformer::vit::{self, VisionTransformer};

use crate::{DEVICE, GPT, RULE, SIZES, TRAIN, golden, parts, sentences, tokens};

/// `torch.nn.TransformerEncoderLayer` with biases of 0 in its attention: output and all gradients.
#[test]
fn a_block_agrees_with_pytorchs_own() -> Result<()> {
    let file = golden("transformer-encoder-layer");
    let build = |case: &LayerCase, params: &ParamStore| {
        let [ffn_hiddens, num_hiddens] = case.shape("ffn.dense1.weight")?[..] else {
            anyhow::bail!("wanted a matrix");
        };
        let (norm, activation) = match case.name.starts_with("pre-norm") {
            true => (Norm::Pre, Activation::Gelu),
            false => (Norm::Post, Activation::Relu),
        };
        let options = BlockOptions {
            num_hiddens,
            ffn_hiddens,
            num_heads: case.num_heads,
            attention_dropout: 0.0,
            output_dropout: 0.0,
            ffn_dropout: 0.0,
            ffn_output_dropout: 0.0,
            norm,
            activation,
            scaled: true,
        };
        Ok(EncoderBlock::new(&options, &RULE, params.builder())?)
    };
    check_layer_against_golden(&file, 4, build, |block, case, inputs| {
        let mask = Mask { valid_lens: case.valid_lens.as_ref(), causal: case.causal };
        block.forward(&inputs[0], mask, None, TRAIN)
    })
}

/// What a GPU runs gives the same losses.
#[test]
fn kernels_and_definitions_train_alike() -> Result<()> {
    let [source, lens, input] = sentences()?;
    let target = tokens((4, 6), 13, 99)?;
    let sizes = Sizes { dropout: 0.3, ..SIZES };
    let parts = parts("")?;
    let build = |params: &ParamStore| Ok(Transformer::new(sizes, parts, &RULE, params)?);
    check_kernels_against_definitions(build, |model, mode| {
        let logits = model.forward(&source, &lens, &input, mode)?;
        cross_entropy_with(&logits, &target, CrossEntropyOptions::default())
    })
    .context("translation")?;

    let (x, y) = (tokens((3, 9), 7, 1)?, tokens((3, 9), 7, 2)?);
    let size = Size { dropout: 0.3, ..GPT };
    let build = |params: &ParamStore| Ok(Gpt::new(size, Breaks::default(), &RULE, params)?);
    check_kernels_against_definitions(build, |model, mode| {
        next_token_loss(&model.forward(&x, mode)?, &y)
    })
    .context("gpt")?;

    let x = filled((3, 1, 28, 28), 1, 2.0, DType::F32, &DEVICE)?;
    let y = tokens((1, 3), 10, 2)?.squeeze(0)?;
    let build = |params: &ParamStore| {
        VisionTransformer::new(Shape::grey(28), &vit::Options::SMALL, &RULE, params)
    };
    check_kernels_against_definitions(build, |model, mode| {
        cross_entropy(&model.forward(&x, mode)?, &y)
    })
    .context("vit")
}
