//! Layers for vectors, sequences and classes, for any shape: what their definitions promise for all sizes.

mod support;

use anyhow::{Result, ensure};
use candle_core::{DType, Device, Module, Tensor};
use d2l_nn::testing::{filled, hash};
use d2l_nn::{
    AttentionOptions, CrossEntropyOptions, Initializer, Linear, Mode, ParamStore, RecurrentOptions,
    Reduction, Reset, backward, batch_first, concat, cross_entropy_with, gru, huber_loss,
    join_heads, log_softmax, lstm, mse_loss_with, scaled_dot_product_attention, softmax,
    split_heads,
};
use proptest::prelude::*;
use support::properties::{agree, holds, is_linear_in, types, var};

fn shapes() -> impl Strategy<Value = Vec<usize>> {
    proptest::collection::vec(1usize..8, 1..5)
}

fn scalar(x: &Tensor) -> Result<f64> {
    Ok(x.to_dtype(DType::F64)?.to_scalar()?)
}

#[test]
fn a_softmax_is_a_distribution_along_its_axis() {
    holds(
        (shapes(), any::<prop::sample::Index>(), types()),
        |(shape, axis, (dtype, tolerance))| {
            let axis = axis.index(shape.len());
            let x = var(shape, 1, dtype)?;
            let y = softmax(&x, axis)?;
            let sums = y.sum(axis)?;
            agree(&sums, &sums.ones_like()?, tolerance)?;
            agree(&y.log()?, &log_softmax(&x, axis)?, tolerance)?;
            agree(&softmax(&(x.as_tensor() + 3.0)?, axis)?, &y, tolerance)?;
            // Adding one number to all entries along an axis changes nothing, so the gradients along it add up to zero.
            for y in [y, log_softmax(&x, axis)?] {
                let factors = filled(x.shape(), 2, 2.0, dtype, &Device::Cpu)?;
                let gradients = backward(&(y * factors)?.sum_all()?)?;
                let Some(gradient) = gradients.get(&x) else {
                    anyhow::bail!("no gradient");
                };
                let sums = gradient.sum(axis)?;
                agree(&sums, &sums.zeros_like()?, tolerance)?;
            }
            Ok(())
        },
    );
}

#[test]
fn a_linear_layer_takes_each_vector_by_itself() {
    holds(
        (shapes(), 1usize..40, types()),
        |(shape, outputs, (dtype, tolerance))| {
            let inputs = shape[shape.len() - 1];
            let x = var(shape.clone(), 1, dtype)?;
            let (weight, bias) = (var((outputs, inputs), 2, dtype)?, var(outputs, 3, dtype)?);
            let layer = |bias| Linear::new(weight.as_tensor().clone(), bias);
            let y = layer(None)?.forward(&x)?;
            ensure!(y.dims()[..shape.len() - 1] == shape[..shape.len() - 1]);
            let rows = x.reshape(((), inputs))?.matmul(&weight.t()?)?;
            agree(&y.reshape(((), outputs))?, &rows, tolerance)?;
            is_linear_in(&y, &[&x, &weight], tolerance)?;
            let with_bias = layer(Some(bias.as_tensor().clone()))?.forward(&x)?;
            agree(&with_bias, &y.broadcast_add(&bias)?, tolerance)
        },
    );
}

#[test]
fn what_only_moves_numbers_can_be_taken_back() {
    let sizes = (1usize..5, 1usize..20, 1usize..6, 1usize..9);
    holds(
        (sizes, 1usize..9, types()),
        |((batch, steps, heads, d), other, (dtype, tolerance))| {
            let x = var((batch, steps, heads * d), 1, dtype)?;
            let of_heads = split_heads(&x, heads)?;
            ensure!(of_heads.dims() == [batch, heads, steps, d]);
            agree(&join_heads(&of_heads)?, &x, 0.0)?;
            let turned = batch_first(&x)?;
            agree(&turned, &x.transpose(0, 1)?, 0.0)?;
            agree(&batch_first(&turned)?, &x, 0.0)?;
            for axis in 0..3 {
                let mut shape = x.dims().to_vec();
                shape[axis] = other;
                let z = var(shape, 2, dtype)?;
                let both = concat(&[&x, &z], axis)?;
                agree(&both.narrow(axis, 0, x.dim(axis)?)?, &x, 0.0)?;
                agree(&both.narrow(axis, x.dim(axis)?, other)?, &z, 0.0)?;
                let first = both.narrow(axis, 0, x.dim(axis)?)?;
                is_linear_in(&first, &[&x], tolerance)?;
            }
            is_linear_in(&of_heads, &[&x], tolerance)?;
            is_linear_in(&turned, &[&x], tolerance)
        },
    );
}

/// Outputs and the last h of an input.
type Run = Box<dyn Fn(&Tensor) -> candle_core::Result<(Tensor, Tensor)>>;

