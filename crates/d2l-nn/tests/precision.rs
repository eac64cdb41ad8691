//! Products in 16 bits: what is rounded, what isn't, and that kernels and definitions agree.

#![allow(clippy::expect_used)] // in the tests' helpers, as in the tests

use candle_core::{DType, Device, Module, Result, Tensor, Var};
use candle_nn::VarBuilder;
use d2l_nn::testing::{filled, without_kernels};
use d2l_nn::*;

const NARROW: [(Precision, DType, f64); 2] = [
    (Precision::Bf16, DType::BF16, 1.0 / 256.0),
    (Precision::F16, DType::F16, 1.0 / 2048.0),
];

fn var(shape: &[usize], salt: u32) -> Result<Var> {
    Var::from_tensor(&filled(shape, salt, 2.0, DType::F32, &Device::Cpu)?)
}

fn numbers(x: &Tensor) -> Result<Vec<f64>> {
    x.flatten_all()?.to_dtype(DType::F64)?.to_vec1()
}

/// The largest gap between two tensors, relative to the largest number of the second.
fn gap(x: &Tensor, y: &Tensor) -> Result<f64> {
    let (x, y) = (numbers(x)?, numbers(y)?);
    assert_eq!(x.len(), y.len());
    let largest = y.iter().fold(0.0, |max: f64, y| max.max(y.abs()));
    let gaps = x.iter().zip(&y).map(|(x, y)| (x - y).abs());
    Ok(gaps.fold(0.0, f64::max) / largest)
}

fn is_rounded(x: &Tensor, dtype: DType) -> Result<bool> {
    Ok(numbers(x)? == numbers(&x.to_dtype(dtype)?)?)
}

#[test]
fn a_product_rounds_inputs_outputs_and_gradients_and_is_f32() -> Result<()> {
    let (a, b, weights) = (var(&[5, 7], 1)?, var(&[7, 3], 2)?, var(&[5, 3], 3)?);
    for (precision, dtype, _) in NARROW {
        let exact = |x: &Var| x.as_detached_tensor().to_dtype(dtype)?.to_dtype(DType::F64);
        let wanted = exact(&a)?.matmul(&exact(&b)?)?.to_dtype(dtype)?;
        let c = in_precision(precision, || matmul(&a, &b))?;
        assert_eq!(c.dtype(), DType::F32);
        assert!(is_rounded(&c, dtype)? && !is_rounded(&a, dtype)?);
        assert!(gap(&c, &wanted)? < 1e-2, "{precision}");
        let gradients = in_precision(precision, || {
            backward(&(&c * weights.as_tensor())?.sum_all()?)
        })?;
        let wanted = exact(&weights)?.matmul(&exact(&b)?.t()?)?;
        let gradient = gradients.get(&a).expect("a gradient");
        assert_eq!(gradient.dtype(), DType::F32);
        assert!(is_rounded(gradient, dtype)?, "{precision}");
        assert!(gap(gradient, &wanted)? < 1e-2, "{precision}");
    }
    Ok(())
}

type Layer = (
    &'static str,
    Vec<usize>,
    Box<dyn Fn(&Tensor) -> Result<Tensor>>,
);

