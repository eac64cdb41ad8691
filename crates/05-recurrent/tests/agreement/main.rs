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
use recurrent::structure::Structure;
use recurrent::{bidirectional_lstm, gru as gru_model, lstm, rnn};

const DEVICE: Device = Device::Cpu;
const TRAIN: Mode = Mode::Train(Step { seed: 0, epoch: 1, step: 1 });
/// V, H, B, T
const SIZES: (usize, usize, usize, usize) = (7, 5, 3, 6);

/// One layer, and two.
const ONE: Structure = Structure::new(SIZES.1, 1);
const TWO: Structure = Structure::new(SIZES.1, 2);
const EMBEDDED: Structure = Structure { embedding_dim: Some(4), ..ONE };

/// Every model, with its implementation, what makes it and of what.
const MODELS: [(&str, Implementation, Build, Structure); 24] = [
    ("rnn", Scratch, rnn::network, ONE),
    ("rnn", Concise, rnn::network, ONE),
    ("gru", Scratch, gru_model::network, ONE),
    ("gru", Concise, gru_model::network, ONE),
    ("lstm", Scratch, lstm::network, ONE),
    ("lstm", Concise, lstm::network, ONE),
    ("deep-rnn", Scratch, rnn::network, TWO),
    ("deep-gru", Concise, gru_model::network, TWO),
    ("deep-lstm", Concise, lstm::network, TWO),
    (
        BIDIRECTIONAL,
        Concise,
        bidirectional_lstm::network,
        Structure { bidirectional: true, ..TWO },
    ),
    ("rnn-relu", Scratch, rnn::relu_network, ONE),
    ("rnn-relu", Concise, rnn::relu_network, ONE),
    ("deep-rnn", Concise, rnn::network, TWO),
    ("deep-gru", Scratch, gru_model::network, TWO),
    ("deep-lstm", Scratch, lstm::network, TWO),
    ("rnn-embedded", Scratch, rnn::network, EMBEDDED),
    ("rnn-embedded", Concise, rnn::network, EMBEDDED),
    ("gru-reset", Scratch, gru_model::reset_network, ONE),
    ("gru-update", Scratch, gru_model::update_network, ONE),
    ("prototype-lstm", Scratch, variants::prototype, ONE),
    ("pseudo-lstm", Scratch, variants::pseudo, ONE),
    ("peephole-lstm", Scratch, variants::peephole, ONE),
    ("peephole-lstm", Concise, variants::peephole, ONE),
    ("peephole-lstm", Concise, variants::peephole, TWO),
];
const BIDIRECTIONAL: &str = "bidirectional-lstm";

fn f64_params() -> ParamStore {
    ParamStore::with_dtype(0, DType::F64, &DEVICE)
}

/// A model of one layer.
fn model(
    build: Build,
    implementation: Implementation,
    params: &ParamStore,
) -> candle_core::Result<Box<dyn Recurrent>> {
    model_of(build, implementation, ONE, params)
}

fn model_of(
    build: Build,
    implementation: Implementation,
    structure: Structure,
    params: &ParamStore,
) -> candle_core::Result<Box<dyn Recurrent>> {
    let init = Initializer::PytorchDefault;
    build(implementation, (SIZES.0, structure), &init, params)
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
