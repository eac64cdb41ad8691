//! By hand, with the library, in PyTorch and on a GPU the same.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use attention::bahdanau::{concise, scratch};
use attention::encoder::EncoderEnd;
use attention::encoder_decoder::{Sizes, Translator};
use attention::kernel_regression::{KernelRegression, squared_errors};
use candle_core::{DType, Tensor};
use d2l::nn::testing::filled;
use d2l::nn::{CrossEntropyOptions, ParamStore, backward, cross_entropy_with};
use d2l::testing::{
    check_kernels_against_definitions, check_loss_against_golden, check_translator_against_golden,
};

use crate::{DEVICE, EVALUATE, INIT, MODELS, SIZES, TRAIN, batch, ensure_equal, f64_params, loss};

/// Names, shapes and initial values of the parameters, logits, and gradients; also what dropout drops.
#[test]
fn bahdanau_by_hand_is_the_librarys() -> Result<()> {
    let (ours, theirs) = (f64_params(), f64_params());
    let by_hand = scratch::Bahdanau::new(SIZES, &INIT, &ours)?;
    let library = concise::Bahdanau::new(SIZES, EncoderEnd::Padding, &INIT, &theirs)?;
    let names = |params: &ParamStore| -> Vec<String> {
        params
            .parameters()
            .into_iter()
            .map(|(name, _)| name)
            .collect()
    };
    ensure!(
        names(&ours) == names(&theirs),
        "{:?} {:?}",
        names(&ours),
        names(&theirs)
    );
    for ((name, a), (_, b)) in ours.parameters().iter().zip(theirs.parameters()) {
        ensure_equal(name, a, &b)?;
    }
    let [source, lens, input, target] = batch()?;
    for mode in [EVALUATE, TRAIN] {
        let a = by_hand.forward(&source, &lens, &input, mode)?;
        let b = library.forward(&source, &lens, &input, mode)?;
        ensure_equal(&format!("logits, {mode:?}"), &a, &b)?;
        let (a, b) = (
            backward(&loss(&a, &target)?)?,
            backward(&loss(&b, &target)?)?,
        );
        for ((name, var), (_, other)) in ours.parameters().iter().zip(theirs.parameters()) {
            let (a, b) = (a.get(var).context("a")?, b.get(&other).context("b")?);
            ensure_equal(&format!("gradient of {name}, {mode:?}"), a, b)?;
        }
    }
    Ok(())
}

fn golden(model: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/golden");
    folder.join(format!("{model}.json"))
}

#[test]
fn the_models_agree_with_pytorch() -> Result<()> {
    let sizes = Sizes {
        vocabularies: [11, 13],
        num_hiddens: 8,
        num_layers: 2,
        dropout: 0.0,
    };
    for (name, build) in MODELS {
        let file = golden(name.split(' ').next().unwrap_or(name));
        let build = |params: &ParamStore| build(sizes, EncoderEnd::Padding, params);
        check_translator_against_golden(&file, build, |model, [source, lens, input], mode| {
            model.forward(source, lens, input, mode)
        })
        .context(name)?;
    }
    Ok(())
}

/// What a GPU runs gives the same losses.
#[test]
fn kernels_and_definitions_train_alike() -> Result<()> {
    let [source, lens, input, target] = batch()?;
    for (name, build) in MODELS {
        let build = |params: &ParamStore| build(SIZES, EncoderEnd::Padding, params);
        check_kernels_against_definitions(build, |model, mode| {
            cross_entropy_with(
                &model.forward(&source, &lens, &input, mode)?,
                &target,
                CrossEntropyOptions::default(),
            )
        })
        .context(name)?;
    }
    let points = |salt| filled((8, 7), salt, 2.0, DType::F32, &DEVICE);
    let (keys, values) = (points(1)?, points(2)?);
    let (queries, target) = (keys.get_on_dim(1, 0)?, values.get_on_dim(1, 0)?);
    let build = |params: &ParamStore| KernelRegression::new(None, params);
    check_kernels_against_definitions(build, |model, _| {
        squared_errors(&model.forward(&queries, &keys, &values)?, &target)
    })
}

#[test]
fn kernel_regression_agrees_with_pytorch() -> Result<()> {
    let build = |params: &ParamStore| KernelRegression::new(None, params);
    let loss = |model: &KernelRegression, inputs: &[Tensor], targets: &Tensor, _| {
        let [queries, keys, values] = inputs else {
            candle_core::bail!("found {} inputs, wanted 3", inputs.len());
        };
        squared_errors(&model.forward(queries, keys, values)?, targets)
    };
    check_loss_against_golden(&golden("kernel-regression"), build, loss)
}
