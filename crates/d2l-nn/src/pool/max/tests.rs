use candle_core::{DType, Device, Var};

use super::*;
use crate::testing::{check_gradients, filled};

fn pools() -> Vec<Pool2d> {
    vec![
        Pool2d::new(2),
        Pool2d::new(2).ceil(),
        Pool2d::new(3).stride(2),
        Pool2d::new(3).stride(2).padding(1),
        Pool2d::new(3).stride(2).padding(1).ceil(),
        Pool2d::new(3).stride(1).padding(1),
        Pool2d::new((2, 3)).stride((3, 1)).padding((1, 0)),
        Pool2d::new((5, 4)).stride((1, 3)).padding((2, 2)).ceil(),
        Pool2d::new(1).stride(5),
    ]
}

#[test]
fn gradients_are_right() -> anyhow::Result<()> {
    for pool in pools() {
        let x = Var::from_tensor(&filled((2, 7, 3, 6), 1, 9.0, DType::F64, &Device::Cpu)?)?;
        // a transposed part: [1, 2, 7, 6]
        let input = || x.narrow(0, 1, 1)?.transpose(1, 2)?.narrow(1, 1, 2);
        let y = max_pool2d(&input()?, &pool)?;
        let weights = filled(y.dims4()?, 2, 2.0, DType::F64, &Device::Cpu)?;
        let f = || (max_pool2d(&input()?, &pool)? * &weights)?.sum_all();
        check_gradients(std::slice::from_ref(&x), f, 1e-7)?;
    }
    Ok(())
}

/// Values and gradients; many ties.
fn both(x: &Tensor, pool: &Pool2d) -> Result<[(Vec<f32>, Vec<f32>); 2]> {
    let x = Var::from_tensor(x)?;
    let (rows, columns) = pool.windows(&x, "test")?;
    let one = |y: Tensor| -> Result<(Vec<f32>, Vec<f32>)> {
        let weights = filled(y.dims4()?, 2, 2.0, DType::F32, &Device::Cpu)?;
        let gradients = crate::backward(&(&y * weights)?)?;
        let dx = gradients.get(&x).expect("a gradient");
        let entries = |x: &Tensor| x.flatten_all()?.to_vec1();
        Ok((entries(&y)?, entries(dx)?))
    };
    Ok([
        one(max_pool2d(&x, pool)?)?,
        one(composed(&x, &rows, &columns)?)?,
    ])
}

#[test]
fn the_kernel_and_the_definition_agree_also_in_ties() -> Result<()> {
    for pool in pools() {
        for shape in [(1, 1, 7, 6), (3, 2, 9, 11), (40, 7, 14, 13)] {
            let x = filled(shape, 1, 4.0, DType::F32, &Device::Cpu)?.round()?;
            let [kernel, definition] = both(&x, &pool)?;
            assert_eq!(kernel.0, definition.0, "{pool:?}");
            for (a, b) in kernel.1.iter().zip(&definition.1) {
                assert!((a - b).abs() < 1e-5, "{pool:?}: {a} {b}"); // another order of addition
            }
        }
    }
    Ok(())
}

#[test]
fn the_first_of_equal_elements_and_the_last_nan_get_the_gradient() -> Result<()> {
    let (nan, low) = (f32::NAN, f32::NEG_INFINITY);
    for (x, wanted) in [
        ([1.0, 1.0, 1.0, 1.0], 0),
        ([0.0, 1.0, 1.0, 0.0], 1),
        ([low; 4], 0),
        ([2.0, nan, 3.0, 1.0], 1),
        ([nan, 1.0, nan, 1.0], 2),
    ] {
        let x = Tensor::new(&x, &Device::Cpu)?.reshape((1, 1, 2, 2))?;
        for (_, dx) in both(&x, &Pool2d::new(2))? {
            let at: Vec<usize> = (0..4).filter(|&i| dx[i] != 0.0).collect();
            assert_eq!(at, [wanted]);
        }
    }
    Ok(())
}

#[test]
fn wrong_shapes_are_named() -> Result<()> {
    let x = Tensor::zeros((2, 3, 4), DType::F32, &Device::Cpu)?;
    let error = max_pool2d(&x, &Pool2d::new(2))
        .expect_err("rank 3")
        .to_string();
    assert!(
        error.contains("max_pool2d: found shape [2, 3, 4], wanted [N, C, H, W]"),
        "{error}"
    );
    assert_eq!(max_pool1d(&x, &Pool1d::new(3).stride(1))?.dims(), [2, 3, 2]);
    Ok(())
}
