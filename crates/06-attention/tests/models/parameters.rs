//! The parameters of all models: shapes, number and gradients.

use anyhow::{Context, Result, ensure};
use attention::encoder::{Encoder, EncoderEnd};
use attention::encoder_decoder::Sizes;
use candle_core::Tensor;
use d2l::nn::testing::{check_gradients, every_parameter_has_a_gradient};
use d2l::nn::{CrossEntropyOptions, ParamStore, backward, cross_entropy_with};

use crate::{DEVICE, EVALUATE, INIT, MODELS, SIZES, TRAIN, batch, f64_params, loss, tokens};

/// zh 9.7.2 and 10.4.2: a vocabulary of 10, 16 hidden units, two layers, 4 sentences of 7 tokens. Parameters of the
/// experiments: BOOK's counts of both editions.
#[test]
fn shapes_and_sizes_are_the_books() -> Result<()> {
    let small = Sizes {
        vocabularies: [10, 10],
        num_hiddens: 16,
        num_layers: 2,
        dropout: 0.0,
    };
    let (x, lens) = (
        tokens((4, 7), 10, 1)?,
        Tensor::new(&[7u32, 7, 7, 7], &DEVICE)?,
    );
    let vb = f64_params().builder().pp("encoder");
    let encoder = Encoder::new(small, EncoderEnd::Padding, &INIT, vb)?;
    let (outputs, state) = encoder.forward(&x, &lens, EVALUATE)?;
    ensure!((outputs.dims(), state.dims()) == (&[7, 4, 16][..], &[2, 4, 16][..]));
    for (name, build) in MODELS {
        let model = build(small, EncoderEnd::Padding, &f64_params())?;
        let state = model.encode(&x, &lens, EVALUATE)?;
        let (logits, state) = model.decode(&x, state, EVALUATE)?;
        ensure!(logits.dims() == [4, 7, 10], "{name}: {:?}", logits.dims());
        let carried: usize = state.carried.iter().map(Tensor::elem_count).sum();
        ensure!(carried == 2 * 4 * 16, "{name}");
    }
    let zh = Sizes { vocabularies: [184, 201], num_hiddens: 32, ..small };
    let en = Sizes { vocabularies: [194, 214], num_hiddens: 256, ..small };
    for ((name, build), counts) in MODELS.iter().zip([
        [49_449, 2_066_390],
        [47_369, 1_935_062],
        [49_449, 2_066_390],
    ]) {
        for (sizes, wanted) in [zh, en].into_iter().zip(counts) {
            let params = ParamStore::new(0, &DEVICE);
            build(sizes, EncoderEnd::Padding, &params)?;
            let found = params.parameter_count();
            ensure!(found == wanted, "{name}: {found}, wanted {wanted}");
        }
    }
    Ok(())
}

#[test]
fn every_parameter_gets_a_gradient() -> Result<()> {
    let [source, lens, input, target] = batch()?;
    for (name, build) in MODELS {
        for end in [EncoderEnd::Padding, EncoderEnd::Word] {
            let params = f64_params();
            let model = build(SIZES, end, &params)?;
            let logits = model.forward(&source, &lens, &input, TRAIN)?;
            every_parameter_has_a_gradient(&params, &backward(&loss(&logits, &target)?)?)
                .context(name)?;
        }
    }
    Ok(())
}

#[test]
fn gradients_are_right() -> Result<()> {
    let small = Sizes {
        vocabularies: [5, 5],
        num_hiddens: 3,
        num_layers: 2,
        dropout: 0.3,
    };
    let source = tokens((2, 4), 5, 1)?;
    let lens = Tensor::new(&[2u32, 4], &DEVICE)?;
    let (input, target) = (tokens((2, 3), 5, 2)?, tokens((2, 3), 5, 3)?);
    for (name, build) in MODELS {
        for end in [EncoderEnd::Padding, EncoderEnd::Word] {
            let params = f64_params();
            let model = build(small, end, &params)?;
            let parameters = params.parameters().into_iter().map(|(_, var)| var);
            let loss = || {
                let logits = model.forward(&source, &lens, &input, TRAIN)?;
                cross_entropy_with(&logits, &target, CrossEntropyOptions::default())
            };
            check_gradients(&parameters.collect::<Vec<_>>(), loss, 1e-7).context(name)?;
        }
    }
    Ok(())
}
