use candle_core::{Device, Var};

use super::composed::run as composed;
use super::*;
use crate::testing::{check_gradients, filled, hash};

fn classes(rows: u32, classes: u32) -> Result<Tensor> {
    Tensor::from_iter((0..rows).map(|i| hash(i, 99) % classes), &Device::Cpu)
}

#[test]
fn gradients_are_right_whatever_lies_around_the_loss() -> anyhow::Result<()> {
    let x = Var::from_tensor(&filled((4, 6), 1, 4.0, DType::F64, &Device::Cpu)?)?;
    let targets = classes(4, 6)?;
    check_gradients(
        std::slice::from_ref(&x),
        || cross_entropy(&x, &targets),
        1e-8,
    )?;
    // scaled, squared, and with logits that are a part of a transposed tensor
    let targets = classes(3, 4)?;
    let f = || (cross_entropy(&x.t()?.narrow(0, 1, 3)?, &targets)?.sqr()? * 0.7)?.sum_all();
    check_gradients(std::slice::from_ref(&x), f, 1e-8)?;
    // a batch of one, and twice the same logits
    let targets = classes(1, 6)?;
    let f = || {
        cross_entropy(&x.narrow(0, 2, 1)?, &targets)?
            + cross_entropy(&x.narrow(0, 2, 1)?, &targets)?
    };
    check_gradients(std::slice::from_ref(&x), f, 1e-8)
}

#[test]
fn equal_logits_cost_the_logarithm_of_the_classes() -> Result<()> {
    for value in [0f32, -1e4, 1e4] {
        let logits = Var::from_tensor(&Tensor::full(value, (3, 10), &Device::Cpu)?)?;
        let loss = cross_entropy(&logits, &classes(3, 10)?)?;
        assert!((loss.to_scalar::<f32>()? - 10f32.ln()).abs() < 1e-6);
    }
    Ok(())
}

#[test]
fn the_kernel_and_the_definition_agree() -> anyhow::Result<()> {
    for (dtype, tolerance) in [(DType::F64, 1e-14), (DType::F32, 1e-6)] {
        for (rows, columns, scale) in [(1, 1, 1.0), (7, 3, 9.0), (5000, 10, 30.0), (40, 1000, 2e4)]
        {
            let logits =
                Var::from_tensor(&filled((rows, columns), 1, scale, dtype, &Device::Cpu)?)?;
            let targets = classes(rows as u32, columns as u32)?;
            let (kernel, definition) = (
                cross_entropy(&logits, &targets)?,
                composed(&logits, &targets, CrossEntropyOptions::default())?,
            );
            let distance = |a: &Tensor, b: &Tensor| -> Result<f64> {
                (a - b)?
                    .abs()?
                    .flatten_all()?
                    .max(0)?
                    .to_dtype(DType::F64)?
                    .to_scalar::<f64>()
            };
            let gradients = (crate::backward(&kernel)?, crate::backward(&definition)?);
            let (Some(a), Some(b)) = (gradients.0.get(&logits), gradients.1.get(&logits)) else {
                anyhow::bail!("a gradient is missing");
            };
            let of_value = distance(&kernel, &definition)?;
            assert!(
                of_value <= tolerance * scale,
                "{rows} x {columns}: values differ by {of_value}"
            );
            let of_gradient = distance(a, b)?;
            assert!(
                of_gradient <= tolerance,
                "{rows} x {columns}: gradients differ by {of_gradient}"
            );
        }
    }
    Ok(())
}

#[test]
fn a_class_that_is_none_is_refused_or_makes_the_loss_nan() -> Result<()> {
    let logits = Tensor::zeros((2, 3), DType::F32, &Device::Cpu)?;
    let targets = Tensor::new(&[0u32, 3], &Device::Cpu)?;
    let error = cross_entropy(&logits, &targets)
        .expect_err("class 3 of 3")
        .to_string();
    assert!(
        error.contains("found class 3 in row 1, wanted one below 3"),
        "{error}"
    );
    assert!(
        composed(&logits, &targets, CrossEntropyOptions::default())?
            .to_scalar::<f32>()?
            .is_nan()
    );
    Ok(())
}

