//! Chapter 06: attention (D2L zh 9.7, 9.8 and 10.1-10.6, en 10.6-10.8 and 11.1-11.6).
//!
//! Reading order, with the book's sections in both editions and the papers:
//!
//! 1. [`kernel_regression`]: attention in one dimension, with one parameter or none (zh 10.2, en 11.2; Nadaraya 1964,
//!    Watson 1964)
//! 2. [`mask`]: which positions count, and the softmax over them (zh 10.3.1, en 11.3.2)
//! 3. [`score`]: how well a query fits a key, by hand (zh 10.3, en 11.3)
//! 4. [`attention`]: attention with these scores (zh 10.3, en 11.3)
//! 5. [`heads`]: several attentions side by side, with a cache of keys and values (zh 10.5 and 10.6, en 11.5 and 11.6;
//!    Vaswani et al. 2017, [1706.03762](https://arxiv.org/abs/1706.03762))
//! 6. [`position`]: where a token stands, because attention itself knows no order (zh 10.6.3, en 11.6.3)
//! 7. [`encoder_decoder`]: what all translation models have in common (zh 9.6, en 10.6)
//! 8. [`encoder`] and [`seq2seq`]: translation by one vector for the whole sentence (zh 9.7, en 10.7; Sutskever et al.
//!    2014, [1409.3215](https://arxiv.org/abs/1409.3215))
//! 9. [`bahdanau`]: translation with attention to each word, by hand and with the library (zh 10.4, en 11.4; Bahdanau
//!    et al. 2015, [1409.0473](https://arxiv.org/abs/1409.0473))
//! 10. [`translation`]: the losses, the training loop, the scores (zh 9.7, en 10.7)
//! 11. [`decoding`]: greedy search and beam search (zh 9.8, en 10.8)
//! 12. [`figures`]: what the decoder looked at
//!
//! From the shared crates: [`d2l::data::translation`] has the pairs of sentences and the score of a translation,
//! [`d2l::nn::scaled_dot_product_attention`] the kernel behind [`attention`], [`d2l::nn::gru()`] the recurrent layer of
//! the encoder. [`d2l::plot::heat_map`] draws the weights.

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
