//! Attention computes what PyTorch's does: `golden/attention.json`, made by `scripts/pytorch/golden_attention.py`,
//! which says what it holds. Any number of threads gives the same bits.

#![allow(clippy::expect_used)] // in the tests' helpers, as in the tests

mod support;

use candle_core::{DType, Device, Result, Tensor, Var};
use d2l_nn::testing::filled;
use d2l_nn::{AttentionOptions, backward, scaled_dot_product_attention};
use serde_json::Value;
use support::{TYPES, assert_close, assert_independent_of_threads, entries, numbers};

const CPU: Device = Device::Cpu;

#[test]
fn values_and_gradients_are_pytorchs() -> Result<()> {
    let golden: Value = serde_json::from_str(include_str!("golden/attention.json")).expect("JSON");
    for (dtype, tolerance) in TYPES {
        let var = |shape: (usize, usize, usize, usize), salt| {
            Var::from_tensor(&filled(shape, salt, 4.0, dtype, &CPU)?)
        };
        let inputs = [
            ("q", var((2, 2, 3, 4), 1)?),
            ("k", var((2, 2, 5, 4), 2)?),
            ("v", var((2, 2, 5, 2), 3)?),
        ];
        let lens = Tensor::new(&[3u32, 5], &CPU)?;
        let added = filled((3, 5), 5, 3.0, dtype, &CPU)?;
        let plain = AttentionOptions::default();
        for (case, options) in [
            ("plain", plain),
            ("causal", AttentionOptions { causal: true, ..plain }),
            (
                "lengths",
                AttentionOptions { valid_lens: Some(&lens), ..plain },
            ),
            ("added", AttentionOptions { mask: Some(&added), ..plain }),
        ] {
            for wants_weights in [false, true] {
                let options = AttentionOptions { wants_weights, ..options };
                let [q, k, v] = [0, 1, 2].map(|i| inputs[i].1.as_tensor());
                let (output, weights) = scaled_dot_product_attention(q, k, v, options)?;
                assert_eq!(weights.is_some(), wants_weights);
                assert_close(
                    &entries(&output)?,
                    &numbers(&golden[case]["output"]),
                    5.0 * tolerance,
                    case,
                );
                let loss = (&output * filled(output.shape(), 4, 2.0, dtype, &CPU)?)?.sum_all()?;
                let gradients = backward(&loss)?;
                for (name, var) in &inputs {
                    let found = entries(gradients.get(var).expect("a gradient"))?;
                    assert_close(
                        &found,
                        &numbers(&golden[case][*name]),
                        5.0 * tolerance,
                        &format!("{case}: {name}"),
                    );
                }
            }
        }
    }
    Ok(())
}

#[test]
fn one_two_and_three_threads_give_the_same_bits() -> Result<()> {
    let inputs: Vec<Var> = (1..4)
        .map(|salt| Var::from_tensor(&filled((3, 5, 130, 33), salt, 4.0, DType::F32, &CPU)?))
        .collect::<Result<_>>()?;
    for causal in [false, true] {
        assert_independent_of_threads(|| {
            let options = AttentionOptions { causal, ..Default::default() };
            let (output, _) =
                scaled_dot_product_attention(&inputs[0], &inputs[1], &inputs[2], options)?;
            let gradients = backward(&output.sqr()?.sum_all()?)?;
            let mut found = vec![output];
            found.extend(
                inputs
                    .iter()
                    .map(|var| gradients.get(var).expect("a gradient").clone()),
            );
            Ok(found)
        })?;
    }
    Ok(())
}
