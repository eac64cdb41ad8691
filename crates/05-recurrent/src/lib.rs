//! Chapter 05: recurrent networks (D2L zh 8.1-8.7 and 9.1-9.4, en 9.1-9.7 and 10.1-10.4).
//!
//! Reading order, with the book's sections in both editions and the papers:
//!
//! 1. [`autoregressive`]: a series of numbers predicted from the numbers before (zh 8.1, en 9.1)
//! 2. [`language_model`]: tokens in, logits of the next token and a state out (zh 8.4, en 9.4)
//! 3. [`text`] and [`minibatches`]: which text is read, and how it is cut into minibatches (zh 8.2 and 8.3.4, en 9.2
//!    and 9.3.3); [`inspect`] shows some, [`word_frequencies`] what the text consists of (zh 8.3.3, en 9.2.5):
//!    `--inspect`
//! 4. [`vectors`], [`by_hand`] and [`rnn`]: a recurrent network by hand (zh 8.5, en 9.5)
//! 5. [`training`]: the loop that carries the state from one minibatch to the next (zh 8.5.6)
//! 6. [`generation`]: what the trained network writes (zh 8.5.3, en 9.5.5)
//! 7. [`hyperparameters`] and [`experiment`]: what the experiments share, and how each is carried out
//! 8. [`rnn_model`]: the same with the library (zh 8.6, en 9.6)
//! 9. [`truncation`]: where gradients end on their way back through time (zh 8.7, en 9.7)
//! 10. [`gru`]: gates (zh 9.1, en 10.2; Cho et al. 2014, [1406.1078](https://arxiv.org/abs/1406.1078)), and [`lstm`]:
//!     how one comes to them, and to a memory (zh 9.2, en 10.1; Hochreiter and Schmidhuber 1997); [`gates`] shows what
//!     they do
//! 11. [`gradients_through_time`]: how far back the three kinds of network feel a loss (zh 8.7, en 9.7; Bengio et al.
//!     1994)
//! 12. [`stacked`], [`structure`], [`deep_rnn`], [`deep_gated`]: several layers, by hand and with the library (zh 9.3, en 10.3)
//! 13. [`bidirectional_lstm`]: why a language model must not read in both directions (zh 9.4, en 10.4)
//! 14. [`names`]: a network that reads names, and one that writes them (PyTorch's tutorials)
//! 15. [`word_lm`] and [`word_writing`]: words instead of letters (Merity et al. 2017,
//!     [1708.02182](https://arxiv.org/abs/1708.02182))
//!
//! From the shared crates: the layers with the library are [`d2l::nn::rnn()`], [`d2l::nn::gru()`] and
//! [`d2l::nn::lstm()`], the texts [`d2l::data::time_machine`], [`d2l::data::names()`] and [`d2l::data::wikitext2`].
//! [`d2l::Run`] has the calls that the loop in [`training`] makes, and [`d2l::Decoding`] draws the next token.

pub mod autoregressive;
pub mod bidirectional_lstm;
pub mod by_hand;
pub mod deep_gated;
pub mod deep_rnn;
pub mod experiment;
pub mod gates;
pub mod generation;
pub mod gradients_through_time;
pub mod gru;
pub mod hyperparameters;
pub mod inspect;
pub mod language_model;
pub mod lstm;
pub mod minibatches;
pub mod names;
pub mod rnn;
pub mod rnn_model;
pub mod stacked;
pub mod structure;
pub mod text;
pub mod training;
pub mod truncation;
pub mod vectors;
pub mod word_frequencies;
pub mod word_lm;
pub mod word_writing;

use d2l::Chapter;

/// The chapter's models, in reading order.
pub fn chapter() -> Chapter {
    let [rnn, random_sampling] = rnn::models();
    let [prototype_lstm, pseudo_lstm, peephole_lstm] = lstm::variants::models();
    let [deep_gru, deep_lstm] = deep_gated::models();
    let [names_classifier, names_generator] = names::models();
    Chapter {
        name: "recurrent",
        about: "Chapter 05: recurrent networks",
        models: vec![
            rnn,
            random_sampling,
            autoregressive::model(),
            truncation::model(),
            gru::model(),
            prototype_lstm,
            pseudo_lstm,
            lstm::model(),
            peephole_lstm,
            gradients_through_time::model(),
            deep_rnn::model(),
            deep_gru,
            deep_lstm,
            bidirectional_lstm::model(),
            names_classifier,
            names_generator,
            word_lm::model(),
        ],
        bands: include_str!("../bands.toml"),
    }
}
