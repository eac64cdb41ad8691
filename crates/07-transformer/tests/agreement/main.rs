//! The models compute what PyTorch computes, their masks hide what they should, caches change nothing, and gradients are
//! right: one module per idea.

mod blocks;
mod generation;
mod gpt;
mod inside;
mod parameters;
mod translation;
mod vision;

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use attention::encoder_decoder::Sizes;
use candle_core::{DType, Device, Tensor};
use d2l::nn::testing::{filled, hash};
use d2l::nn::{Initializer, Mode, ParamStore, Step};
use transformer::breaks::Breaks;
use transformer::gpt::network::{Gpt, Size};
use transformer::translation::Evaluation;
use transformer::translation::network::{Parts, Transformer};
use transformer::vit;

const DEVICE: Device = Device::Cpu;
const TRAIN: Mode = Mode::Train(Step { seed: 0, epoch: 1, step: 1 });
const RULE: Initializer = Initializer::PytorchDefault;

/// Embeddings, for instance, of ordinary length, so that no attention is nearly uniform.
fn store() -> ParamStore {
    ParamStore::with_dtype(0, DType::F64, &DEVICE)
}

/// Gives every parameter numbers from a hash, scaled by `scale`.
fn fill(params: &ParamStore, scale: f64) -> Result<()> {
    for (salt, (_, var)) in (2..).zip(params.parameters()) {
        var.set(&filled(var.shape(), salt, scale, DType::F64, &DEVICE)?)?;
    }
    Ok(())
}

fn tokens((batch, steps): (usize, usize), vocab_size: usize, salt: u32) -> Result<Tensor> {
    let tokens = (0..(batch * steps) as u32).map(|i| hash(i, salt) % vocab_size as u32);
    Ok(Tensor::from_iter(tokens, &DEVICE)?.reshape((batch, steps))?)
}

/// The largest difference of two tensors.
fn difference(a: &Tensor, b: &Tensor) -> Result<f64> {
    ensure!(a.dims() == b.dims(), "{:?} and {:?}", a.dims(), b.dims());
    let largest = (a - b)?.abs()?.flatten_all()?.max(0)?;
    Ok(largest.to_dtype(DType::F64)?.to_scalar()?)
}

fn golden(model: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/golden");
    folder.join(format!("{model}.json"))
}

const GPT: Size = Size {
    vocab_size: 7,
    context: 9,
    num_hiddens: 8,
    ffn_hiddens: 12,
    num_heads: 2,
    num_layers: 2,
    dropout: 0.0,
};

fn gpt(breaks: &str) -> Result<(ParamStore, Gpt)> {
    let params = store();
    let breaks = match breaks {
        "" => Breaks::default(),
        names => names.parse()?,
    };
    let model = Gpt::new(GPT, breaks, &RULE, &params)?;
    fill(&params, 2.0)?;
    Ok((params, model))
}

const SIZES: Sizes = Sizes {
    vocabularies: [11, 13],
    num_hiddens: 8,
    num_layers: 2,
    dropout: 0.0,
};

fn parts(breaks: &str) -> Result<Parts> {
    Ok(Parts {
        ffn_hiddens: 12,
        num_heads: 2,
        evaluation: Evaluation::Training,
        breaks: match breaks {
            "" => Breaks::default(),
            names => names.parse()?,
        },
    })
}

fn translator(sizes: Sizes, parts: Parts) -> Result<(ParamStore, Transformer)> {
    let params = store();
    let model = Transformer::new(sizes, parts, &RULE, &params)?;
    fill(&params, 1.0)?;
    Ok((params, model))
}

/// Source `[4, 5]`, valid lengths `[4]`, decoder input `[4, 6]`: those of the golden file.
fn sentences() -> Result<[Tensor; 3]> {
    let lens = Tensor::new(&[3u32, 5, 1, 4], &DEVICE)?;
    Ok([tokens((4, 5), 11, 1)?, lens, tokens((4, 6), 13, 101)?])
}

fn vit_options() -> vit::Options {
    vit::Options {
        patch_size: 7,
        num_hiddens: 8,
        ffn_hiddens: 12,
        num_heads: 2,
        num_layers: 2,
        dropout: 0.0,
        ..vit::Options::SMALL
    }
}
