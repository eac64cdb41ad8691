//! Attention layers and positions: one module per idea.

mod gradients;
mod masks;
mod positions;
mod scores;

use anyhow::{Context, Result, ensure};
use attention::mask::Mask;
use candle_core::{DType, Device, Tensor, Var};
use d2l::nn::testing::filled;
use d2l::nn::{Initializer, Mode, ParamStore, Step};

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
