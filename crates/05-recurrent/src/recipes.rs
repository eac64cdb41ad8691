//! The hyperparameters that the models share. D2L zh 8.5.6 and 9.1-9.4, en 9.5.4 and 10.1-10.3.

use d2l::nn::Initializer;
use d2l::{OptimizerKind, Recipe};

/// What both editions do by hand: weights from N(0, 0.01²), biases 0.
pub const BY_HAND: Initializer = Initializer::NormalZeroBias { std: 0.01 };

/// The Chinese edition's.
pub const ZH: Recipe = Recipe {
    epochs: 500,
    batch_size: 32,
    learning_rate: 1.0,
    clip_norm: Some(1.0),
    ..Recipe::SGD
};

/// The English edition's, of a simple recurrent network.
pub const EN: Recipe = Recipe {
    epochs: 100,
    batch_size: 1024,
    ..ZH
};

/// Of one with gates.
pub const EN_GATED: Recipe = Recipe {
    epochs: 50,
    learning_rate: 4.0,
    ..EN
};

/// Of one with two layers.
pub const EN_DEEP: Recipe = Recipe {
    learning_rate: 2.0,
    ..EN
};

/// The Chinese edition's in a fifth of its epochs: Adam gets through the text sooner than SGD.
pub const QUICK: Recipe = Recipe {
    epochs: 100,
    optimizer: OptimizerKind::Adam,
    learning_rate: 0.003,
    ..ZH
};

/// By hand, with gates: half as wide as the book's networks, so that a larger step does no harm.
pub const QUICK_BY_HAND: Recipe = Recipe {
    learning_rate: 0.01,
    initializer: BY_HAND,
    ..QUICK
};
