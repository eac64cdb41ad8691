//! The translation models: by hand and with the library the same, what padding and the future change, how they write.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use attention::bahdanau::{concise, scratch};
use attention::decoding::{Limits, beam_search, greedy};
use attention::encoder::{Encoder, EncoderEnd};
use attention::encoder_decoder::{Initializers, Sizes, State, Translator, at_time_step};
use attention::kernel_regression::{KernelRegression, squared_errors};
use attention::seq2seq::{Context as Beside, Seq2Seq};
use attention::translation::{Lesson, LossKind};
use candle_core::{DType, Device, Tensor};
use d2l::data::translation::{ParallelText, TranslationOptions, english_french};
use d2l::data::{Choice, Column, Dataset, TextEdition};
use d2l::nn::testing::{check_gradients, every_parameter_has_a_gradient, filled, hash};
use d2l::nn::{
    CrossEntropyOptions, Dropout, Initializer, Mode, ParamStore, Step, backward,
    cross_entropy_with, observed,
};
use d2l::testing::{
    check_kernels_against_definitions, check_loss_against_golden, check_translator_against_golden,
};

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

/// The same `decode` reads a whole sentence, and one token after the other from the state before.
#[test]
fn token_by_token_is_the_whole() -> Result<()> {
    let [source, lens, input, _] = batch()?;
    for (name, build) in MODELS {
        let model = build(SIZES, EncoderEnd::Padding, &f64_params())?;
        let whole = model.forward(&source, &lens, &input, EVALUATE)?;
        let mut state = model.encode(&source, &lens, EVALUATE)?;
        let mut steps = Vec::new();
        for t in 0..4 {
            let (logits, after) = model.decode(&input.narrow(1, t, 1)?, state, EVALUATE)?;
            steps.push(logits);
            state = after;
        }
        ensure_equal(name, &whole, &Tensor::cat(&steps, 1)?)?;
    }
    Ok(())
}

/// d2l-ai/d2l-en#2134: in the Chinese edition the context is the state that the decoder is called with. That is the
/// encoder's where it is called once, and its own where it writes.
#[test]
fn the_context_that_changes_is_another_model_while_writing() -> Result<()> {
    let [source, lens, input, _] = batch()?;
    let logits = |beside: Beside| -> Result<[Tensor; 2]> {
        let model = Seq2Seq::new(SIZES, EncoderEnd::Padding, beside, &INIT, &f64_params())?;
        let whole = model.forward(&source, &lens, &input, EVALUATE)?;
        let state = model.encode(&source, &lens, EVALUATE)?;
        let (_, state) = model.decode(&input.narrow(1, 0, 1)?, state, EVALUATE)?;
        let (second, _) = model.decode(&input.narrow(1, 1, 1)?, state, EVALUATE)?;
        Ok([whole, second])
    };
    let ([whole, second], [other_whole, other_second]) =
        (logits(Beside::Encoder)?, logits(Beside::State)?);
    ensure_equal("while learning", &whole, &other_whole)?;
    ensure_equal("encoder", &whole.narrow(1, 1, 1)?, &second)?;
    let gap = gap(&second, &other_second)?;
    ensure!(gap > 1e-3, "while writing they differ by {gap} only");
    Ok(())
}

#[test]
fn a_token_to_come_changes_no_earlier_logit() -> Result<()> {
    let [source, lens, input, _] = batch()?;
    let other = Tensor::cat(&[input.narrow(1, 0, 2)?, tokens((3, 2), 9, 8)?], 1)?;
    for (name, build) in MODELS {
        let model = build(SIZES, EncoderEnd::Padding, &f64_params())?;
        let [a, b] = [&input, &other].map(|x| model.forward(&source, &lens, x, TRAIN));
        let (a, b) = (a?, b?);
        ensure_equal(name, &a.narrow(1, 0, 2)?, &b.narrow(1, 0, 2)?)?;
        ensure!(
            gap(&a.narrow(1, 2, 2)?, &b.narrow(1, 2, 2)?)? > 1e-3,
            "{name}"
        );
    }
    Ok(())
}

