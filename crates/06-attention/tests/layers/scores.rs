//! The scoring functions and several heads: by hand, in PyTorch and in the book.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use attention::attention::{AdditiveAttention, DotProductAttention};
use attention::heads::{MultiHeadAttention, Sizes};
use attention::mask::{Mask, masked_softmax};
use attention::score::{Additive, scaled_dot_product_scores};
use candle_core::{DType, Tensor};
use d2l::nn::testing::filled;
use d2l::nn::{ParamStore, backward, observed};
use d2l::testing::{LayerCase, check_layer_against_golden};

use crate::{
    DEVICE, EVALUATE, INIT, TRAIN, all, ensure_equal, f64_params, gap, lens, masks, named, numbers,
    sequences,
};

#[test]
fn additive_attention_is_the_scores_by_hand() -> Result<()> {
    let params = f64_params();
    let layer = AdditiveAttention::new((4, 6), 7, 0.0, &INIT, params.builder().pp("a"))?;
    let by_hand = Additive {
        w_q: named(&params, "a.w_q.weight")?,
        w_k: named(&params, "a.w_k.weight")?,
        w_v: named(&params, "a.w_v.weight")?,
    };
    let [queries, keys, values] = sequences()?;
    let valid = lens(&[2, 5])?;
    for mask in masks(&valid) {
        let keys_for_all = layer.project(&keys)?;
        let library = layer.forward(&queries, &keys_for_all, &values, mask, TRAIN)?;
        let scores = by_hand.scores(&queries, &keys)?;
        let seen = mask.lens((2, 3), 0, &DEVICE)?;
        let ours = masked_softmax(&scores, seen.as_ref())?.matmul(&values)?;
        ensure_equal(&format!("{mask:?}"), &library, &ours)?;
        let (a, b) = (
            backward(&library.sqr()?.sum_all()?)?,
            backward(&ours.sqr()?.sum_all()?)?,
        );
        for var in all(&params).iter().chain([&queries, &keys, &values]) {
            let (a, b) = (a.get(var).context("a")?, b.get(var).context("b")?);
            ensure_equal("gradient", a, b)?;
        }
    }
    Ok(())
}

#[test]
fn dot_product_attention_is_the_scores_by_hand() -> Result<()> {
    let layer = DotProductAttention::new(0.0, "d")?;
    let [queries, _, values] = sequences()?;
    let keys = numbers((2, 5, 4), 7)?;
    let valid = lens(&[2, 5])?;
    for mask in masks(&valid) {
        let library = layer.forward(&queries, &keys, &values, (mask, 0), TRAIN)?;
        let scores = scaled_dot_product_scores(&queries, &keys)?;
        let seen = mask.lens((2, 3), 0, &DEVICE)?;
        let ours = masked_softmax(&scores, seen.as_ref())?.matmul(&values)?;
        ensure_equal(&format!("{mask:?}"), &library, &ours)?;
    }
    Ok(())
}

/// Head i has rows i d … (i + 1) d of W_q, W_k and W_v.
#[test]
fn heads_are_attentions_side_by_side() -> Result<()> {
    let params = f64_params();
    let (heads, d) = (3, 2);
    let sizes = Sizes::equal(heads * d, heads);
    let layer = MultiHeadAttention::new(sizes, 0.0, false, &INIT, params.builder().pp("m"))?;
    let x = numbers((2, 4, heads * d), 1)?;
    let valid = lens(&[3, 4])?;
    let found = layer.forward(&x, &x, &x, Mask::valid(&valid), None, TRAIN)?;
    let one = DotProductAttention::new(0.0, "one")?;
    let mut parts = Vec::new();
    for head in 0..heads {
        let project = |name: &str| -> Result<Tensor> {
            let rows = named(&params, name)?.narrow(0, head * d, d)?;
            Ok(x.broadcast_matmul(&rows.t()?)?)
        };
        let (q, k, v) = (
            project("m.w_q.weight")?,
            project("m.w_k.weight")?,
            project("m.w_v.weight")?,
        );
        parts.push(one.forward(&q, &k, &v, (Mask::valid(&valid), 0), TRAIN)?);
    }
    let wanted = Tensor::cat(&parts, 2)?.broadcast_matmul(&named(&params, "m.w_o.weight")?.t()?)?;
    ensure_equal("heads", &found, &wanted)
}

/// `torch.nn.MultiheadAttention`: output and all gradients.
#[test]
fn heads_agree_with_pytorchs_own() -> Result<()> {
    let golden = "../../tests/reference/golden/multihead-attention.json";
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(golden);
    let build = |case: &LayerCase, params: &ParamStore| {
        let [hiddens, _] = case.shape("w_q.weight")?[..] else {
            anyhow::bail!("wanted a matrix");
        };
        let sizes = Sizes::equal(hiddens, case.num_heads);
        let layer = MultiHeadAttention::new(sizes, 0.0, false, &INIT, params.builder())?;
        Ok(layer)
    };
    check_layer_against_golden(&file, 4, build, |layer, case, inputs| {
        let [queries, keys, values] = inputs else {
            candle_core::bail!("found {} inputs, wanted 3", inputs.len());
        };
        let mask = Mask { valid_lens: case.valid_lens.as_ref(), causal: case.causal };
        layer.forward(queries, keys, values, mask, None, TRAIN)
    })
}

