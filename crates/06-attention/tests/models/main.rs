//! The translation models: by hand and with the library the same, what padding and the future change, how they write.
//! One module per idea.

mod agreement;
mod lessons;
mod padding;
mod parameters;
mod search;
mod time;

use anyhow::{Result, ensure};
use attention::bahdanau::{concise, scratch};
use attention::decoding::Limits;
use attention::encoder::EncoderEnd;
use attention::encoder_decoder::{Initializers, Sizes, Translator};
use attention::seq2seq::{Context as Beside, Seq2Seq};
use candle_core::{DType, Device, Tensor};
use d2l::nn::testing::hash;
use d2l::nn::{CrossEntropyOptions, Initializer, Mode, ParamStore, Step, cross_entropy_with};

const DEVICE: Device = Device::Cpu;
const EVALUATE: Mode = Mode::Evaluate;
const TRAIN: Mode = Mode::Train(Step { seed: 0, epoch: 1, step: 1 });
const INIT: Initializers = Initializers {
    recurrent: Initializer::Xavier,
    linear: Initializer::PytorchDefault,
};

const SIZES: Sizes = Sizes {
    vocabularies: [7, 9],
    num_hiddens: 5,
    num_layers: 2,
    dropout: 0.3,
};

const LIMITS: Limits = Limits { begin: 1, end: 2, longest: 6 };

fn f64_params() -> ParamStore {
    ParamStore::with_dtype(0, DType::F64, &DEVICE)
}

type Build = fn(Sizes, EncoderEnd, &ParamStore) -> Result<Box<dyn Translator>>;

/// Every model with the library.
const MODELS: [(&str, Build); 3] = [
    ("bahdanau", |sizes, end, params| {
        Ok(Box::new(concise::Bahdanau::new(sizes, end, &INIT, params)?))
    }),
    ("seq2seq", |sizes, end, params| {
        let beside = Beside::Encoder;
        Ok(Box::new(Seq2Seq::new(sizes, end, beside, &INIT, params)?))
    }),
    ("bahdanau by hand", |sizes, _, params| {
        Ok(Box::new(scratch::Bahdanau::new(sizes, &INIT, params)?))
    }),
];

fn tokens(shape: (usize, usize), vocab_size: usize, salt: u32) -> Result<Tensor> {
    let count = (shape.0 * shape.1) as u32;
    let tokens = (0..count).map(|i| hash(i, salt) % vocab_size as u32);
    Ok(Tensor::from_vec(tokens.collect(), shape, &DEVICE)?)
}

/// Source `[3, 6]`, valid lengths `[3]`, decoder input and target `[3, 4]`.
fn batch() -> Result<[Tensor; 4]> {
    let [source, target] = SIZES.vocabularies;
    Ok([
        tokens((3, 6), source, 1)?,
        Tensor::new(&[2u32, 6, 4], &DEVICE)?,
        tokens((3, 4), target, 2)?,
        tokens((3, 4), target, 3)?,
    ])
}

fn loss(logits: &Tensor, target: &Tensor) -> Result<Tensor> {
    let options = CrossEntropyOptions::default();
    Ok(cross_entropy_with(logits, target, options)?)
}

fn gap(a: &Tensor, b: &Tensor) -> Result<f64> {
    ensure!(a.dims() == b.dims(), "{:?} and {:?}", a.dims(), b.dims());
    Ok((a - b)?.abs()?.flatten_all()?.max(0)?.to_scalar()?)
}

fn ensure_equal(what: &str, a: &Tensor, b: &Tensor) -> Result<()> {
    let gap = gap(a, b)?;
    ensure!(gap < 1e-12, "{what}: they differ by {gap}");
    Ok(())
}