/// Every kind of layer that multiplies, with the shape of its input.
fn layers(vb: &VarBuilder) -> Result<Vec<Layer>> {
    let init = Initializer::PytorchDefault;
    let config = Conv2dConfig { padding: (1, 1), ..Default::default() };
    let dense = linear(6, 5, &init, vb.pp("dense"))?;
    let two = conv2d(3, 4, 3, config, &init, vb.pp("two"))?;
    let transposed = conv_transpose2d(3, 4, 3, config, &init, vb.pp("transposed"))?;
    let options = RecurrentOptions::default();
    let of_lstm = lstm(6, 5, options, &init, vb.pp("lstm"))?;
    let of_gru = gru(6, 5, Reset::AfterProduct, options, &init, vb.pp("gru"))?;
    let attend = |x: &Tensor| -> Result<Tensor> {
        let heads = x.unsqueeze(1)?;
        let options = AttentionOptions { causal: true, ..Default::default() };
        Ok(scaled_dot_product_attention(&heads, &heads, &heads, options)?.0)
    };
    let sequences = vec![2, 4, 6];
    let pictures = vec![2, 3, 5, 5];
    Ok(vec![
        (
            "linear",
            sequences.clone(),
            Box::new(move |x| dense.forward(x)),
        ),
        (
            "conv2d",
            pictures.clone(),
            Box::new(move |x| two.forward(x)),
        ),
        (
            "conv_transpose2d",
            pictures,
            Box::new(move |x| transposed.forward(x)),
        ),
        (
            "lstm",
            sequences.clone(),
            Box::new(move |x| Ok(of_lstm.forward_t(x, None, Mode::Evaluate)?.0)),
        ),
        (
            "gru",
            sequences.clone(),
            Box::new(move |x| Ok(of_gru.forward_t(x, None, Mode::Evaluate)?.0)),
        ),
        ("attention", sequences, Box::new(attend)),
    ])
}

#[test]
fn every_layer_that_multiplies_rounds_and_stays_near_f32() -> Result<()> {
    let store = ParamStore::new(0, &Device::Cpu);
    for (name, shape, layer) in layers(&store.builder())? {
        let x = var(&shape, 4)?;
        let pass = || -> Result<(Tensor, Tensor)> {
            let y = layer(&x)?;
            let weights = filled(y.shape(), 5, 2.0, DType::F32, &Device::Cpu)?;
            let gradients = backward(&(&y * weights)?.sum_all()?)?;
            Ok((y, gradients.get(&x).expect("a gradient").clone()))
        };
        let (y, dx) = pass()?;
        for (precision, dtype, error) in NARROW {
            let (narrow, narrow_dx) = in_precision(precision, pass)?;
            assert_eq!(narrow.dtype(), DType::F32, "{name}");
            assert!(is_rounded(&narrow, dtype)?, "{name} in {precision}");
            for (found, wanted) in [(&narrow, &y), (&narrow_dx, &dx)] {
                let gap = gap(found, wanted)?;
                assert!(
                    gap > 0.0 && gap < 8.0 * error,
                    "{name} in {precision}: {gap}"
                );
            }
            // What a GPU runs: the definition, on numbers of 16 bits.
            let (other, other_dx) = without_kernels(|| in_precision(precision, pass))?;
            assert_eq!(other.dtype(), DType::F32, "{name}");
            for (found, wanted) in [(&other, &y), (&other_dx, &dx)] {
                let gap = gap(found, wanted)?;
                assert!(
                    gap < 16.0 * error,
                    "{name} in {precision} by definition: {gap}"
                );
            }
        }
    }
    Ok(())
}

#[test]
fn the_precision_ends_with_the_call_and_f32_changes_nothing() -> Result<()> {
    let (a, b) = (var(&[5, 7], 1)?, var(&[7, 3], 2)?);
    let before = numbers(&matmul(&a, &b)?)?;
    let failed = in_precision(Precision::F16, || matmul(&a, &a));
    assert!(failed.is_err());
    assert_eq!(numbers(&matmul(&a, &b)?)?, before);
    assert_eq!(
        numbers(&in_precision(Precision::F32, || matmul(&a, &b))?)?,
        before
    );
    let double = a.to_dtype(DType::F64)?;
    let product = in_precision(Precision::Bf16, || matmul(&double, &double.t()?))?;
    assert_eq!(
        product.dtype(),
        DType::F64,
        "gradient checks are not rounded"
    );
    assert!(!is_rounded(&product, DType::F32)?);
    Ok(())
}

#[test]
fn precisions_are_named_and_read_back() {
    for precision in [Precision::F32, Precision::Bf16, Precision::F16] {
        assert_eq!(
            precision.to_string().parse::<Precision>().ok(),
            Some(precision)
        );
    }
    let error = "half".parse::<Precision>().expect_err("no such type");
    assert_eq!(error.to_string(), "found \"half\", wanted f32, bf16 or f16");
}
