//! Within `no_grad` every layer, activation and loss gives the same bits and nothing to go back through.

mod support;

use candle_core::{DType, Device, Result, Tensor, Var};
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