#[test]
fn recurrent_layers_see_the_past_of_their_own_example_only() {
    let sizes = (2usize..7, 2usize..10, 1usize..6, 1usize..20);
    holds(
        (sizes, 1usize..3, any::<bool>(), any::<bool>(), types()),
        |((steps, batch, inputs, hidden), num_layers, bias, is_lstm, (dtype, tolerance))| {
            let params = ParamStore::new(0, &Device::Cpu);
            let vb = params.builder().to_dtype(dtype);
            let options = RecurrentOptions { num_layers, bias, ..RecurrentOptions::default() };
            let rule = Initializer::PytorchDefault;
            let run: Run = if is_lstm {
                let layer = lstm(inputs, hidden, options, &rule, vb)?;
                Box::new(move |x| {
                    let (y, (h, _)) = layer.forward_t(x, None, Mode::Evaluate)?;
                    Ok((y, h))
                })
            } else {
                let layer = gru(inputs, hidden, Reset::AfterProduct, options, &rule, vb)?;
                Box::new(move |x| layer.forward_t(x, None, Mode::Evaluate))
            };
            let x = filled((steps, batch, inputs), 1, 2.0, dtype, &Device::Cpu)?;
            let (y, h) = run(&x)?;
            ensure!(y.dims() == [steps, batch, hidden]);
            ensure!(h.dims() == [num_layers, batch, hidden]);
            agree(&h.get(num_layers - 1)?, &y.get(steps - 1)?, 0.0)?;
            let (sooner, _) = run(&x.narrow(0, 0, steps - 1)?)?;
            agree(&sooner, &y.narrow(0, 0, steps - 1)?, tolerance)?;
            let (last, _) = run(&x.narrow(1, batch - 1, 1)?)?;
            agree(&last, &y.narrow(1, batch - 1, 1)?, tolerance)
        },
    );
}

#[test]
fn attention_mixes_values_whatever_the_order_of_the_keys() {
    let sizes = (1usize..3, 1usize..4, 1usize..9);
    holds(
        (sizes, 1usize..40, 1usize..9, 1usize..9, types()),
        |((batch, heads, queries), keys, d, values, (dtype, tolerance))| {
            let of =
                |rows: usize, width: usize, salt| var((batch, heads, rows, width), salt, dtype);
            let (q, k, v) = (of(queries, d, 1)?, of(keys, d, 2)?, of(keys, values, 3)?);
            let attend = |k: &Tensor, v: &Tensor, wants_weights| {
                let options = AttentionOptions { wants_weights, ..AttentionOptions::default() };
                scaled_dot_product_attention(&q, k, v, options)
            };
            let (y, _) = attend(&k, &v, false)?;
            ensure!(y.dims() == [batch, heads, queries, values]);
            let (with_weights, weights) = attend(&k, &v, true)?;
            agree(&y, &with_weights, tolerance)?;
            let Some(weights) = weights else {
                anyhow::bail!("no weights");
            };
            let sums = weights.sum(3)?;
            agree(&sums, &sums.ones_like()?, tolerance)?;
            let backwards: Vec<u32> = (0..keys as u32).rev().collect();
            let backwards = Tensor::new(backwards, &Device::Cpu)?;
            let turned = |x: &Tensor| x.index_select(&backwards, 2);
            agree(&attend(&turned(&k)?, &turned(&v)?, false)?.0, &y, tolerance)?;
            is_linear_in(&y, &[&v], tolerance)
        },
    );
}

#[test]
fn losses_add_up() {
    holds(
        (shapes(), 2usize..12, types()),
        |(shape, classes, (dtype, tolerance))| {
            let (x, y) = (
                var(shape.clone(), 1, dtype)?,
                filled(shape.clone(), 2, 2.0, dtype, &Device::Cpu)?,
            );
            let n = x.elem_count() as f64;
            let check = |loss: &dyn Fn(Reduction) -> candle_core::Result<Tensor>, count: f64| {
                let all = loss(Reduction::None)?;
                let sum = scalar(&loss(Reduction::Sum)?)?;
                let mean = scalar(&loss(Reduction::Mean)?)?;
                ensure!((scalar(&all.sum_all()?)? - sum).abs() <= tolerance * sum.max(1.0));
                ensure!((mean * count - sum).abs() <= tolerance * sum.max(1.0));
                ensure!(scalar(&all.flatten_all()?.min(0)?)? >= 0.0);
                Ok(())
            };
            check(&|reduction| mse_loss_with(&x, &y, reduction), n)?;
            check(&|reduction| huber_loss(&x, &y, 0.3, reduction), n)?;
            let mut wide = shape.clone();
            wide.push(classes);
            let logits = filled(wide, 3, 4.0, dtype, &Device::Cpu)?;
            let targets: Vec<u32> = (0..n as u32).map(|i| hash(i, 4) % classes as u32).collect();
            let targets = Tensor::from_vec(targets, shape, &Device::Cpu)?;
            let options =
                |reduction| CrossEntropyOptions { reduction, ..CrossEntropyOptions::default() };
            check(
                &|reduction| cross_entropy_with(&logits, &targets, options(reduction)),
                n,
            )
        },
    );
}
