//! Chapter 06: attention (D2L zh 9.7, 9.8 and 10.1-10.6, en 10.6-10.8 and 11.1-11.6).
//!
//! Reading order:
//! 1. [`kernel_regression`]: attention in one dimension, with one parameter or none
//! 2. [`mask`]: which positions count, and the softmax over them
//! 3. [`score`]: how well a query fits a key, by hand
//! 4. [`attention`]: attention with these scores
//! 5. [`heads`]: several attentions side by side, with a cache of keys and values
//! 6. [`position`]: where a token stands, because attention itself knows no order
//! 7. [`encoder_decoder`]: what all translation models have in common
//! 8. [`encoder`] and [`seq2seq`]: translation by one vector for the whole sentence
//! 9. [`bahdanau`]: translation with attention to each word, by hand and with the library
//! 10. [`translation`]: the losses, the training loop, the scores
//! 11. [`decoding`]: greedy search and beam search
//! 12. [`figures`]: what the decoder looked at

pub mod attention;
pub mod bahdanau;
pub mod decoding;
pub mod encoder;
pub mod encoder_decoder;
pub mod figures;
pub mod heads;
pub mod kernel_regression;
pub mod mask;
pub mod position;
pub mod score;
pub mod seq2seq;
pub mod translation;

use d2l::Chapter;

/// The chapter's models: the one with attention first, because it is trained if none is named.
pub fn chapter() -> Chapter {
    Chapter {
        name: "attention",
        about: "Chapter 06: attention",
        models: vec![
            bahdanau::model(),
            kernel_regression::model(),
            seq2seq::model(),
        ],
        bands: include_str!("../bands.toml"),
    }
}
