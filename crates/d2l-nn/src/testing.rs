//! Tools for tests: numbers that PyTorch can make too, and checks of gradients.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use anyhow::{Context, bail, ensure};
use candle_core::backprop::GradStore;
use candle_core::{DType, Device, Result, Shape, Tensor, Var};

use crate::ParamStore;
use crate::kernel::IS_OFF;

/// A tensor whose row-major element i is (hash(i, `salt`) / 2³² - ½) · `scale`: the same numbers in any language.
///
/// The hash is the last mixing step of MurmurHash3 on i · 0x9E3779B9 + salt · 0x85EBCA6B in u32. In Python:
///
/// ```python
/// def filled(shape, salt, scale):
///     h = numpy.arange(numpy.prod(shape), dtype=numpy.uint32) * numpy.uint32(0x9E3779B9)
///     h += numpy.uint32(salt * 0x85EBCA6B & 0xFFFFFFFF)
///     h ^= h >> 16; h *= numpy.uint32(0x85EBCA6B); h ^= h >> 13; h *= numpy.uint32(0xC2B2AE35); h ^= h >> 16
///     return ((h / 2.0**32 - 0.5) * scale).reshape(shape)
/// ```
pub fn filled(
    shape: impl Into<Shape>,
    salt: u32,
    scale: f64,
    dtype: DType,
    device: &Device,
) -> Result<Tensor> {
    let shape = shape.into();
    let n = shape.elem_count() as u32;
    let values: Vec<f64> = (0..n)
        .map(|i| (f64::from(hash(i, salt)) / 2f64.powi(32) - 0.5) * scale)
        .collect();
    Tensor::from_vec(values, shape, &Device::Cpu)?
        .to_dtype(dtype)?
        .to_device(device)
}

/// Calls `f` without this crate's kernels on this thread: its operations follow their definitions in candle's own, as on
/// a GPU. However `f` ends, the kernels are back afterwards. The environment variable `D2L_COMPOSED=1` does the same for a
/// whole program.
pub fn without_kernels<R>(f: impl FnOnce() -> R) -> R {
    struct Before(bool);
    impl Drop for Before {
        fn drop(&mut self) {
            IS_OFF.set(self.0);
        }
    }
    let _before = Before(IS_OFF.replace(true));
    f()
}

thread_local! {
    /// Whether this thread is in [`by_candles_gradients`].
    static FOLLOWS_CANDLE: Cell<bool> = const { Cell::new(false) };
}

/// Calls `f` with the gradients that candle computes for definitions, in place of those that are written down beside
/// them. For operations without kernels.
pub fn by_candles_gradients<R>(f: impl FnOnce() -> R) -> R {
    struct Before(bool);
    impl Drop for Before {
        fn drop(&mut self) {
            FOLLOWS_CANDLE.set(self.0);
        }
    }
    let _before = Before(FOLLOWS_CANDLE.replace(true));
    f()
}

/// Whether candle's gradients are wanted.
pub(crate) fn follows_candle() -> bool {
    FOLLOWS_CANDLE.get()
}

thread_local! {
    /// The operations that this thread applies in [`operations_applied`].
    static APPLIED: RefCell<Option<BTreeSet<&'static str>>> = const { RefCell::new(None) };
}

/// Calls `f`, and returns the types of the operations with kernels that it applied on this thread: a test that is meant
/// to use all of them can find out.
pub fn operations_applied<R>(f: impl FnOnce() -> R) -> (R, BTreeSet<&'static str>) {
    let outer = APPLIED.replace(Some(BTreeSet::new()));
    let result = f();
    let applied = APPLIED.replace(outer);
    (result, applied.unwrap_or_default())
}

/// Notes an operation for [`operations_applied`].
pub(crate) fn note_operation<O>() {
    APPLIED.with_borrow_mut(|applied| {
        if let Some(applied) = applied {
            applied.insert(std::any::type_name::<O>());
        }
    });
}

/// The hash behind [`filled`]: `hash(i, salt) % classes` makes class targets.
pub fn hash(i: u32, salt: u32) -> u32 {
    let mut h = i
        .wrapping_mul(0x9E37_79B9)
        .wrapping_add(salt.wrapping_mul(0x85EB_CA6B));
    h ^= h >> 16;
    h = h.wrapping_mul(0x85EB_CA6B);
    h ^= h >> 13;
    h = h.wrapping_mul(0xC2B2_AE35);
    h ^ (h >> 16)
}

