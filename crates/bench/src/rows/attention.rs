//! The models of the chapters on attention, at the sizes of both editions. They have no dropout, because PyTorch would drop
//! other numbers, and the losses could not agree.

use anyhow::Result;
use attention::bahdanau::concise::Bahdanau;
use attention::encoder::EncoderEnd;
use attention::encoder_decoder::{Initializers, Sizes, Translator};
use attention::seq2seq::{Context, Seq2Seq};
use candle_core::{Device, Tensor};
use d2l::next_token_loss;
use d2l::nn::testing::hash;
use d2l::nn::{
    Adam, CrossEntropyOptions, Initializer, ParamGroup, ParamStore, Reduction, cross_entropy,
    cross_entropy_with,
};
use transformer::breaks::Breaks;
use transformer::gpt::network::{Gpt, Size};
use transformer::translation::Evaluation;
use transformer::translation::network::{Parts, Transformer};
use transformer::vit::{self, VisionTransformer};

use super::models::{INPUT_SALT, VOCABULARY, inputs, on_batch, pictures, tokens};
use super::{CLASS_SALT, classes};
use crate::{BatchLoss, Generation, Training, Work};

/// An edition's minibatch and recipe of a translation model.
#[derive(Clone, Copy)]
pub(super) struct Edition {
    batch: u32,
    steps: u32,
    vocabularies: [usize; 2],
    num_hiddens: usize,
    /// Whether the losses of a sentence's tokens are added up, and divided by the time steps.
    adds_up: bool,
}

pub(super) const ZH: Edition = Edition {
    batch: 64,
    steps: 10,
    vocabularies: [184, 201],
    num_hiddens: 32,
    adds_up: true,
};
pub(super) const EN: Edition = Edition {
    batch: 128,
    steps: 9,
    vocabularies: [194, 214],
    num_hiddens: 256,
    adds_up: false,
};

/// The number of `<pad>` in the target's vocabulary.
const PADDING: u32 = 1;
const INIT: Initializers = Initializers {
    recurrent: Initializer::Xavier,
    linear: Initializer::PytorchDefault,
};
pub(super) const LENGTH_SALT: u32 = 5;
const DECODER_SALT: u32 = 101;

impl Edition {
    fn sizes(self) -> Sizes {
        Sizes {
            vocabularies: self.vocabularies,
            num_hiddens: self.num_hiddens,
            num_layers: 2,
            dropout: 0.0,
        }
    }

    /// `[B, T]`, tokens of the source's or the target's vocabulary.
    fn tokens(self, side: usize, salt: u32) -> Result<Tensor> {
        let count = self.vocabularies[side] as u32;
        let tokens = (0..self.batch * self.steps).map(|i| hash(i, salt) % count);
        let shape = (self.batch as usize, self.steps as usize);
        Ok(Tensor::from_iter(tokens, &Device::Cpu)?.reshape(shape)?)
    }

    /// `[B]`: 3 tokens or more, as most sentences have.
    fn lens(self) -> Result<Tensor> {
        let lens = (0..self.batch).map(|i| 3 + hash(i, LENGTH_SALT) % (self.steps - 2));
        Ok(Tensor::from_iter(lens, &Device::Cpu)?)
    }

    /// `[B, T]`, padded after the lengths.
    fn targets(self, lens: &Tensor) -> Result<Tensor> {
        let targets = self.tokens(1, CLASS_SALT)?;
        let steps = Tensor::arange(0, self.steps, &Device::Cpu)?.unsqueeze(0)?;
        let counts = steps.broadcast_lt(&lens.unsqueeze(1)?)?;
        Ok(counts.where_cond(
            &targets,
            &targets.zeros_like()?.affine(0.0, f64::from(PADDING))?,
        )?)
    }

