//! What holds for any shape, tried on random ones.

use candle_core::{DType, Device, Result, Shape, Tensor, Var};
use d2l_nn::backward;
use d2l_nn::testing::filled;
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};

/// Asserts that `check` holds for some hundred values of `strategy`, the same ones each time. If it doesn't hold for
/// one, the smallest such value is shown.
#[track_caller]
pub fn holds<S: Strategy>(strategy: S, check: impl Fn(S::Value) -> anyhow::Result<()>) {
    let config = Config {
        cases: 200,
        rng_seed: RngSeed::Fixed(0),
        failure_persistence: None,
        ..Config::default()
    };
    let checked = TestRunner::new(config).run(&strategy, |value| {
        check(value).map_err(|error| TestCaseError::fail(format!("{error:#}")))
    });
    if let Err(error) = checked {
        panic!("{error}");
    }
}

/// f32, in which networks train and kernels are fast, and f64; each with how much the sums of some hundred products may
/// differ.
pub fn types() -> impl Strategy<Value = (DType, f64)> {
    proptest::sample::select(vec![(DType::F32, 1e-4), (DType::F64, 1e-12)])
}

/// A parameter of this shape.
pub fn var(shape: impl Into<Shape>, salt: u32, dtype: DType) -> Result<Var> {
    Var::from_tensor(&filled(shape, salt, 2.0, dtype, &Device::Cpu)?)
}

/// Σ x ∘ y
pub fn inner(x: &Tensor, y: &Tensor) -> Result<f64> {
    let product = (x.to_dtype(DType::F64)? * y.to_dtype(DType::F64)?)?;
    product.sum_all()?.to_scalar()
}

/// Checks that y is linear in each of `vars` with the right gradient, Σ y ∘ dy = Σ v ∘ ∂(Σ y ∘ dy)/∂v, up to
/// `tolerance` of the sizes of both.
pub fn is_linear_in(y: &Tensor, vars: &[&Var], tolerance: f64) -> anyhow::Result<()> {
    let dy = filled(y.shape(), 9, 2.0, y.dtype(), y.device())?;
    let gradients = backward(&(y * &dy)?.sum_all()?)?;
    let wanted = inner(y, &dy)?;
    let size = inner(&y.abs()?, &dy.abs()?)?;
    for var in vars {
        let Some(gradient) = gradients.get(var) else {
            anyhow::bail!("no gradient of a parameter {:?}", var.dims());
        };
        anyhow::ensure!(gradient.dims() == var.dims(), "{:?}", gradient.dims());
        let found = inner(gradient, var)?;
        anyhow::ensure!(
            (found - wanted).abs() <= tolerance * size.max(1.0),
            "of a parameter {:?}: found {found}, wanted {wanted}",
            var.dims()
        );
    }
    Ok(())
}

/// Checks that the numbers are the same up to `tolerance` · max(1, |number|).
pub fn agree(found: &Tensor, wanted: &Tensor, tolerance: f64) -> anyhow::Result<()> {
    anyhow::ensure!(
        found.dims() == wanted.dims(),
        "found {:?}, wanted {:?}",
        found.dims(),
        wanted.dims()
    );
    let entries = |x: &Tensor| x.flatten_all()?.to_dtype(DType::F64)?.to_vec1::<f64>();
    for (found, wanted) in entries(found)?.into_iter().zip(entries(wanted)?) {
        let close = (found - wanted).abs() <= tolerance * wanted.abs().max(1.0);
        anyhow::ensure!(close, "found {found}, wanted {wanted}");
    }
    Ok(())
}
