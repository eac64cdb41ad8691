use candle_core::Device;

use super::*;
use crate::testing::{check_gradients, filled};
use crate::{ParamStore, Step};

const TRAIN: Mode = Mode::Train(Step { seed: 0, epoch: 0, step: 0 });

/// A layer in f64 with running statistics, weight and bias that are not the initial ones.
fn layer(channels: usize, dtype: DType) -> anyhow::Result<(BatchNorm, Vec<Var>)> {
    let store = ParamStore::with_dtype(0, dtype, &Device::Cpu);
    let layer = batch_norm(channels, store.builder())?;
    for (salt, (name, var)) in (10..).zip([store.parameters(), store.buffers()].concat()) {
        let offset = if name == "running_var" { 1.0 } else { 0.2 };
        var.set(&(filled(channels, salt, 1.0, dtype, &Device::Cpu)? + offset)?)?;
    }
    let parameters = store.parameters().into_iter().map(|(_, var)| var).collect();
    Ok((layer, parameters))
}

#[test]
fn gradients_are_right_in_both_modes_with_and_without_relu() -> anyhow::Result<()> {
    for shape in [vec![5, 3], vec![2, 3, 1], vec![3, 2, 5], vec![2, 3, 3, 7]] {
        let (layer, parameters) = layer(shape[1], DType::F64)?;
        let x = Var::from_tensor(&filled(&*shape, 1, 4.0, DType::F64, &Device::Cpu)?)?;
        let weights = filled(&*shape, 2, 2.0, DType::F64, &Device::Cpu)?;
        let inputs = [parameters, vec![x.clone()]].concat();
        for (mode, relu) in [
            (TRAIN, false),
            (TRAIN, true),
            (Mode::Evaluate, false),
            (Mode::Evaluate, true),
        ] {
            let frozen = layer.clone().with_momentum(0.0)?; // or each difference would move the statistics
            check_gradients(
                &inputs,
                || (frozen.forward(&x, mode, relu)? * &weights)?.sum_all(),
                1e-7,
            )?;
        }
    }
    Ok(())
}

#[test]
fn gradients_are_right_for_a_transposed_input() -> anyhow::Result<()> {
    let (layer, parameters) = layer(3, DType::F64)?;
    let layer = layer.with_momentum(0.0)?;
    let x = Var::from_tensor(&filled((3, 4, 5), 1, 4.0, DType::F64, &Device::Cpu)?)?;
    let inputs = [parameters, vec![x.clone()]].concat();
    let f = || {
        let y = layer.forward_t(&x.transpose(0, 1)?.narrow(2, 1, 3)?, TRAIN)?;
        y.powf(3.0)?.sum_all()
    };
    check_gradients(&inputs, f, 1e-6)
}

#[test]
fn the_kernel_and_the_definition_agree() -> anyhow::Result<()> {
    for (dtype, tolerance) in [(DType::F64, 1e-11), (DType::F32, 2e-4)] {
        for (training, relu) in [(true, false), (true, true), (false, false), (false, true)] {
            let (layer, parameters) = layer(5, dtype)?;
            // far from 0, where a variance from sums of squares would cancel
            let x = (filled((9, 5, 1337), 1, 2.0, dtype, &Device::Cpu)? + 10.0)?;
            let x = Var::from_tensor(&x)?;
            let weights = filled((9, 5, 1337), 2, 2.0, dtype, &Device::Cpu)?;
            let kernel = layer.fused(&x, training, relu)?;
            let definition = layer.composed(&x, training, relu)?;
            let of = |y: &Tensor| crate::backward(&(y * &weights)?.sum_all()?);
            let (found, wanted) = (of(&kernel.0)?, of(&definition.0)?);
            let mut pairs = vec![(kernel.0, definition.0)];
            if let (Some(found), Some(wanted)) = (kernel.1, definition.1) {
                pairs.push((found.mean, wanted.mean));
                pairs.push((
                    (found.variance / found.divisor)?,
                    (wanted.variance / wanted.divisor)?,
                ));
            }
            for var in parameters.iter().chain([&x]) {
                let (Some(found), Some(wanted)) = (found.get(var), wanted.get(var)) else {
                    anyhow::bail!("a gradient is missing");
                };
                pairs.push((found.clone(), wanted.clone()));
            }
            for (found, wanted) in pairs {
                let off = (found.to_dtype(DType::F64)? - wanted.to_dtype(DType::F64)?)?.abs()?;
                let scale = wanted.to_dtype(DType::F64)?.abs()?.max_all()?;
                let off = off.max_all()?.to_scalar::<f64>()?;
                let allowed = tolerance * scale.to_scalar::<f64>()?.max(1.0);
                anyhow::ensure!(off <= allowed, "{dtype:?} {training} {relu}: {off}");
            }
        }
    }
    Ok(())
}

#[test]
fn the_running_statistics_are_buffers_and_evaluation_leaves_them() -> anyhow::Result<()> {
    let store = ParamStore::new(0, &Device::Cpu);
    let layer = batch_norm(1, store.builder())?;
    assert_eq!((store.parameters().len(), store.buffers().len()), (2, 2));
    let x = Tensor::new(&[[1f32], [3.0]], &Device::Cpu)?;
    layer.forward_t(&x, TRAIN)?;
    layer.forward_t(&x, Mode::Evaluate)?;
    // 0.9 · 0 + 0.1 · 2, and 0.9 · 1 + 0.1 · 2: the variance divided by n - 1 is 2
    assert!((layer.running_mean.to_vec1::<f32>()?[0] - 0.2).abs() < 1e-7);
    assert!((layer.running_var.to_vec1::<f32>()?[0] - 1.1).abs() < 1e-6);
    Ok(())
}

#[test]
fn what_cannot_be_normalised_is_refused() -> anyhow::Result<()> {
    let (layer, _) = layer(3, DType::F32)?;
    for (shape, wanted) in [
        (vec![3], "wanted [batch, 3, …]"),
        (
            vec![2, 4],
            "found an input [2, 4] F32, wanted [batch, 3, …]",
        ),
        (vec![0, 3], "found an input [0, 3]"),
        (vec![1, 3, 1], "found one value for each channel"),
    ] {
        let x = Tensor::zeros(shape, DType::F32, &Device::Cpu)?;
        let error = layer.forward_t(&x, TRAIN).expect_err(wanted).to_string();
        assert!(error.contains(wanted), "{error}");
    }
    assert!(layer.clone().with_eps(0.0).is_err() && layer.with_momentum(1.5).is_err());
    Ok(())
}