/// Compares the gradient of the scalar `f` in every entry of `inputs` (f64) with central differences,
/// (f(x + h) - f(x - h)) / 2h.
///
/// # Errors
/// If the two differ by more than `tolerance` · max(1, |gradient|); the message names the worst entry.
pub fn check_gradients(
    inputs: &[Var],
    f: impl Fn() -> Result<Tensor>,
    tolerance: f64,
) -> anyhow::Result<()> {
    const H: f64 = 1e-6; // truncation ~ h², rounding ~ 1e-16 / h
    let value = || -> anyhow::Result<f64> { Ok(f()?.to_scalar::<f64>()?) };
    let gradients = crate::backward(&f()?)?;
    let mut worst = (0.0, String::new());
    for (number, input) in inputs.iter().enumerate() {
        ensure!(
            input.dtype() == DType::F64,
            "input {number}: found {:?}, wanted F64: differences in f32 say nothing",
            input.dtype()
        );
        let gradient = gradients.get(input).with_context(|| {
            format!("input {number} of shape {:?} has no gradient", input.dims())
        })?;
        ensure!(
            gradient.dims() == input.dims(),
            "input {number}: found a gradient of shape {:?}, wanted {:?}",
            gradient.dims(),
            input.dims()
        );
        let gradient = gradient.flatten_all()?.to_vec1::<f64>()?;
        let original = input.copy()?.detach();
        let values = original.flatten_all()?.to_vec1::<f64>()?;
        let set = |entry: usize, value: f64| -> Result<()> {
            let mut values = values.clone();
            if let Some(slot) = values.get_mut(entry) {
                *slot = value;
            }
            input.set(&Tensor::from_vec(values, input.shape(), input.device())?)
        };
        for (entry, (&x, &exact)) in values.iter().zip(&gradient).enumerate() {
            set(entry, x + H)?;
            let above = value()?;
            set(entry, x - H)?;
            let below = value()?;
            let difference = (above - below) / (2.0 * H);
            let error = (difference - exact).abs() / difference.abs().max(exact.abs()).max(1.0);
            if error.is_nan() || error > worst.0 {
                let at = place(entry, input.dims());
                let what = format!(
                    "input {number} at {at:?}: gradient {exact}, differences give {difference}"
                );
                worst = (if error.is_nan() { f64::INFINITY } else { error }, what);
            }
        }
        input.set(&original)?;
    }
    if worst.0 > tolerance {
        bail!(
            "{}: off by {:.1e}, allowed {tolerance:.1e}",
            worst.1,
            worst.0
        );
    }
    Ok(())
}

/// The index of the row-major entry in each dimension.
fn place(mut entry: usize, dims: &[usize]) -> Vec<usize> {
    let mut place: Vec<usize> = dims
        .iter()
        .rev()
        .map(|&dim| {
            let index = entry % dim.max(1);
            entry /= dim.max(1);
            index
        })
        .collect();
    place.reverse();
    place
}

/// Whether training can move every parameter of a model.
///
/// # Errors
/// If a gradient is missing, not finite or zero in every entry; the message names the parameters.
pub fn every_parameter_has_a_gradient(
    store: &ParamStore,
    gradients: &GradStore,
) -> anyhow::Result<()> {
    let mut without = Vec::new();
    for (name, var) in store.parameters() {
        let Some(gradient) = gradients.get(&var) else {
            without.push(format!("{name} (missing)"));
            continue;
        };
        let largest = gradient
            .abs()?
            .flatten_all()?
            .max(0)?
            .to_dtype(DType::F64)?
            .to_scalar::<f64>()?;
        let sum = gradient
            .abs()?
            .sum_all()?
            .to_dtype(DType::F64)?
            .to_scalar::<f64>()?;
        if !sum.is_finite() {
            without.push(format!("{name} (not finite)"));
        } else if largest == 0.0 {
            without.push(format!("{name} (all zero)"));
        }
    }
    ensure!(
        without.is_empty(),
        "parameters without a gradient: {}",
        without.join(", ")
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use candle_core::Module;

    use super::*;

    /// Candle's own pass refuses the output of a recorded operation, by its kernel or its definition. Of a definition alone
    /// it finds the weight.
    #[test]
    fn candles_own_pass_works_through_definitions_that_are_not_recorded() -> anyhow::Result<()> {
        let x = filled((2, 3), 1, 1.0, DType::F32, &Device::Cpu)?;
        let weight = Var::from_tensor(&filled((4, 3), 2, 1.0, DType::F32, &Device::Cpu)?)?;
        let layer = crate::Linear::new(weight.as_tensor().clone(), None)?;
        let pass = || layer.forward(&x)?.sum_all()?.backward();
        assert!(pass().is_err());
        assert!(without_kernels(pass).is_err());
        let candles = by_candles_gradients(|| without_kernels(pass))?;
        assert!(candles.get(&weight).is_some());
        assert!(without_kernels(pass).is_err());
        Ok(())
    }

    #[test]
    fn a_wrong_gradient_is_found_and_named() -> anyhow::Result<()> {
        let x = Var::new(&[[1f64, 2.0], [3.0, 4.0]], &Device::Cpu)?;
        check_gradients(std::slice::from_ref(&x), || x.sqr()?.sum_all(), 1e-8)?;
        // x² with the gradient of x: the other factor is taken as a constant
        let error = check_gradients(
            std::slice::from_ref(&x),
            || (x.as_tensor() * x.detach())?.sum_all(),
            1e-8,
        )
        .expect_err("half the gradient is missing");
        assert!(
            error
                .to_string()
                .starts_with("input 0 at [0, 0]: gradient 1,"),
            "{error}"
        );
        assert_eq!(
            x.to_vec2::<f64>()?,
            [[1.0, 2.0], [3.0, 4.0]],
            "the input is put back"
        );
        Ok(())
    }

    #[test]
    fn parameters_without_a_gradient_are_named() -> anyhow::Result<()> {
        let store = ParamStore::new(0, &Device::Cpu);
        let vb = store.builder();
        let (a, b) = (
            vb.get_with_hints(2, "a", candle_nn::init::ONE)?,
            vb.get(2, "b")?,
        );
        vb.get(2, "c")?;
        let gradients = crate::backward(&(&a * &b)?.sum_all()?)?;
        let error = every_parameter_has_a_gradient(&store, &gradients).expect_err("a and c");
        assert_eq!(
            error.to_string(),
            "parameters without a gradient: a (all zero), c (missing)"
        );
        Ok(())
    }
}
