//! The hyperparameters that the models share. D2L zh 8.5.6 and 9.1-9.4, en 9.5.4 and 10.1-10.3.

use d2l::data::TextEdition;
use d2l::nn::Initializer;
use d2l::{OptimizerKind, Recipe, at_least_one};
use serde::Serialize;

use crate::generation::Writing;
use crate::minibatches::Sampling;
use crate::structure::Structure;
use crate::text::Reading;

/// Options of every model in this chapter.
#[derive(Clone, Debug, clap::Args, Serialize)]
pub struct Options {
    /// What the model is made of.
    #[command(flatten)]
    #[serde(flatten)]
    pub structure: Structure,
    /// Which text, and as which tokens.
    #[command(flatten)]
    #[serde(flatten)]
    pub reading: Reading,
    /// Time steps: tokens in a text window
    #[arg(long, value_name = "N", value_parser = at_least_one, help_heading = "Data")]
    pub num_steps: usize,
    /// Train on the first N tokens; with --sampling windows, on the first N text windows
    #[arg(long, value_name = "N", help_heading = "Data")]
    pub max_tokens: usize,
    /// How the text is cut into minibatches
    #[arg(long, value_enum, help_heading = "Data")]
    pub sampling: Sampling,
    /// Whose rules clean the text and number its tokens.
    #[arg(skip = TextEdition::Zh)]
    #[serde(skip)]
    pub edition: TextEdition,
    /// Show minibatches as text beside their numbers, the most frequent words and n-grams, and exit
    #[arg(long, help_heading = "Data")]
    #[serde(skip)]
    pub inspect: bool,
    /// What the trained model writes.
    #[command(flatten)]
    #[serde(skip)]
    pub writing: Writing,
}

impl Options {
    /// The Chinese edition's.
    pub const ZH: Self = Self {
        structure: Structure::new(256, 1),
        reading: Reading::BOOK,
        num_steps: 35,
        max_tokens: 10_000,
        sampling: Sampling::Sequential,
        edition: TextEdition::Zh,
        inspect: false,
        writing: Writing::BOOK,
    };

    /// The English edition's.
    pub const EN: Self = Self {
        structure: Structure::new(32, 1),
        num_steps: 32,
        sampling: Sampling::Windows,
        edition: TextEdition::En,
        ..Self::ZH
    };

    /// The Chinese edition's with half the units, for the quick presets of the models that take longest.
    pub const ZH_HALF: Self = Self { structure: Structure::new(128, 1), ..Self::ZH };

    /// The same with so many layers.
    pub const fn with_layers(mut self, num_layers: usize) -> Self {
        self.structure.num_layers = num_layers;
        self
    }
}

/// The Chinese edition's recipe.
pub const ZH: Recipe = Recipe {
    epochs: 500,
    batch_size: 32,
    learning_rate: 1.0,
    clip_norm: Some(1.0),
    ..Recipe::SGD
};

/// The English edition's, for a simple recurrent network.
pub const EN: Recipe = Recipe { epochs: 100, batch_size: 1024, ..ZH };

/// The English edition's, for a network with gates.
pub const EN_GATED: Recipe = Recipe { epochs: 50, learning_rate: 4.0, ..EN };

/// The English edition's, for two layers.
pub const EN_DEEP: Recipe = Recipe { learning_rate: 2.0, ..EN };

/// For the quick presets: Adam learns the text in fewer epochs than SGD.
pub const QUICK: Recipe = Recipe { optimizer: OptimizerKind::Adam, learning_rate: 0.003, ..ZH };

/// For the quick presets of the networks with gates by hand: with half the units they bear a larger step.
pub const QUICK_GATES: Recipe = Recipe { learning_rate: 0.01, ..QUICK };

/// `recipe` with the initial values that both editions use by hand: weights from N(0, 0.01²), biases 0.
pub const fn by_hand(mut recipe: Recipe) -> Recipe {
    recipe.initializer = Initializer::NormalZeroBias { std: 0.01 };
    recipe
}