#[test]
fn wrong_shapes_and_types_are_named() -> Result<()> {
    let zeros = |shape: &[usize], dtype| Tensor::zeros(shape, dtype, &Device::Cpu);
    for (logits, targets, message) in [
        (
            zeros(&[6], DType::F32)?,
            zeros(&[6], DType::U32)?,
            "logits of shape [6]",
        ),
        (
            zeros(&[0, 3], DType::F32)?,
            zeros(&[0], DType::U32)?,
            "logits of shape [0, 3]",
        ),
        (
            zeros(&[2, 3], DType::F32)?,
            zeros(&[2, 1], DType::U32)?,
            "targets of shape [2, 1], wanted [2]",
        ),
        (
            zeros(&[2, 3], DType::F32)?,
            zeros(&[2], DType::U8)?,
            "targets of type U8, wanted classes as U32",
        ),
    ] {
        let error = cross_entropy(&logits, &targets)
            .expect_err(message)
            .to_string();
        assert!(error.contains(message), "{error}");
    }
    Ok(())
}

#[test]
fn targets_that_were_computed_from_a_parameter_do_no_harm() -> Result<()> {
    let x = Var::new(&[[1f32, 3.0], [2.0, 0.0]], &Device::Cpu)?;
    let targets = x
        .sum(1)?
        .to_dtype(DType::U32)?
        .broadcast_minimum(&Tensor::new(1u32, &Device::Cpu)?)?;
    assert!(
        crate::backward(&cross_entropy(&x, &targets)?)?
            .get(&x)
            .is_some()
    );
    Ok(())
}

/// (name, options) of every kind, for targets `[3, 4]` of five classes.
fn options<'a>(
    weights: &'a Tensor,
    lens: &'a Tensor,
) -> Vec<(&'static str, CrossEntropyOptions<'a>)> {
    let plain = CrossEntropyOptions::default();
    let ignored = CrossEntropyOptions { ignore_index: Some(7), ..plain };
    let smoothed = CrossEntropyOptions { label_smoothing: 0.2, ..plain };
    let weighted = CrossEntropyOptions { class_weights: Some(weights), ..plain };
    let masked = CrossEntropyOptions { valid_lens: Some(lens), ..plain };
    let all = CrossEntropyOptions {
        ignore_index: Some(7),
        label_smoothing: 0.2,
        class_weights: Some(weights),
        valid_lens: Some(lens),
        ..plain
    };
    let mut cases = Vec::new();
    for (name, options) in [
        ("plain", plain),
        ("ignored", ignored),
        ("smoothed", smoothed),
        ("weighted", weighted),
        ("masked", masked),
        ("all", all),
    ] {
        for reduction in [
            Reduction::Mean,
            Reduction::BatchMean,
            Reduction::Sum,
            Reduction::None,
        ] {
            cases.push((name, CrossEntropyOptions { reduction, ..options }));
        }
    }
    cases
}

/// Targets `[3, 4]` of five classes, two of them 7 if `ignored`.
fn sequences(ignored: bool) -> Result<Tensor> {
    let mut targets = classes(12, 5)?.to_vec1::<u32>()?;
    if ignored {
        targets[1] = 7;
        targets[10] = 7;
    }
    Tensor::from_vec(targets, (3, 4), &Device::Cpu)
}

