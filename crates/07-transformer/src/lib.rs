//! Chapter 07: the Transformer (D2L zh 10.7, en 11.7-11.9).
//!
//! Masks, scores, attention, heads and positions are in chapter 06, [`attention`]. Reading order from there on, with
//! the book's sections in both editions and the papers:
//!
//! 1. [`block`]: attention, a feed-forward network, and the residual path around each (zh 10.7.2 and 10.7.3, en 11.7.2 and
//!    11.7.3)
//! 2. [`encoder`]: blocks that look at a whole sequence (zh 10.7.4, en 11.7.4)
//! 3. [`decoder`]: blocks that look at the past and at the encoder's outputs (zh 10.7.5, en 11.7.5)
//! 4. [`translation`]: the Transformer of the paper, from English to French (zh 10.7, en 11.7; Vaswani et al. 2017,
//!    [1706.03762](https://arxiv.org/abs/1706.03762))
//! 5. [`breaks`]: what happens without one of its parts
//! 6. [`gpt`]: blocks alone, which continue a text (en 11.9.3; Radford et al. 2019)
//! 7. [`vit`]: blocks that look at a picture (en 11.8; Dosovitskiy et al. 2021,
//!    [2010.11929](https://arxiv.org/abs/2010.11929))
//!
//! From the shared crates: [`d2l::nn::layer_norm`] is the normalization, [`d2l::nn::gelu()`] and [`d2l::nn::relu()`]
//! the activations. [`d2l::data::BytePairs`] learns the tokens of [`gpt`], and [`d2l::Decoding`] draws the next one.
//! The loop of the translator is chapter 06's, [`attention::translation`].

pub mod block;
pub mod breaks;
pub mod decoder;
pub mod encoder;
pub mod gpt;
pub mod translation;
pub mod vit;

use d2l::Chapter;

/// The chapter's models, in reading order.
pub fn chapter() -> Chapter {
    Chapter {
        name: "transformer",
        about: "Chapter 07: the Transformer",
        models: vec![translation::model(), gpt::model(), vit::model()],
        bands: include_str!("../bands.toml"),
    }
}
