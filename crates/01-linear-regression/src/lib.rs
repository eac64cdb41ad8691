//! Chapter 01: linear regression (D2L zh 3.1-3.3 and 4.4-4.5, en 3.1-3.7).
//!
//! Reading order:
//! 1. [`synthetic`]: points on a plane with noise, so that the true weights are known
//! 2. [`scratch`]: model, loss, optimizer and the training loop by hand
//! 3. [`concise`]: the same with the library
//! 4. [`closed_form`]: the best weights by a formula, to compare the learned ones with
//! 5. [`loss_conventions`]: sum, mean and ½, and what they do to a learning rate
//! 6. [`polynomial`]: models with too few and too many features: underfitting and overfitting
//! 7. [`weight_decay`]: 200 weights for 20 examples, with and without a penalty on large weights
//! 8. [`airfoil`]: measured data, and gradient descent as a path on the surface of the loss

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
