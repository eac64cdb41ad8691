//! Networks that read and write surnames of 18 languages, letter by letter. PyTorch's tutorials "NLP from scratch:
//! classifying names" and "generating names with a character-level RNN" (S. Robertson).
//!
//! Reading order: [`NameClassifier`], [`NameGenerator`].

mod classifier;
mod generator;

pub use classifier::NameClassifier;
pub use generator::NameGenerator;

use d2l::{Model, Recipe};

use crate::hyperparameters::QUICK;

/// For the quick presets.
const QUICK_NAMES: Recipe = Recipe { batch_size: 64, ..QUICK };

/// Both models in the chapter's list.
pub fn models() -> [Model; 2] {
    [classifier::model(), generator::model()]
}
