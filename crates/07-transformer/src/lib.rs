//! Chapter 07: the Transformer (D2L zh 10.7, en 11.7-11.9).
//!
//! Masks, scores, attention, heads and positions are in chapter 06. Reading order after it:
//! 1. [`block`]: attention, a feed-forward network, and the residual path around each
//! 2. [`encoder`]: blocks that look at a whole sequence
//! 3. [`decoder`]: blocks that look at the past and at the encoder's outputs
//! 4. [`translation`]: the Transformer of the paper, from English to French
//! 5. [`breaks`]: what happens without one of its parts
//! 6. [`gpt`]: blocks alone, which continue a text
//! 7. [`vit`]: blocks that look at a picture

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
