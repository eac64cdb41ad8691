//! Normalisation: the values of a channel, an example or a group of channels get mean 0 and variance 1.

mod batch_norm;
mod op;
mod row_norms;

pub use batch_norm::{BatchNorm, batch_norm};
pub use row_norms::{GroupNorm, LayerNorm, RmsNorm, group_norm, layer_norm, rms_norm};