/// zh 10.3.2 and 10.3.3, en 11.3.3 and 11.3.4: equal keys make equal weights, so the output is the mean of the values that
/// count.
#[test]
fn the_books_examples_have_the_books_results() -> Result<()> {
    let params = ParamStore::new(0, &DEVICE);
    let keys = Tensor::ones((2, 10, 2), DType::F32, &DEVICE)?;
    let values = Tensor::arange(0f32, 40.0, &DEVICE)?.reshape((1, 10, 4))?;
    let values = values.broadcast_as((2, 10, 4))?.contiguous()?;
    let valid = lens(&[2, 6])?;
    let wanted = [[2f32, 3.0, 4.0, 5.0], [10.0, 11.0, 12.0, 13.0]];
    let wanted = Tensor::new(&wanted, &DEVICE)?.unsqueeze(1)?;

    let additive = AdditiveAttention::new((20, 2), 8, 0.1, &INIT, params.builder().pp("a"))?;
    let queries = filled((2, 1, 20), 1, 2.0, DType::F32, &DEVICE)?;
    let mask = Mask::valid(&valid);
    let output = additive.forward(&queries, &additive.project(&keys)?, &values, mask, EVALUATE)?;
    ensure!(gap(&output, &wanted)? < 1e-5, "{output}");
    let dot_product = DotProductAttention::new(0.5, "d")?;
    let queries = filled((2, 1, 2), 1, 2.0, DType::F32, &DEVICE)?;
    let output = dot_product.forward(&queries, &keys, &values, (mask, 0), EVALUATE)?;
    ensure!(gap(&output, &wanted)? < 1e-5, "{output}");

    // zh 10.5.2, en 11.5.3
    let sizes = Sizes::equal(100, 5);
    let heads = MultiHeadAttention::new(sizes, 0.5, false, &INIT, params.builder().pp("m"))?;
    let x = Tensor::ones((2, 4, 100), DType::F32, &DEVICE)?;
    let y = Tensor::ones((2, 6, 100), DType::F32, &DEVICE)?;
    let valid = lens(&[3, 2])?;
    let output = heads.forward(&x, &y, &y, Mask::valid(&valid), None, EVALUATE)?;
    ensure!(output.dims() == [2, 4, 100]);
    Ok(())
}

#[test]
fn heads_must_divide_the_hidden_units() -> Result<()> {
    let params = f64_params();
    for heads in [0, 4] {
        let sizes = Sizes::equal(6, heads);
        let refused = MultiHeadAttention::new(sizes, 0.0, false, &INIT, params.builder());
        let message = refused.err().context("6 hidden units")?.to_string();
        let wanted = format!("found {heads} heads for 6 hidden units");
        ensure!(message.contains(&wanted), "{message}");
    }
    Ok(())
}

#[test]
fn weights_are_reported_while_somebody_observes() -> Result<()> {
    let params = f64_params();
    let sizes = Sizes::equal(6, 3);
    let heads = MultiHeadAttention::new(sizes, 0.5, false, &INIT, params.builder().pp("m"))?;
    let additive = AdditiveAttention::new((6, 6), 5, 0.5, &INIT, params.builder().pp("a"))?;
    let x = numbers((2, 4, 6), 1)?;
    let valid = lens(&[2, 4])?;
    let mask = Mask::valid(&valid);
    let ((), observations) = observed(|| {
        heads.forward(&x, &x, &x, mask, None, TRAIN)?;
        additive.forward(&x, &additive.project(&x)?, &x, mask, TRAIN)?;
        Ok(())
    })?;
    let found = observations.attention();
    let shapes: Vec<(&str, &[usize])> = found
        .iter()
        .map(|(name, weights)| (name.as_str(), weights.dims()))
        .collect();
    ensure!(
        shapes == [("m", &[2, 3, 4, 4][..]), ("a", &[2, 4, 4])],
        "{shapes:?}"
    );
    for (name, weights) in found {
        // Before dropout, so each query's add up to 1.
        let sums = weights.sum(weights.rank() - 1)?;
        ensure_equal(name, &sums, &sums.ones_like()?)?;
        let last = weights.rank() - 1;
        let hidden: f64 = weights
            .get(0)?
            .narrow(last - 1, 2, 2)?
            .sum_all()?
            .to_scalar()?;
        ensure!(hidden == 0.0, "{name}: {hidden}");
    }
    Ok(())
}
