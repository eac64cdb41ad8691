//! Chapter 03: the multilayer perceptron (D2L zh 4.1-4.6, 4.8 and 4.10, en 5.1-5.7).
//!
//! Reading order:
//! 1. [`scratch`]: one hidden layer and ReLU by their definitions
//! 2. [`concise`]: the same with the library, and any number of layers
//! 3. [`perceptron`]: the options of both, and how they are trained
//! 4. [`activation`]: functions that can replace ReLU
//! 5. [`gradients`]: how gradients vanish and explode in a network of many layers
//! 6. [`regularization`]: penalties on large weights, L1 and L2
//! 7. [`dropout`]: two hidden layers whose units are dropped at random in training
//! 8. [`house_price`]: cross-validation, missing values, and a file of predictions for Kaggle
//! 9. [`binary`]: questions of yes and no, with logistic regression and a small network
//! 10. [`digits`]: handwritten digits, the lower rungs of Nielsen's ladder

pub mod activation;
pub mod binary;
pub mod concise;
pub mod digits;
pub mod dropout;
pub mod gradients;
pub mod house_price;
pub mod perceptron;
pub mod regularization;
pub mod scratch;

use d2l::Chapter;

/// Hidden units in both editions (zh 4.2.1 and 4.6.4.2, en 5.2.1 and 5.6.2.1).
const NUM_HIDDENS: usize = 256;

/// The chapter's models, in reading order.
pub fn chapter() -> Chapter {
    let mut models = vec![perceptron::model(), dropout::model(), house_price::model()];
    models.extend(binary::models());
    models.extend(digits::models());
    Chapter {
        name: "mlp",
        about: "Chapter 03: the multilayer perceptron",
        models,
        bands: include_str!("../bands.toml"),
    }
}
