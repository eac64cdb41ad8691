//! Every operation's values and gradients on another device are those of the kernels on the CPU.
//!
//! The environment variable `D2L_TEST_DEVICE` names the device: `cuda` needs a build with that feature and a GPU. With
//! `cpu`, and without the variable, the other side is the CPU without kernels: the definitions that a GPU runs.

mod support;

use candle_core::{DType, Device, Error, Result, Var, bail};
use d2l_nn::backward;
use d2l_nn::testing::{by_candles_gradients, check_gradients, filled, without_kernels};
use support::entries;
use support::operations::{Case, LISTS};

/// (type, allowed difference relative to the largest number of a tensor). A GPU adds in another order.
const TYPES: [(DType, f64); 2] = [(DType::F64, 1e-12), (DType::F32, 2e-5)];

/// Variables with more elements are compared with candle's gradients alone: each element takes two passes.
const MOST_DIFFERENCES: usize = 120;

/// What a tensor is, and its numbers.
type Named = (String, Vec<f64>);

/// Values and gradients of all cases.
fn computed(dtype: DType, device: &Device) -> Result<Vec<Named>> {
    let mut all = Vec::new();
    for list in LISTS {
        list(dtype, device, &mut |variables, cases| {
            for (name, f) in cases {
                let y = f()?;
                all.push((format!("{name}, {dtype:?}: values"), entries(&y)?));
                let weights = filled(y.shape(), 7, 2.0, dtype, device)?;
                let gradients = backward(&(y * weights)?.sum_all()?)?;
                for (number, variable) in variables.iter().enumerate() {
                    if let Some(gradient) = gradients.get(variable) {
                        let what = format!("{name}, {dtype:?}: gradient of variable {number}");
                        all.push((what, entries(gradient)?));
                    }
                }
            }
            Ok(())
        })?;
    }
    Ok(all)
}

/// What differs by more than `tolerance` times the largest number of its tensor.
fn apart(found: &[Named], wanted: &[Named], tolerance: f64) -> Vec<String> {
    let mut apart = Vec::new();
    for ((name, found), (wanted_name, wanted)) in found.iter().zip(wanted) {
        assert_eq!((name, found.len()), (wanted_name, wanted.len()));
        let largest = wanted.iter().fold(1.0, |max: f64, x| max.max(x.abs()));
        let gaps = found.iter().zip(wanted).map(|(a, b)| (a - b).abs());
        let gap = gaps.fold(0.0, |max: f64, gap| match gap.is_nan() {
            true => f64::INFINITY,
            false => max.max(gap),
        });
        if gap > tolerance * largest {
            apart.push(format!(
                "{name}: off by {gap:.1e}, the largest number is {largest:.1e}"
            ));
        }
    }
    apart
}

/// Where there are no kernels, gradients are written down beside the definitions. Candle computes its own from the
/// definitions.
#[test]
fn gradients_written_down_are_those_of_differences_and_candles_own() -> Result<()> {
    let (dtype, device) = (DType::F64, Device::Cpu);
    let mut check = |variables: &[Var], cases: &[Case]| -> Result<()> {
        for (name, f) in cases {
            let loss = || {
                let y = f()?;
                (&y * filled(y.shape(), 7, 2.0, dtype, &device)?)?.sum_all()
            };
            let gradients = backward(&loss()?)?;
            let candles = by_candles_gradients(|| backward(&loss()?))?;
            let with_gradient = |variable: &&Var| gradients.get(variable).is_some();
            let known: Vec<Var> = variables.iter().filter(with_gradient).cloned().collect();
            assert_eq!(candles.get_ids().count(), known.len(), "{name}");
            for variable in &known {
                let (Some(found), Some(wanted)) = (gradients.get(variable), candles.get(variable))
                else {
                    bail!("{name}: a gradient is missing");
                };
                for (found, wanted) in entries(found)?.into_iter().zip(entries(wanted)?) {
                    let close = (found - wanted).abs() <= 1e-12 * wanted.abs().max(1.0);
                    assert!(close, "{name}: found {found}, candle has {wanted}");
                }
            }
            if *name == "embedding_with_padding" {
                continue; // its padding gets no gradient on purpose
            }
            let is_small = |variable: &Var| variable.elem_count() <= MOST_DIFFERENCES;
            let known: Vec<Var> = known.into_iter().filter(is_small).collect();
            check_gradients(&known, loss, 1e-6)
                .map_err(|error| Error::msg(format!("{name}: {error}")))?;
        }
        Ok(())
    };
    for list in LISTS {
        without_kernels(|| list(dtype, &device, &mut check))?;
    }
    Ok(())
}

#[test]
fn values_and_gradients_are_those_of_the_kernels() -> Result<()> {
    let name = std::env::var("D2L_TEST_DEVICE").unwrap_or_else(|_| "cpu".into());
    let device = match name.as_str() {
        "cpu" => Device::Cpu,
        "cuda" => Device::new_cuda(0)?,
        other => bail!("D2L_TEST_DEVICE={other}: wanted cpu or cuda"),
    };
    let mut all_apart = Vec::new();
    for (dtype, tolerance) in TYPES {
        let wanted = computed(dtype, &Device::Cpu)?;
        let found = match device.is_cpu() {
            true => without_kernels(|| computed(dtype, &device))?,
            false => computed(dtype, &device)?,
        };
        assert_eq!(found.len(), wanted.len(), "gradients are missing");
        println!("{dtype:?}: {} tensors", found.len());
        all_apart.extend(apart(&found, &wanted, tolerance));
    }
    assert!(all_apart.is_empty(), "{}", all_apart.join("\n"));
    Ok(())
}