/// Asked in pytorch/tutorials#3643. Where the encoder ends on the word, padding and what is in it change nothing; where it
/// ends on padding they change the state that the decoder starts from.
#[test]
fn padding_changes_nothing_if_the_encoder_ends_on_the_word() -> Result<()> {
    let [source, lens, input, _] = batch()?;
    let short = source.narrow(1, 0, 4)?;
    let short_lens = Tensor::new(&[2u32, 4, 4], &DEVICE)?;
    let long = Tensor::cat(&[&short, &tokens((3, 5), 7, 9)?], 1)?;
    ensure!(lens.dims() == short_lens.dims());
    for (name, build) in &MODELS[..2] {
        let gap = |end| -> Result<f64> {
            let model = build(SIZES, end, &f64_params())?;
            let [a, b] =
                [&short, &long].map(|source| model.forward(source, &short_lens, &input, EVALUATE));
            gap(&a?, &b?)
        };
        let (padding, word) = (gap(EncoderEnd::Padding)?, gap(EncoderEnd::Word)?);
        ensure!(
            word < 1e-12 && padding > 1e-3,
            "{name}: {word} and {padding}"
        );
    }
    Ok(())
}

/// Without padding both ends are the same place.
#[test]
fn both_ends_of_a_full_sentence_are_the_same() -> Result<()> {
    let [source, _, input, _] = batch()?;
    let lens = Tensor::new(&[6u32, 6, 6], &DEVICE)?;
    for (name, build) in &MODELS[..2] {
        let logits = |end| -> Result<Tensor> {
            let model = build(SIZES, end, &f64_params())?;
            Ok(model.forward(&source, &lens, &input, EVALUATE)?)
        };
        let (padding, word) = (logits(EncoderEnd::Padding)?, logits(EncoderEnd::Word)?);
        ensure_equal(name, &padding, &word)?;
    }
    Ok(())
}

/// d2l-ai/d2l-en#1013: the query is the state before the token is read. So the first weights don't depend on the first
/// token, and the second do.
#[test]
fn bahdanaus_query_is_the_state_before_the_step() -> Result<()> {
    let [source, lens, input, _] = batch()?;
    let first = tokens((3, 1), 9, 20)?;
    let other = Tensor::cat(&[&first, &input.narrow(1, 1, 3)?], 1)?;
    ensure!(first.to_vec2::<u32>()? != input.narrow(1, 0, 1)?.to_vec2::<u32>()?);
    for (name, build) in [MODELS[0], MODELS[2]] {
        let model = build(SIZES, EncoderEnd::Padding, &f64_params())?;
        let weights = |x: &Tensor| -> Result<Vec<Tensor>> {
            let (_, seen) = observed(|| model.forward(&source, &lens, x, EVALUATE))?;
            let reports = seen.attention().iter();
            Ok(reports.map(|(_, weights)| weights.clone()).collect())
        };
        let (a, b) = (weights(&input)?, weights(&other)?);
        ensure!(a.len() == 4 && a[0].dims() == [3, 1, 6], "{name}");
        ensure_equal(name, &a[0], &b[0])?;
        ensure!(
            gap(&a[1], &b[1])? > 1e-6,
            "{name}: the second weights are equal too"
        );
    }
    Ok(())
}

#[test]
fn each_time_step_drops_other_numbers() -> Result<()> {
    let dropout = Dropout::new(0.5, "attention.dropout")?;
    let ones = Tensor::ones((8, 8), DType::F64, &DEVICE)?;
    let mut seen: Vec<Vec<f64>> = Vec::new();
    for step in 1..4 {
        for t in 0..3 {
            let mode = Mode::Train(Step { seed: 0, epoch: 1, step });
            let dropped = dropout.forward_t(&ones, at_time_step(mode, t, 3))?;
            let dropped: Vec<f64> = dropped.flatten_all()?.to_vec1()?;
            ensure!(!seen.contains(&dropped), "step {step}, t {t}");
            seen.push(dropped);
        }
    }
    Ok(())
}

