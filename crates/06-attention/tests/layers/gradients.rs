//! Gradients of all layers.

use anyhow::{Context, Result, ensure};
use attention::attention::AdditiveAttention;
use attention::heads::{MultiHeadAttention, Sizes};
use attention::mask::Mask;
use d2l::nn::backward;
use d2l::nn::testing::{check_gradients, every_parameter_has_a_gradient};

use crate::{INIT, TRAIN, all, f64_params, lens, masks, numbers, sequences};

#[test]
fn gradients_are_right() -> Result<()> {
    let valid = lens(&[2, 5])?;
    for mask in masks(&valid) {
        let params = f64_params();
        let layer = AdditiveAttention::new((4, 6), 7, 0.0, &INIT, params.builder().pp("a"))?;
        let sequences = sequences()?;
        let inputs = [all(&params), sequences.to_vec()].concat();
        let [queries, keys, values] = &sequences;
        let output = || {
            let keys = layer.project(keys)?;
            layer
                .forward(queries, &keys, values, mask, TRAIN)?
                .sqr()?
                .sum_all()
        };
        check_gradients(&inputs, output, 1e-7).context("additive")?;

        let params = f64_params();
        let sizes = Sizes { queries: 4, keys: 6, values: 3, hiddens: 8, heads: 2 };
        let layer = MultiHeadAttention::new(sizes, 0.0, true, &INIT, params.builder().pp("m"))?;
        let inputs = [all(&params), sequences.to_vec()].concat();
        let output = || {
            layer
                .forward(queries, keys, values, mask, None, TRAIN)?
                .sqr()?
                .sum_all()
        };
        check_gradients(&inputs, output, 1e-7).context("heads")?;
    }
    Ok(())
}

#[test]
fn every_parameter_gets_a_gradient() -> Result<()> {
    let params = f64_params();
    let sizes = Sizes::equal(6, 3);
    let layer = MultiHeadAttention::new(sizes, 0.1, true, &INIT, params.builder().pp("m"))?;
    let x = numbers((2, 4, 6), 1)?;
    let y = layer.forward(&x, &x, &x, Mask::CAUSAL, None, TRAIN)?;
    ensure!(params.parameters().len() == 8);
    // The gradient of b_k is 0 but for rounding: it adds the same to all scores of a query.
    let gradients = backward(&y.sqr()?.sum_all()?)?;
    for (name, var) in params.parameters() {
        let gradient = gradients.get(&var).context(name.clone())?;
        let largest: f64 = gradient.abs()?.flatten_all()?.max(0)?.to_scalar()?;
        ensure!(
            (largest > 1e-9) != (name == "m.w_k.bias"),
            "{name}: {largest}"
        );
    }
    let params = f64_params();
    let layer = AdditiveAttention::new((6, 6), 5, 0.1, &INIT, params.builder().pp("a"))?;
    let y = layer.forward(&x, &layer.project(&x)?, &x, Mask::NONE, TRAIN)?;
    every_parameter_has_a_gradient(&params, &backward(&y.sqr()?.sum_all()?)?)
}
