//! The layers of attention: by hand and with the library the same, right gradients, masks, caches, positions.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use attention::attention::{AdditiveAttention, DotProductAttention};
use attention::heads::{Cache, MultiHeadAttention, Sizes};
use attention::mask::{Mask, masked_softmax, sequence_mask};
use attention::position::{PositionalEncoding, encoding, rotation};
use attention::score::{Additive, scaled_dot_product_scores};
use candle_core::{DType, Device, Tensor, Var};
use d2l::nn::testing::{check_gradients, every_parameter_has_a_gradient, filled};
use d2l::nn::{Initializer, Mode, ParamStore, Step, backward, observed};
use d2l::testing::{LayerCase, check_layer_against_golden};

const DEVICE: Device = Device::Cpu;
const INIT: Initializer = Initializer::PytorchDefault;
const EVALUATE: Mode = Mode::Evaluate;
const TRAIN: Mode = Mode::Train(Step { seed: 0, epoch: 1, step: 1 });

fn f64_params() -> ParamStore {
    ParamStore::with_dtype(0, DType::F64, &DEVICE)
}

fn numbers(shape: impl Into<candle_core::Shape>, salt: u32) -> Result<Tensor> {
    Ok(filled(shape, salt, 2.0, DType::F64, &DEVICE)?)
}

fn lens(lens: &[u32]) -> Result<Tensor> {
    Ok(Tensor::new(lens, &DEVICE)?)
}

fn gap(a: &Tensor, b: &Tensor) -> Result<f64> {
    ensure!(a.dims() == b.dims(), "{:?} and {:?}", a.dims(), b.dims());
    let gap = (a - b)?.abs()?.flatten_all()?.max(0)?;
    Ok(gap.to_dtype(DType::F64)?.to_scalar()?)
}

fn ensure_equal(what: &str, a: &Tensor, b: &Tensor) -> Result<()> {
    let gap = gap(a, b)?;
    ensure!(gap < 1e-12, "{what}: they differ by {gap}");
    Ok(())
}

fn named(params: &ParamStore, name: &str) -> Result<Tensor> {
    let mut all = params.parameters().into_iter();
    let found = all.find(|(known, _)| known == name);
    Ok(found
        .with_context(|| format!("no {name}"))?
        .1
        .as_tensor()
        .clone())
}

fn all(params: &ParamStore) -> Vec<Var> {
    params
        .parameters()
        .into_iter()
        .map(|(_, var)| var)
        .collect()
}

/// [B, Q, D_q] = [2, 3, 4], [B, K, D_k] = [2, 5, 6], [B, K, V] = [2, 5, 3]
fn sequences() -> Result<[Var; 3]> {
    Ok([
        Var::from_tensor(&numbers((2, 3, 4), 1)?)?,
        Var::from_tensor(&numbers((2, 5, 6), 2)?)?,
        Var::from_tensor(&numbers((2, 5, 3), 3)?)?,
    ])
}

fn masks(lens: &Tensor) -> [Mask<'_>; 4] {
    [
        Mask::NONE,
        Mask::CAUSAL,
        Mask::valid(lens),
        Mask { causal: true, ..Mask::valid(lens) },
    ]
}

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

/// zh 10.6.3, en 11.6.3; an odd width ends with a sine.
#[test]
fn positions_have_sines_and_cosines_of_any_width() -> Result<()> {
    ensure!(encoding(0, 5) == [0.0, 1.0, 0.0, 1.0, 0.0]);
    for d in [4, 5] {
        let found = encoding(3, d);
        for (column, number) in found.iter().enumerate() {
            let angle = 3.0 / 10_000f64.powf((2 * (column / 2)) as f64 / d as f64);
            let wanted = if column % 2 == 0 {
                angle.sin()
            } else {
                angle.cos()
            };
            ensure!((number - wanted).abs() < 1e-15, "{d} {column}: {number}");
        }
    }
    for d in [32, 33] {
        let layer = PositionalEncoding::new(d, 60, 0.0, f64_params().builder().pp("p"))?;
        let zeros = Tensor::zeros((2, 60, d), DType::F64, &DEVICE)?;
        let p = layer.forward(&zeros, 0, EVALUATE)?;
        ensure!(p.dims() == [2, 60, d]);
        ensure_equal("batch", &p.get(0)?, &p.get(1)?)?;
        let found: Vec<f64> = p.get(0)?.get(7)?.to_vec1()?;
        ensure!(found == encoding(7, d));
    }
    Ok(())
}

#[test]
fn a_shift_of_position_is_a_rotation() -> Result<()> {
    for (d, delta) in [(32, 5), (32, 100), (33, 7)] {
        for j in 0..d / 2 {
            let [[a, b], [c, e]] = rotation(delta as f64, j, d);
            for i in [0, 1, 50, 700] {
                let (from, to) = (encoding(i, d), encoding(i + delta, d));
                let [sin, cos] = [from[2 * j], from[2 * j + 1]];
                let turned = [a * sin + b * cos, c * sin + e * cos];
                let gap = (turned[0] - to[2 * j]).hypot(turned[1] - to[2 * j + 1]);
                ensure!(gap < 1e-12, "d {d}, δ {delta}, j {j}, i {i}: {gap}");
            }
        }
    }
    Ok(())
}

#[test]
fn a_part_of_a_sequence_has_its_own_positions() -> Result<()> {
    let layer = PositionalEncoding::new(6, 8, 0.0, f64_params().builder().pp("p"))?;
    let x = numbers((1, 8, 6), 1)?;
    let whole = layer.forward(&x, 0, EVALUATE)?;
    let part = layer.forward(&x.narrow(1, 5, 2)?, 5, EVALUATE)?;
    ensure_equal("part", &whole.narrow(1, 5, 2)?, &part)?;
    let beyond = layer.forward(&x.narrow(1, 0, 4)?, 5, EVALUATE);
    let message = beyond.err().context("9 positions of 8")?.to_string();
    ensure!(message.contains("wanted positions below 8"), "{message}");
    Ok(())
}