fn sentence(salt: u32) -> Result<[Tensor; 2]> {
    Ok([tokens((1, 6), 7, salt)?, Tensor::new(&[4u32], &DEVICE)?])
}

#[test]
fn a_beam_of_one_is_the_greedy_search() -> Result<()> {
    for (name, build) in MODELS {
        let model = build(SIZES, EncoderEnd::Padding, &f64_params())?;
        for salt in 0..20 {
            let source = sentence(salt)?;
            let one = greedy(&*model, &source, LIMITS)?;
            let beam = beam_search(&*model, &source, LIMITS, 1)?;
            ensure!(beam.len() == 1 && beam[0].tokens == one, "{name} {salt}");
            ensure!(one.len() <= LIMITS.longest);
            let ended = one.last() == Some(&LIMITS.end);
            ensure!(
                ended || one.len() == LIMITS.longest,
                "{name} {salt}: {one:?}"
            );
        }
    }
    Ok(())
}

/// zh 9.8.1, en 10.8.1: the tokens A, B, C and the end mark. What follows depends on what stands before.
struct Table;

const A: u32 = 0;
const B: u32 = 1;
const C: u32 = 2;
const END: u32 = 3;
const BEGIN: u32 = 4;

impl Translator for Table {
    fn encode(&self, _: &Tensor, valid_lens: &Tensor, _: Mode) -> candle_core::Result<State> {
        Ok(State { encoder: vec![valid_lens.clone()], carried: vec![] })
    }

    /// The state is what has been read.
    fn decode(
        &self,
        x: &Tensor,
        mut state: State,
        _: Mode,
    ) -> candle_core::Result<(Tensor, State)> {
        state.carried.push(x.flatten_all()?);
        let read = Tensor::cat(&state.carried, 0)?.to_vec1::<u32>()?;
        let probabilities = match read[1..] {
            [] => [0.5, 0.2, 0.2, 0.1],
            [A] => [0.1, 0.4, 0.3, 0.2],
            [A, B] => [0.2, 0.2, 0.4, 0.2],
            [A, C] => [0.1, 0.6, 0.2, 0.1],
            [A, B, C] => [0.0, 0.2, 0.2, 0.6],
            [A, C, B] => [0.1, 0.2, 0.1, 0.6],
            _ => [0.25; 4],
        };
        let logits = probabilities.map(|p: f64| p.max(1e-30).ln());
        Ok((Tensor::new(&[[logits]], &DEVICE)?, state))
    }
}

#[test]
fn a_beam_finds_the_books_likelier_sentence() -> Result<()> {
    let limits = Limits { begin: BEGIN, end: END, longest: 4 };
    let source = sentence(0)?;
    ensure!(greedy(&Table, &source, limits)? == [A, B, C, END]); // 0.5 · 0.4 · 0.4 · 0.6 = 0.048
    let found = beam_search(&Table, &source, limits, 2)?;
    let best = found.first().context("a sentence")?;
    ensure!(best.tokens == [A, C, B, END], "{:?}", best.tokens);
    ensure!((best.log_probability.exp() - 0.5 * 0.3 * 0.6 * 0.6).abs() < 1e-12);
    let score = 0.054f64.ln() / 4f64.powf(0.75);
    ensure!((best.score() - score).abs() < 1e-12);
    ensure!(
        found
            .windows(2)
            .all(|pair| pair[0].score() >= pair[1].score())
    );
    Ok(())
}

fn text(edition: TextEdition, num_train: usize) -> Result<ParallelText> {
    let options = TranslationOptions {
        num_train,
        num_valid: 20,
        ..TranslationOptions::book(edition)
    };
    Ok(english_french(options, Choice::Builtin, "none".as_ref())?.data)
}

