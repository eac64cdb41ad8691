//! Chapter 01: linear regression (D2L zh 3.1-3.3 and 4.4-4.5, en 3.1-3.7).
//!
//! Reading order, with the book's sections in both editions:
//!
//! 1. [`synthetic`]: points on a plane with noise, so that the true weights are known (zh 3.2.1, en 3.3)
//! 2. [`scratch`]: model, loss, optimizer and the training loop by hand (zh 3.2, en 3.4)
//! 3. [`concise`]: the same with the library (zh 3.3, en 3.5)
//! 4. [`closed_form`]: the best weights by a formula, to compare the learned ones with (zh 3.1, en 3.1)
//! 5. [`loss_conventions`]: sum, mean and ½, and what they do to a learning rate (zh 3.2.5, en 3.4.2)
//! 6. [`polynomial`]: models with too few and too many features: underfitting and overfitting (zh 4.4, en 3.6)
//! 7. [`weight_decay`]: 200 weights for 20 examples, with and without a penalty on large weights (zh 4.5, en 3.7)
//! 8. [`airfoil`]: measured data, and gradient descent as a path on the surface of the loss (zh 11.5, en 12.5)
//!
//! From the shared crates: [`d2l::fit()`] is the loop that [`scratch`] writes out, [`d2l::nn::linear`] the layer,
//! [`d2l::nn::mse_loss`] the loss and [`d2l::nn::Sgd`] the optimizer of [`concise`]. The points come from
//! [`d2l::data::synthetic_regression`], the measurements from [`d2l::data::airfoil`].

pub mod airfoil;
pub mod closed_form;
pub mod concise;
pub mod loss_conventions;
pub mod polynomial;
pub mod scratch;
pub mod synthetic;
pub mod weight_decay;

use d2l::Chapter;

/// The chapter's models, in reading order.
pub fn chapter() -> Chapter {
    let mut models = vec![synthetic::model()];
    models.extend(polynomial::models());
    models.extend(weight_decay::models());
    models.extend([airfoil::model(), airfoil::descent::model()]);
    Chapter {
        name: "linear-regression",
        about: "Chapter 01: linear regression",
        models,
        bands: include_str!("../bands.toml"),
    }
}
