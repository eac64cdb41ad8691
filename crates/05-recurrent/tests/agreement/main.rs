//! The models by hand, with the library and in PyTorch compute the same: one module per comparison.

mod by_hand;
mod models;
mod pytorch;

use anyhow::{Result, ensure};
use candle_core::{DType, Device, Tensor};
use d2l::Implementation;
use d2l::Implementation::{Concise, Scratch};
use d2l::nn::testing::hash;
use d2l::nn::{Initializer, Mode, ParamStore, Step};
use recurrent::experiment::Build;
use recurrent::language_model::Recurrent;
use recurrent::lstm::variants;
use recurrent::{bidirectional_lstm, deep_gated, deep_rnn, gru as gru_model, lstm, rnn};

const DEVICE: Device = Device::Cpu;
const TRAIN: Mode = Mode::Train(Step { seed: 0, epoch: 1, step: 1 });

/// V, H, B, T
const SIZES: (usize, usize, usize, usize) = (7, 5, 3, 6);

/// Every model, with its implementation and what makes it.
const MODELS: [(&str, Implementation, Build); 14] = [
    ("rnn", Scratch, rnn::network),
    ("rnn", Concise, rnn::network),
    ("gru", Scratch, gru_model::network),
    ("gru", Concise, gru_model::network),
    ("lstm", Scratch, lstm::network),
    ("lstm", Concise, lstm::network),
    ("deep-rnn", Scratch, deep_rnn::network),
    ("deep-gru", Concise, deep_gated::gru),
    ("deep-lstm", Concise, deep_gated::lstm),
    (BIDIRECTIONAL, Concise, bidirectional_lstm::network),
    ("prototype-lstm", Scratch, variants::prototype),
    ("pseudo-lstm", Scratch, variants::pseudo),
    ("peephole-lstm", Scratch, variants::peephole),
    ("peephole-lstm", Concise, variants::peephole),
];

const BIDIRECTIONAL: &str = "bidirectional-lstm";

fn f64_params() -> ParamStore {
    ParamStore::with_dtype(0, DType::F64, &DEVICE)
}

fn model(
    build: Build,
    implementation: Implementation,
    params: &ParamStore,
) -> candle_core::Result<Box<dyn Recurrent>> {
    let (v, h, _, _) = SIZES;
    build(implementation, (v, h), &Initializer::PytorchDefault, params)
}

/// Tokens `[B, T]`.
fn tokens(salt: u32) -> Result<Tensor> {
    let (v, _, batch, steps) = SIZES;
    let tokens: Vec<u32> = (0..(batch * steps) as u32)
        .map(|i| hash(i, salt) % v as u32)
        .collect();
    Ok(Tensor::from_vec(tokens, (batch, steps), &DEVICE)?)
}

fn ensure_near(what: &str, a: &Tensor, b: &Tensor) -> Result<()> {
    ensure!(
        a.dims() == b.dims(),
        "{what}: {:?} {:?}",
        a.dims(),
        b.dims()
    );
    let gap = (a - b)?.abs()?.flatten_all()?.max(0)?.to_scalar::<f64>()?;
    let largest = a.abs()?.flatten_all()?.max(0)?.to_scalar::<f64>()?;
    ensure!(largest > 0.0, "{what}: all zeros agree with anything");
    ensure!(
        gap <= 1e-12 + 1e-10 * largest,
        "{what}: they differ by {gap} of {largest}"
    );
    Ok(())
}
