//! A fully connected layer with PyTorch's names and a rule for its initial values. D2L zh 3.3.3, en 3.5.1.

use candle_core::Result;
use candle_nn::VarBuilder;

use crate::Initializer;

/// A fully connected layer, y = x Wᵀ + b.
pub type Linear = candle_nn::Linear;

/// A fully connected layer `[…, in_dim] -> […, out_dim]`: `weight` `[out_dim, in_dim]` and `bias` `[out_dim]`.
pub fn linear(
    in_dim: usize,
    out_dim: usize,
    initializer: &Initializer,
    vb: VarBuilder,
) -> Result<Linear> {
    let weight = vb.get_with_hints(
        (out_dim, in_dim),
        "weight",
        initializer.weight(in_dim, out_dim),
    )?;
    let bias = vb.get_with_hints(out_dim, "bias", initializer.bias(in_dim))?;
    Ok(Linear::new(weight, Some(bias)))
}
