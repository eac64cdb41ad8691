//! Tests of attention; PyTorch's numbers are in `tests/golden_recurrent.rs`.

use candle_core::{D, DType, Device, Var};

use super::*;
use crate::Step;
use crate::testing::{check_gradients, filled, hash};

const CPU: Device = Device::Cpu;

/// (batch, heads, queries, keys, d, values)
const SIZES: [[usize; 6]; 5] = [
    [1, 1, 1, 1, 1, 1],
    [2, 1, 3, 5, 2, 3],
    [3, 2, 4, 4, 3, 2],
    [2, 2, 1, 6, 2, 2],
    [1, 2, 70, 9, 2, 1],
];

struct Case {
    vars: Vec<Var>,
    lens: [Tensor; 2],
    masks: Vec<Tensor>,
}

fn case([batch, heads, queries, keys, d, values]: [usize; 6], dtype: DType) -> Result<Case> {
    let var = |shape: &[usize], salt| Var::from_tensor(&filled(shape, salt, 4.0, dtype, &CPU)?);
    // zero keys, all keys and more are among the lengths
    let lens =
        |n: usize| Tensor::from_iter((0..n as u32).map(|i| hash(i, 9) % (keys as u32 + 2)), &CPU);
    let bits =
        |n: usize| Tensor::from_iter((0..n as u32).map(|i| (hash(i, 8) % 3 < 2) as u8), &CPU);
    Ok(Case {
        vars: vec![
            var(&[batch, heads, queries, d], 1)?,
            var(&[batch, heads, keys, d], 2)?,
            var(&[batch, heads, keys, values], 3)?,
        ],
        lens: [
            lens(batch)?,
            lens(batch * queries)?.reshape((batch, queries))?,
        ],
        masks: vec![
            bits(queries * keys)?.reshape((queries, keys))?,
            bits(batch * keys)?.reshape((batch, 1, 1, keys))?,
            filled((heads, queries, keys), 4, 3.0, dtype, &CPU)?,
            bits(batch * heads * queries * keys)?.reshape((batch, heads, queries, keys))?,
        ],
    })
}

/// Calls `f` with every way to hide keys, and with weights dropped and not.
fn every_option(
    case: &Case,
    f: impl Fn(AttentionOptions) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let layer = Dropout::new(0.3, "attention.dropout")?;
    let here = Step { seed: 3, epoch: 1, step: 2 };
    for dropout in [None, Some((&layer, Mode::Train(here)))] {
        for causal in [false, true] {
            for valid_lens in [None, Some(&case.lens[0]), Some(&case.lens[1])] {
                for mask in std::iter::once(None).chain(case.masks.iter().map(Some)) {
                    let given = AttentionOptions {
                        valid_lens,
                        causal,
                        mask,
                        dropout,
                        ..Default::default()
                    };
                    f(given)?;
                }
            }
        }
    }
    Ok(())
}

#[test]
fn gradients_are_right_whatever_is_hidden() -> anyhow::Result<()> {
    for size in SIZES {
        let case = case(size, DType::F64)?;
        let [q, k, v] = [0, 1, 2].map(|i| case.vars[i].as_tensor());
        every_option(&case, |options| {
            if size[2] > 64 && options.mask.is_some() {
                return Ok(()); // many entries
            }
            let f = || {
                let (output, _) = scaled_dot_product_attention(q, k, v, options)?;
                (&output * filled(output.shape(), 5, 2.0, DType::F64, &CPU)?)?.sum_all()
            };
            check_gradients(&case.vars, f, 1e-7)
                .map_err(|error| error.context(format!("{size:?}, {options:?}")))
        })?;
    }
    Ok(())
}

#[test]
fn the_kernel_and_the_definition_agree() -> anyhow::Result<()> {
    for (dtype, tolerance) in [(DType::F64, 1e-12), (DType::F32, 1e-4)] {
        for size in [SIZES[1], SIZES[2], SIZES[4], [2, 3, 130, 129, 17, 9]] {
            let case = case(size, dtype)?;
            let [q, k, v] = [0, 1, 2].map(|i| case.vars[i].as_tensor());
            every_option(&case, |options| {
                let (kernel, _) = scaled_dot_product_attention(q, k, v, options)?;
                let options = AttentionOptions { wants_weights: true, ..options };
                let (definition, weights) = scaled_dot_product_attention(q, k, v, options)?;
                let sums = weights
                    .expect("weights")
                    .sum(D::Minus1)?
                    .flatten_all()?
                    .to_dtype(DType::F64)?;
                for sum in sums.to_vec1::<f64>()? {
                    assert!((sum - 1.0).abs() < 1e-5 || sum == 0.0, "{sum}");
                }
                let (a, b) = (
                    crate::backward(&kernel.sqr()?.sum_all()?)?,
                    crate::backward(&definition.sqr()?.sum_all()?)?,
                );
                let mut pairs = vec![(kernel, definition)];
                for var in &case.vars {
                    pairs.push((
                        a.get(var).expect("a gradient").clone(),
                        b.get(var).expect("a gradient").clone(),
                    ));
                }
                for (a, b) in pairs {
                    let off = (a - b)?
                        .abs()?
                        .flatten_all()?
                        .max(0)?
                        .to_dtype(DType::F64)?
                        .to_scalar::<f64>()?;
                    assert!(off <= tolerance, "{size:?}, {options:?}: {off}");
                }
                Ok(())
            })?;
        }
    }
    Ok(())
}

#[test]
fn wrong_shapes_and_types_are_named() -> Result<()> {
    let zeros = |shape: &[usize], dtype| Tensor::zeros(shape, dtype, &CPU);
    let q = zeros(&[2, 1, 3, 4], DType::F32)?;
    let lens = zeros(&[3], DType::U32)?;
    let mask = zeros(&[3, 3], DType::F64)?;
    let plain = AttentionOptions::default();
    for (k, options, message) in [
        (
            zeros(&[2, 1, 3, 5], DType::F32)?,
            plain,
            "keys [2, 1, 3, 5]",
        ),
        (zeros(&[2, 3, 4], DType::F32)?, plain, "keys [2, 3, 4]"),
        (zeros(&[2, 1, 3, 4], DType::F64)?, plain, "keys F64"),
        (
            q.clone(),
            AttentionOptions { valid_lens: Some(&lens), ..plain },
            "found valid_lens [3] U32, wanted [2] or [2, 3]",
        ),
        (
            q.clone(),
            AttentionOptions { mask: Some(&mask), ..plain },
            "found a mask F64",
        ),
    ] {
        let error = scaled_dot_product_attention(&q, &k, &q, options)
            .expect_err(message)
            .to_string();
        assert!(error.contains(message), "{error}");
    }
    Ok(())
}