/// The minimized loss, the logged loss, a token's cross-entropy and the number of tokens of some pairs, where what
/// follows the valid length of a target is `padding`.
fn losses(loss: LossKind, padding: u32) -> Result<[f64; 4]> {
    let text = text(TextEdition::Zh, 40)?;
    let columns = [0, 1, 2, 3].map(|i| text.splits.train.column(i).clone());
    let [source, source_lens, target, target_lens] = columns;
    let (Column::Tokens { mut values, shape }, Column::Tokens { values: lens, .. }) =
        (target, target_lens.clone())
    else {
        anyhow::bail!("tokens");
    };
    for (row, len) in values.chunks_mut(10).zip(&lens) {
        row[*len as usize..].fill(padding);
    }
    let target = Column::Tokens { values, shape };
    let data = Dataset::new([source, source_lens, target, target_lens])?;
    let sizes = Sizes {
        vocabularies: [text.source_vocabulary.len(), text.target_vocabulary.len()],
        ..SIZES
    };
    let model = MODELS[0].1(sizes, EncoderEnd::Padding, &f64_params())?;
    let lesson = Lesson { model: &*model, text: &text, loss };
    let rows: Vec<usize> = (3..30).collect();
    let found = lesson.losses(&data, &rows, &DEVICE, EVALUATE)?;
    let tokens: u32 = rows.iter().map(|&row| lens[row]).sum();
    ensure!(found.tokens == tokens as usize);
    ensure!(
        found.counted
            == if loss == LossKind::Padding {
                270
            } else {
                found.tokens
            }
    );
    let number = |loss: &Tensor| loss.to_scalar::<f64>();
    Ok([
        number(&found.objective)?,
        number(&found.printed)?,
        number(&found.cross_entropy)?,
        f64::from(tokens),
    ])
}

/// zh 9.7.3 prints a tenth of the cross-entropy of a token and minimizes the sum; en 10.7.5 has the mean. en 11.4 alone
/// counts padding.
#[test]
fn losses_are_the_editions_and_count_no_padding() -> Result<()> {
    let near = |a: f64, b: f64| (a - b).abs() < 1e-12 * b.abs();
    for (kind, steps) in [(LossKind::Sentences, 10.0), (LossKind::Tokens, 1.0)] {
        let [objective, printed, cross_entropy, tokens] = losses(kind, 1)?;
        let other = losses(kind, 5)?;
        ensure!(
            other == [objective, printed, cross_entropy, tokens],
            "{other:?}"
        );
        let wanted = match kind {
            LossKind::Sentences => printed * tokens,
            _ => printed,
        };
        ensure!(
            near(printed * steps, cross_entropy),
            "{printed} {cross_entropy}"
        );
        ensure!(near(objective, wanted), "{objective} {wanted}");
    }
    let [objective, printed, cross_entropy, _] = losses(LossKind::Padding, 1)?;
    let [_, other, same, _] = losses(LossKind::Padding, 5)?;
    ensure!(objective == printed && printed != other && cross_entropy == same);
    Ok(())
}

#[test]
fn translations_come_with_their_weights() -> Result<()> {
    let text = text(TextEdition::Zh, 40)?;
    let sizes = Sizes {
        vocabularies: [text.source_vocabulary.len(), text.target_vocabulary.len()],
        ..SIZES
    };
    for (name, build) in [MODELS[0], MODELS[2]] {
        let model = build(sizes, EncoderEnd::Padding, &f64_params())?;
        let lesson = Lesson { model: &*model, text: &text, loss: LossKind::Sentences };
        for beam in [1, 3] {
            let found = lesson.translate("Go on, Tom!", beam, &DEVICE)?;
            ensure!(
                found.source.len() == 6 && found.source[5] == "<eos>",
                "{found:?}"
            );
            let [(layer, weights)] = &found.attention[..] else {
                anyhow::bail!("{name}: {:?}", found.attention);
            };
            ensure!(layer == "decoder.attention");
            ensure!(
                weights.dims() == [1, found.target.len(), 10],
                "{name}: {weights}"
            );
        }
    }
    Ok(())
}
