//! Dropout: two hidden layers whose units fall out at random while training, so that none can rely on another.
//!
//! D2L zh 4.6, en 5.6; Srivastava et al. 2014.
//!
//! Reading order: [`scratch`] (dropout by its definition), [`concise`] (the library's layer).

pub mod concise;
pub mod scratch;

use d2l::PresetName;

/// With which probability a unit of the first and of the second hidden layer falls out. zh 4.6.4.2, en 5.6.2.1.
pub const fn probabilities(preset: PresetName) -> [f64; 2] {
    match preset {
        PresetName::Quick | PresetName::Small | PresetName::Zh => [0.2, 0.5],
        PresetName::En => [0.5, 0.5],
    }
}
