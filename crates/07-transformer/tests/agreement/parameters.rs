//! The parameters of all models: their number, and their gradients by finite differences.

use anyhow::{Result, ensure};
use attention::encoder_decoder::{Sizes, Translator};
use candle_core::{DType, Tensor, Var};
use convolutional::pictures::Shape;
use d2l::next_token_loss;
use d2l::nn::testing::{check_gradients, every_parameter_has_a_gradient, filled};
use d2l::nn::{Network, ParamStore, backward, cross_entropy};
use transformer::breaks::Breaks;
use transformer::gpt::network::{Gpt, Size};
use transformer::translation::network::{Parts, Transformer};
use transformer::vit::{self, Pool, VisionTransformer};

use crate::{DEVICE, GPT, RULE, SIZES, TRAIN, fill, parts, store, tokens, translator, vit_options};

/// zh 10.7 and en 11.7 with their vocabularies, en 11.8 on pictures of 96 x 96.
#[test]
fn parameters_are_as_many_as_the_books() -> Result<()> {
    let parts = Parts { ffn_hiddens: 64, num_heads: 4, ..parts("")? };
    for (vocabularies, num_hiddens, wanted) in
        [([184, 201], 32, 60_937), ([194, 214], 256, 1_869_782)]
    {
        let sizes = Sizes { vocabularies, num_hiddens, ..SIZES };
        let params = ParamStore::new(0, &DEVICE);
        Transformer::new(sizes, parts, &RULE, &params)?;
        ensure!(
            params.parameter_count() == wanted,
            "{}",
            params.parameter_count()
        );
    }
    let params = ParamStore::new(0, &DEVICE);
    VisionTransformer::new(Shape::grey(96), &vit::Options::BOOK, &RULE, &params)?;
    ensure!(
        params.parameter_count() == 6_457_866,
        "{}",
        params.parameter_count()
    );
    Ok(())
}

/// The gradients of `loss` are those that finite differences give.
fn check(params: &ParamStore, loss: impl Fn() -> candle_core::Result<Tensor>) -> Result<()> {
    every_parameter_has_a_gradient(params, &backward(&loss()?)?)?;
    let vars: Vec<Var> = params
        .parameters()
        .into_iter()
        .map(|(_, var)| var)
        .collect();
    check_gradients(&vars, loss, 1e-7)
}

/// With dropout, whose draws are the same in every pass of a step, and without.
#[test]
fn gradients_are_right() -> Result<()> {
    for (breaks, dropout) in [("", 0.3), ("post-norm", 0.0), ("no-scale,no-position", 0.0)] {
        let size = Size {
            vocab_size: 5,
            context: 4,
            num_hiddens: 4,
            ffn_hiddens: 6,
            dropout,
            ..GPT
        };
        let params = store();
        let breaks: Breaks = match breaks {
            "" => Breaks::default(),
            names => names.parse()?,
        };
        let model = Gpt::new(size, breaks, &RULE, &params)?;
        fill(&params, 2.0)?;
        let (x, y) = (tokens((2, 4), 5, 1)?, tokens((2, 4), 5, 9)?);
        check(&params, || next_token_loss(&model.forward(&x, TRAIN)?, &y))?;
    }
    for (breaks, dropout) in [("", 0.3), ("pre-norm", 0.0)] {
        let sizes = Sizes { vocabularies: [5, 6], num_hiddens: 4, num_layers: 1, dropout };
        let (params, model) = translator(sizes, parts(breaks)?)?;
        let lens = Tensor::new(&[3u32, 2], &DEVICE)?;
        let (source, input) = (tokens((2, 3), 5, 1)?, tokens((2, 4), 6, 101)?);
        let target = tokens((2, 4), 6, 9)?;
        check(&params, || {
            let logits = model.forward(&source, &lens, &input, TRAIN)?;
            next_token_loss(&logits, &target)
        })?;
    }
    let (x, y) = (
        filled((2, 1, 4, 4), 1, 2.0, DType::F64, &DEVICE)?,
        Tensor::new(&[3u32, 8], &DEVICE)?,
    );
    for pool in [Pool::ClassToken, Pool::Mean] {
        let options = vit::Options {
            patch_size: 2,
            num_hiddens: 4,
            ffn_hiddens: 6,
            dropout: 0.3,
            pool,
            ..vit_options()
        };
        let params = store();
        let model = VisionTransformer::new(Shape::grey(4), &options, &RULE, &params)?;
        fill(&params, 2.0)?;
        check(&params, || cross_entropy(&model.forward(&x, TRAIN)?, &y))?;
    }
    Ok(())
}
