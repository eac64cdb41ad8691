//! Chapter 03: the multilayer perceptron (D2L zh 4.1-4.6, 4.8 and 4.10, en 5.1-5.7).
//!
//! Reading order, with the book's sections in both editions:
//!
//! 1. [`scratch`]: one hidden layer and ReLU by their definitions (zh 4.2, en 5.2.1)
//! 2. [`concise`]: the same with the library, and any number of layers (zh 4.3, en 5.2.2)
//! 3. [`perceptron`]: the options of both, and how they are trained
//! 4. [`activation`]: functions that can replace ReLU (zh 4.1.2, en 5.1.2)
//! 5. [`gradients`]: how gradients vanish and explode in a network of many layers (zh 4.8.1, en 5.4.1)
//! 6. [`regularization`]: penalties on large weights, L1 and L2 (zh 4.5, en 3.7)
//! 7. [`dropout`]: two hidden layers whose units are dropped at random in training (zh 4.6, en 5.6; Srivastava et al.
//!    2014)
//! 8. [`house_price`]: cross-validation, missing values, and a file of predictions for Kaggle (zh 4.10, en 5.7)
//! 9. [`binary`]: questions of yes and no, with logistic regression and a small network
//! 10. [`digits`]: handwritten digits, the lower rungs of Nielsen's ladder (Nielsen 2015, chapters 1 and 3)
//!
//! From the shared crates: the layers are [`d2l::nn::linear`], [`d2l::nn::relu()`] and [`d2l::nn::Dropout`];
//! [`d2l::Run::cross_validate`] trains a model once per fold; [`d2l::data::house_prices`], [`d2l::data::titanic`] and
//! [`d2l::data::diabetes`] are the tables. A network that goes wrong without an error is noticed by
//! [`d2l::Run::examine`].

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