#[test]
fn with_options_gradients_are_right_and_kernel_and_definition_agree() -> anyhow::Result<()> {
    let lens = Tensor::new(&[3u32, 0, 9], &Device::Cpu)?; // none, and more than there are
    for (dtype, tolerance) in [(DType::F64, 1e-14), (DType::F32, 2e-6)] {
        let weights = (filled(5, 3, 1.0, dtype, &Device::Cpu)? + 0.6)?;
        let x = Var::from_tensor(&filled((4, 3, 5), 1, 6.0, dtype, &Device::Cpu)?)?;
        for (name, options) in options(&weights, &lens) {
            let targets = sequences(options.ignore_index.is_some())?;
            let factors = filled((3, 4), 4, 2.0, dtype, &Device::Cpu)?;
            let weigh = |loss: Tensor| loss.broadcast_mul(&factors)?.sum_all();
            let kernel = || weigh(cross_entropy_with(&x.transpose(0, 1)?, &targets, options)?);
            let definition = weigh(composed(&x.transpose(0, 1)?, &targets, options)?)?;
            if dtype == DType::F64 {
                check_gradients(std::slice::from_ref(&x), kernel, 1e-8)?;
            }
            let of = |loss: &Tensor| -> anyhow::Result<Vec<f64>> {
                let gradients = crate::backward(loss)?;
                let gradient = gradients.get(&x).expect("a gradient").flatten_all()?;
                let both = Tensor::cat(&[&gradient, &loss.unsqueeze(0)?], 0)?;
                Ok(both.to_dtype(DType::F64)?.to_vec1()?)
            };
            for (a, b) in of(&kernel()?)?.into_iter().zip(of(&definition)?) {
                let close = (a - b).abs() <= tolerance * b.abs().max(1.0);
                assert!(close, "{name} {:?}: {a} and {b}", options.reduction);
            }
            let constant =
                cross_entropy_with(&x.as_detached_tensor().transpose(0, 1)?, &targets, options)?;
            let same = constant.broadcast_sub(&cross_entropy_with(
                &x.transpose(0, 1)?,
                &targets,
                options,
            )?)?;
            assert_eq!(
                same.abs()?
                    .sum_all()?
                    .to_dtype(DType::F64)?
                    .to_scalar::<f64>()?,
                0.0,
                "{name}: without a gradient the value is another"
            );
        }
    }
    Ok(())
}

/// D2L zh 9.7.3 prints 2.3026, 1.1513 and 0.0000 for equal logits of ten classes and lengths 4, 2 and 0 of 4 steps.
#[test]
fn the_masked_loss_is_the_books() -> Result<()> {
    let logits = Tensor::ones((3, 4, 10), DType::F32, &Device::Cpu)?;
    let targets = Tensor::ones((3, 4), DType::U32, &Device::Cpu)?;
    let lens = Tensor::new(&[4u32, 2, 0], &Device::Cpu)?;
    let losses = masked_cross_entropy(&logits, &targets, &lens)?.to_vec1::<f32>()?;
    for (loss, wanted) in losses.into_iter().zip([10f32.ln(), 10f32.ln() / 2.0, 0.0]) {
        assert!((loss - wanted).abs() < 1e-6, "{loss}");
    }
    Ok(())
}

#[test]
fn where_no_row_counts_the_mean_is_nan_and_the_gradient_zero() -> Result<()> {
    let x = Var::from_tensor(&filled((2, 3), 1, 6.0, DType::F32, &Device::Cpu)?)?;
    let targets = Tensor::new(&[9u32, 9], &Device::Cpu)?;
    let options = CrossEntropyOptions { ignore_index: Some(9), ..Default::default() };
    for loss in [
        cross_entropy_with(&x, &targets, options)?,
        composed(&x, &targets, options)?,
    ] {
        assert!(loss.to_scalar::<f32>()?.is_nan());
        let gradients = crate::backward(&loss)?;
        let gradient = gradients.get(&x).expect("a gradient").flatten_all()?;
        assert_eq!(gradient.to_vec1::<f32>()?, [0.0; 6]);
    }
    Ok(())
}

#[test]
fn wrong_options_are_named() -> Result<()> {
    let logits = Tensor::zeros((2, 3, 4), DType::F32, &Device::Cpu)?;
    let targets = Tensor::zeros((2, 3), DType::U32, &Device::Cpu)?;
    let weights = Tensor::ones(3, DType::F32, &Device::Cpu)?;
    let doubles = Tensor::ones(4, DType::F64, &Device::Cpu)?;
    let lens = Tensor::ones(3, DType::U32, &Device::Cpu)?;
    let plain = CrossEntropyOptions::default();
    for (options, message) in [
        (
            CrossEntropyOptions { label_smoothing: 1.5, ..plain },
            "label smoothing 1.5, wanted a share from 0 to 1",
        ),
        (
            CrossEntropyOptions { class_weights: Some(&weights), ..plain },
            "class weights [3] F32, wanted [4] F32",
        ),
        (
            CrossEntropyOptions { class_weights: Some(&doubles), ..plain },
            "class weights [4] F64, wanted [4] F32",
        ),
        (
            CrossEntropyOptions { valid_lens: Some(&lens), ..plain },
            "valid_lens [3] U32 for targets [2, 3]",
        ),
    ] {
        let error = cross_entropy_with(&logits, &targets, options)
            .expect_err(message)
            .to_string();
        assert!(error.contains(message), "{error}");
    }
    Ok(())
}
