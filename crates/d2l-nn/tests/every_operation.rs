//! Every layer, activation and loss: within `no_grad` the same bits and nothing to go back through. No operation is
//! missing in the list.

mod support;

use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Result, Tensor, Var};
use d2l_nn::testing::operations_applied;
use d2l_nn::*;
use support::operations::{Case, LISTS};

/// Each case outside depends on a variable; within it depends on nothing, and is the same.
fn check(dtype: DType, cases: &[Case]) -> Result<()> {
    for (name, f) in cases {
        let outside = f()?;
        assert!(outside.track_op(), "{name}, {dtype:?}: nothing is recorded");
        let within = no_grad(f)?;
        assert!(
            !within.track_op(),
            "{name}, {dtype:?}: something is recorded"
        );
        assert_eq!(backward(&within.sum_all()?)?.get_ids().count(), 0, "{name}");
        let bits = |x: &Tensor| -> Result<Vec<u64>> {
            let numbers = x.flatten_all()?.to_dtype(DType::F64)?.to_vec1::<f64>()?;
            Ok(numbers.into_iter().map(f64::to_bits).collect())
        };
        assert_eq!(outside.dims(), within.dims(), "{name}");
        assert_eq!(bits(&outside)?, bits(&within)?, "{name}, {dtype:?}");
    }
    Ok(())
}

/// f32 and f64 have kernels; f16 has the definitions, as other devices have.
const TYPES: [DType; 3] = [DType::F32, DType::F64, DType::F16];

#[test]
fn nothing_is_recorded_and_nothing_else_changes() -> Result<()> {
    for dtype in TYPES {
        for list in LISTS {
            list(dtype, &Device::Cpu, &mut |_: &[Var], cases| {
                check(dtype, cases)
            })?;
        }
    }
    Ok(())
}

/// The types of this crate that implement one of these traits: what is computed with kernels.
fn types_with_kernels(folder: &Path) -> Result<Vec<String>> {
    const TRAITS: [&str; 4] = ["Operation", "Activation", "Pointwise", "Composed"];
    let mut types = Vec::new();
    let mut folders: Vec<PathBuf> = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            if path.ends_with("tests.rs") {
                continue; // those of the tests
            }
            for line in std::fs::read_to_string(&path)?.lines() {
                let Some((start, name)) = line.split_once(" for ") else {
                    continue;
                };
                let is_one = start.starts_with("impl")
                    && TRAITS
                        .iter()
                        .any(|name| start.ends_with(&format!(" {name}")));
                if is_one {
                    let name = name.trim_end_matches(" {");
                    types.push(name.split('<').next().unwrap_or(name).to_string());
                }
            }
        }
    }
    Ok(types)
}

#[test]
fn no_operation_is_missing() -> Result<()> {
    let (all, applied) = operations_applied(|| {
        let cpu = Device::Cpu;
        LISTS.into_iter().try_for_each(|list| {
            list(DType::F64, &cpu, &mut |_: &[Var], cases| {
                cases.iter().try_for_each(|(_, f)| f().map(drop))
            })
        })
    });
    all?;
    let words = |name: &&str| -> Vec<String> {
        let words = name.split(|c: char| !c.is_alphanumeric());
        words.map(str::to_string).collect()
    };
    let applied: Vec<String> = applied.iter().flat_map(words).collect();
    let types = types_with_kernels(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))?;
    assert!(types.len() > 20, "{types:?}");
    let missing: Vec<&String> = types
        .iter()
        .filter(|name| !applied.contains(name))
        .collect();
    assert!(
        missing.is_empty(),
        "no case of support/operations.rs uses {missing:?}"
    );
    Ok(())
}
