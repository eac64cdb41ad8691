//! Chapter 05: recurrent networks (D2L zh 8.2-8.6 and 9.1-9.4, en 9.2-9.6 and 10.1-10.3).
//!
//! Reading order:
//! 1. [`language_model`]: tokens in, logits of the next token and a state out
//! 2. [`minibatches`]: how a text is cut into minibatches
//!    ([`inspect`] shows some, [`word_frequencies`] what the text consists of: `--inspect`)
//! 3. [`by_hand`] and [`rnn`]: a recurrent network by hand
//! 4. [`training`]: the loop that carries the state from one minibatch to the next
//! 5. [`generation`]: what the trained network writes
//! 6. [`hyperparameters`] and [`experiment`]: what the experiments share, and how each is carried out
//! 7. [`rnn_model`]: the same with the library
//! 8. [`gru`], [`lstm`]: gates
//! 9. [`deep_rnn`], [`deep_gated`]: two layers, by hand and with the library
//! 10. [`bidirectional_lstm`]: why a language model must not read in both directions
//! 11. [`names`]: a network that reads names, and one that writes them
//! 12. [`word_lm`] and [`word_writing`]: words instead of letters

pub mod bidirectional_lstm;
pub mod by_hand;
pub mod deep_gated;
pub mod deep_rnn;
pub mod experiment;
pub mod generation;
pub mod gru;
pub mod hyperparameters;
pub mod inspect;
pub mod language_model;
pub mod lstm;
pub mod minibatches;
pub mod names;
pub mod rnn;
pub mod rnn_model;
pub mod training;
pub mod word_frequencies;
pub mod word_lm;
pub mod word_writing;

use d2l::Chapter;

/// The chapter's models, in reading order.
pub fn chapter() -> Chapter {
    let [rnn, random_sampling] = rnn::models();
    let [deep_gru, deep_lstm] = deep_gated::models();
    let [names_classifier, names_generator] = names::models();
    Chapter {
        name: "recurrent",
        about: "Chapter 05: recurrent networks",
        models: vec![
            rnn,
            random_sampling,
            gru::model(),
            lstm::model(),
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