    /// Forward and the edition's masked loss.
    fn loss(self, model: impl Translator + 'static) -> Result<BatchLoss> {
        let lens = self.lens()?;
        let targets = self.targets(&lens)?;
        let (source, input) = (self.tokens(0, INPUT_SALT)?, self.tokens(1, DECODER_SALT)?);
        let options = CrossEntropyOptions {
            ignore_index: Some(PADDING),
            reduction: if self.adds_up {
                Reduction::Sum
            } else {
                Reduction::Mean
            },
            ..CrossEntropyOptions::default()
        };
        let share = if self.adds_up {
            f64::from(self.steps)
        } else {
            1.0
        };
        Ok(Box::new(move |mode| {
            let logits = model.forward(&source, &lens, &input, mode)?;
            cross_entropy_with(&logits, &targets, options)? / share
        }))
    }
}

/// Adam, and gradients clipped to norm 1.
fn by_adam(loss: BatchLoss, params: ParamStore, learning_rate: f64) -> Result<Box<dyn Work>> {
    let group = ParamGroup::new(params.parameters());
    let adam = Box::new(Adam::new(vec![group], learning_rate)?);
    Ok(Box::new(Training::new(loss, params, adam, Some(1.0))))
}

/// D2L zh 9.7, en 10.7.
pub(super) fn seq2seq(edition: Edition) -> Result<Box<dyn Work>> {
    let params = ParamStore::new(0, &Device::Cpu);
    let (end, context) = (EncoderEnd::Padding, Context::Encoder);
    let model = Seq2Seq::new(edition.sizes(), end, context, &INIT, &params)?;
    by_adam(edition.loss(model)?, params, 0.005)
}

/// D2L zh 10.4, en 11.4.
pub(super) fn bahdanau(edition: Edition) -> Result<Box<dyn Work>> {
    let params = ParamStore::new(0, &Device::Cpu);
    let model = Bahdanau::new(edition.sizes(), EncoderEnd::Padding, &INIT, &params)?;
    by_adam(edition.loss(model)?, params, 0.005)
}

/// D2L zh 10.7, en 11.7.
pub(super) fn transformer(edition: Edition) -> Result<Box<dyn Work>> {
    let params = ParamStore::new(0, &Device::Cpu);
    let parts = Parts {
        ffn_hiddens: 64,
        num_heads: 4,
        evaluation: Evaluation::Training,
        breaks: Breaks::default(),
    };
    let model = Transformer::new(edition.sizes(), parts, &INIT.linear, &params)?;
    by_adam(edition.loss(model)?, params, 0.001)
}

/// Six blocks of 384 numbers that see 256 characters.
fn gpt_model(params: &ParamStore) -> Result<Gpt> {
    let size = Size {
        vocab_size: VOCABULARY as usize,
        context: 256,
        num_hiddens: 384,
        ffn_hiddens: 4 * 384,
        num_heads: 6,
        num_layers: 6,
        dropout: 0.0,
    };
    let init = Initializer::PytorchDefault;
    Ok(Gpt::new(size, Breaks::default(), &init, params)?)
}

/// A training step of the largest GPT of the chapter, with minibatches for a CPU.
pub(super) fn gpt() -> Result<Box<dyn Work>> {
    let params = ParamStore::new(0, &Device::Cpu);
    let model = gpt_model(&params)?;
    by_adam(
        on_batch(model, next_token_loss, tokens(16, 256)?),
        params,
        0.001,
    )
}

/// The same GPT writes 256 characters.
pub(super) fn gpt_writes() -> Result<Box<dyn Work>> {
    let params = ParamStore::new(0, &Device::Cpu);
    let model = gpt_model(&params)?;
    Ok(Box::new(Generation::new(model, params, 256)))
}

/// The quick preset of the vision Transformer, D2L en 11.8.
pub(super) fn vit() -> Result<Box<dyn Work>> {
    let params = ParamStore::new(0, &Device::Cpu);
    let options = vit::Options { dropout: 0.0, ..vit::Options::SMALL };
    let init = Initializer::PytorchDefault;
    let model = VisionTransformer::new(pictures(1, 28), &options, &init, &params)?;
    let batch = [inputs((128, 1, 28, 28))?, classes(128, 10)?];
    by_adam(on_batch(model, cross_entropy, batch), params, 0.001)
}
