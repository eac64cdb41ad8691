//! What a mask hides, and that a cache changes nothing.

use anyhow::{Context, Result, ensure};
use attention::attention::{AdditiveAttention, DotProductAttention};
use attention::heads::{Cache, MultiHeadAttention, Sizes};
use attention::mask::{Mask, masked_softmax, sequence_mask};
use attention::score::scaled_dot_product_scores;
use candle_core::{Tensor, Var};
use d2l::nn::backward;

use crate::{DEVICE, EVALUATE, INIT, TRAIN, ensure_equal, f64_params, gap, lens, numbers};

/// zh 10.3.1, en 11.3.2.1.
#[test]
fn masked_positions_have_no_weight() -> Result<()> {
    let scores = numbers((2, 2, 4), 1)?;
    let per_example = lens(&[2, 3])?;
    let per_query = Tensor::new(&[[1u32, 3], [2, 4]], &DEVICE)?;
    for (lens, wanted) in [
        (&per_example, [[2, 2], [3, 3]]),
        (&per_query, [[1, 3], [2, 4]]),
    ] {
        let weights: Vec<Vec<Vec<f64>>> = masked_softmax(&scores, Some(lens))?.to_vec3()?;
        for (weights, wanted) in weights.iter().flatten().zip(wanted.as_flattened()) {
            let (counted, hidden) = weights.split_at(*wanted);
            ensure!(counted.iter().all(|&weight| weight > 0.0), "{weights:?}");
            ensure!(hidden.iter().all(|&weight| weight == 0.0), "{weights:?}");
            ensure!((counted.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        }
    }
    let mask = sequence_mask(&per_example, 3)?;
    ensure!(mask.to_vec2::<u8>()? == [[1, 1, 0], [1, 1, 1]]);
    Ok(())
}

#[test]
fn a_causal_mask_is_a_length_for_each_query() -> Result<()> {
    let valid = lens(&[2, 4])?;
    let causal = Mask { causal: true, ..Mask::valid(&valid) };
    let lens = |mask: Mask, past| -> Result<Vec<Vec<u32>>> {
        let lens = mask.lens((2, 3), past, &DEVICE)?.context("lengths")?;
        Ok(lens.to_vec2()?)
    };
    ensure!(lens(Mask::CAUSAL, 0)? == [[1, 2, 3], [1, 2, 3]]);
    ensure!(lens(Mask::CAUSAL, 2)? == [[3, 4, 5], [3, 4, 5]]);
    ensure!(lens(causal, 0)? == [[1, 2, 2], [1, 2, 3]]);
    ensure!(lens(causal, 2)? == [[2, 2, 2], [3, 4, 4]]);
    Ok(())
}

/// Where the book's additive -10⁶ makes the weights uniform, ours are zeros; and nothing becomes NaN.
#[test]
fn a_query_that_sees_no_key_gets_zeros() -> Result<()> {
    let params = f64_params();
    let additive = AdditiveAttention::new((4, 4), 5, 0.0, &INIT, params.builder().pp("a"))?;
    let dot_product = DotProductAttention::new(0.0, "d")?;
    let sizes = Sizes::equal(4, 2);
    let heads = MultiHeadAttention::new(sizes, 0.0, false, &INIT, params.builder().pp("m"))?;
    let x = Var::from_tensor(&numbers((2, 3, 4), 1)?)?;
    let valid = lens(&[0, 2])?;
    let mask = Mask::valid(&valid);
    let by_hand = masked_softmax(&scaled_dot_product_scores(&x, &x)?, Some(&valid))?;
    for (name, output) in [
        (
            "additive",
            additive.forward(&x, &additive.project(&x)?, &x, mask, TRAIN)?,
        ),
        (
            "dot product",
            dot_product.forward(&x, &x, &x, (mask, 0), TRAIN)?,
        ),
        ("heads", heads.forward(&x, &x, &x, mask, None, TRAIN)?),
        ("by hand", by_hand.matmul(&x)?),
    ] {
        let none: f64 = output.get(0)?.abs()?.sum_all()?.to_scalar()?;
        let some: f64 = output.get(1)?.abs()?.sum_all()?.to_scalar()?;
        ensure!(none == 0.0 && some > 0.0, "{name}: {none} and {some}");
        let gradients = backward(&output.sqr()?.sum_all()?)?;
        let gradient = gradients.get(&x).context(name)?;
        let sum: f64 = gradient.abs()?.sum_all()?.to_scalar()?;
        ensure!(sum.is_finite() && sum > 0.0, "{name}: {sum}");
    }
    Ok(())
}

#[test]
fn more_padding_changes_nothing() -> Result<()> {
    let params = f64_params();
    let additive = AdditiveAttention::new((4, 4), 5, 0.0, &INIT, params.builder().pp("a"))?;
    let sizes = Sizes::equal(4, 2);
    let heads = MultiHeadAttention::new(sizes, 0.0, false, &INIT, params.builder().pp("m"))?;
    let queries = numbers((2, 3, 4), 1)?;
    let x = numbers((2, 5, 4), 2)?;
    let more = Tensor::cat(&[&x, &(numbers((2, 4, 4), 3)? * 1e3)?], 1)?;
    let valid = lens(&[2, 5])?;
    let mask = Mask::valid(&valid);
    let of = |x: &Tensor| -> Result<[Tensor; 2]> {
        Ok([
            additive.forward(&queries, &additive.project(x)?, x, mask, TRAIN)?,
            heads.forward(&queries, x, x, mask, None, TRAIN)?,
        ])
    };
    for (name, (short, long)) in ["additive", "heads"]
        .iter()
        .zip(of(&x)?.iter().zip(&of(&more)?))
    {
        ensure_equal(name, short, long)?;
    }
    Ok(())
}

/// Token by token, or some at a time, with the cache: as if all came at once.
#[test]
fn a_cache_changes_nothing() -> Result<()> {
    let params = f64_params();
    let sizes = Sizes::equal(6, 3);
    let layer = MultiHeadAttention::new(sizes, 0.0, true, &INIT, params.builder().pp("m"))?;
    let x = numbers((2, 6, 6), 1)?;
    let whole = layer.forward(&x, &x, &x, Mask::CAUSAL, None, EVALUATE)?;
    for steps in [&[1; 6][..], &[2, 3, 1], &[6], &[4, 2]] {
        let mut cache = Cache::default();
        ensure!(cache.is_empty());
        let (mut first, mut parts) = (0, Vec::new());
        for &count in steps {
            let x = x.narrow(1, first, count)?;
            let y = layer.forward(&x, &x, &x, Mask::CAUSAL, Some(&mut cache), EVALUATE)?;
            parts.push(y);
            first += count;
        }
        ensure!(cache.len()? == 6);
        ensure_equal(&format!("{steps:?}"), &whole, &Tensor::cat(&parts, 1)?)?;
    }
    Ok(())
}

/// A hand-made mask leaked here in karpathy/nanoGPT#331.
#[test]
fn a_future_token_changes_no_earlier_output() -> Result<()> {
    let params = f64_params();
    let sizes = Sizes::equal(6, 3);
    let layer = MultiHeadAttention::new(sizes, 0.0, true, &INIT, params.builder().pp("m"))?;
    let x = numbers((1, 6, 6), 1)?;
    let other = Tensor::cat(&[x.narrow(1, 0, 4)?, numbers((1, 2, 6), 2)?], 1)?;
    let of = |x: &Tensor, with_cache: bool| -> Result<Tensor> {
        let mut cache = Cache::default();
        if with_cache {
            let past = numbers((1, 3, 6), 5)?;
            layer.forward(&past, &past, &past, Mask::CAUSAL, Some(&mut cache), TRAIN)?;
        }
        let cache = with_cache.then_some(&mut cache);
        Ok(layer.forward(x, x, x, Mask::CAUSAL, cache, TRAIN)?)
    };
    for with_cache in [false, true] {
        let (a, b) = (of(&x, with_cache)?, of(&other, with_cache)?);
        ensure_equal("earlier", &a.narrow(1, 0, 4)?, &b.narrow(1, 0, 4)?)?;
        for later in [4, 5] {
            let gap = gap(&a.narrow(1, later, 1)?, &b.narrow(1, later, 1)?)?;
            ensure!(gap > 1e-3, "the change is seen at {later} itself: {gap}");
        }
    }
    Ok(())
}
