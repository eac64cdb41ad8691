//! The models compute what PyTorch computes, their masks hide what they should, caches change nothing, and gradients are
//! right.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use attention::encoder_decoder::{Sizes, Translator};
use attention::mask::Mask;
use candle_core::{D, DType, Device, Tensor, Var};
use convolutional::pictures::Shape;
use d2l::nn::testing::{check_gradients, every_parameter_has_a_gradient, filled, hash};
use d2l::nn::{
    CrossEntropyOptions, Initializer, Mode, Network, ParamStore, Step, backward, cross_entropy,
    cross_entropy_with,
};
use d2l::testing::{
    LayerCase, check_kernels_against_definitions, check_layer_against_golden,
    check_translator_against_golden,
};
use d2l::{Decoding, next_token_loss};
use transformer::block::{Activation, BlockOptions, Norm};
use transformer::breaks::Breaks;
use transformer::encoder::EncoderBlock;
use transformer::gpt::generation::generate;
use transformer::gpt::network::{Gpt, Size};
use transformer::gpt::repeats;
use transformer::translation::Evaluation;
use transformer::translation::network::{Parts, Transformer};
use transformer::vit::{self, VisionTransformer};

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

// --- Blocks ---------------------------------------------------------------------------------------------------------------

/// `torch.nn.TransformerEncoderLayer` with biases of 0 in its attention: output and all gradients.
#[test]
fn a_block_agrees_with_pytorchs_own() -> Result<()> {
    let file = golden("transformer-encoder-layer");
    let build = |case: &LayerCase, params: &ParamStore| {
        let [ffn_hiddens, num_hiddens] = case.shape("ffn.dense1.weight")?[..] else {
            anyhow::bail!("wanted a matrix");
        };
        let (norm, activation) = match case.name.starts_with("pre-norm") {
            true => (Norm::Pre, Activation::Gelu),
            false => (Norm::Post, Activation::Relu),
        };
        let options = BlockOptions {
            num_hiddens,
            ffn_hiddens,
            num_heads: case.num_heads,
            attention_dropout: 0.0,
            output_dropout: 0.0,
            ffn_dropout: 0.0,
            ffn_output_dropout: 0.0,
            norm,
            activation,
            scaled: true,
        };
        Ok(EncoderBlock::new(&options, &RULE, params.builder())?)
    };
    check_layer_against_golden(&file, 4, build, |block, case, inputs| {
        let mask = Mask { valid_lens: case.valid_lens.as_ref(), causal: case.causal };
        block.forward(&inputs[0], mask, None, TRAIN)
    })
}

/// What a GPU runs gives the same losses.
#[test]
fn kernels_and_definitions_train_alike() -> Result<()> {
    let [source, lens, input] = sentences()?;
    let target = tokens((4, 6), 13, 99)?;
    let sizes = Sizes { dropout: 0.3, ..SIZES };
    let parts = parts("")?;
    let build = |params: &ParamStore| Ok(Transformer::new(sizes, parts, &RULE, params)?);
    check_kernels_against_definitions(build, |model, mode| {
        let logits = model.forward(&source, &lens, &input, mode)?;
        cross_entropy_with(&logits, &target, CrossEntropyOptions::default())
    })
    .context("translation")?;

    let (x, y) = (tokens((3, 9), 7, 1)?, tokens((3, 9), 7, 2)?);
    let size = Size { dropout: 0.3, ..GPT };
    let build = |params: &ParamStore| Ok(Gpt::new(size, Breaks::default(), &RULE, params)?);
    check_kernels_against_definitions(build, |model, mode| {
        next_token_loss(&model.forward(&x, mode)?, &y)
    })
    .context("gpt")?;

    let x = filled((3, 1, 28, 28), 1, 2.0, DType::F32, &DEVICE)?;
    let y = tokens((1, 3), 10, 2)?.squeeze(0)?;
    let build = |params: &ParamStore| {
        VisionTransformer::new(Shape::grey(28), &vit::Options::SMALL, &RULE, params)
    };
    check_kernels_against_definitions(build, |model, mode| {
        cross_entropy(&model.forward(&x, mode)?, &y)
    })
    .context("vit")
}

// --- GPT --------------------------------------------------------------------------------------------------------------

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

#[test]
fn gpt_agrees_with_pytorch() -> Result<()> {
    let build = |params: &ParamStore| Ok(Gpt::new(GPT, Breaks::default(), &RULE, params)?);
    d2l::testing::check_against_golden(&golden("gpt"), build, next_token_loss)
}

/// Tokens `[2, 9]`, and the same with another token at each of the places from 1 on, one at a time.
fn changed(x: &Tensor) -> Result<Vec<(usize, Tensor)>> {
    let (batch, steps) = x.dims2()?;
    let rows: Vec<Vec<u32>> = x.to_vec2()?;
    let change = |place: usize| {
        let mut rows = rows.clone();
        rows.iter_mut()
            .for_each(|row| row[place] = (row[place] + 1) % GPT.vocab_size as u32);
        Ok((
            place,
            Tensor::new(rows.concat(), &DEVICE)?.reshape((batch, steps))?,
        ))
    };
    (1..steps).map(change).collect()
}

/// As asked in karpathy/nanoGPT#331, where a mask by hand leaked. Bit for bit: a hidden key's weight is a zero, which adds
/// nothing.
#[test]
fn a_future_token_changes_no_earlier_logit() -> Result<()> {
    let x = tokens((2, 9), GPT.vocab_size, 1)?;
    for breaks in ["", "post-norm", "no-position,no-scale"] {
        let (_, model) = gpt(breaks)?;
        // All at once, and in two parts through a cache.
        let at_once = |x: &Tensor| model.forward(x, Mode::Evaluate);
        let in_parts = |x: &Tensor| {
            let mut caches = model.caches();
            let first = model.forward_from(&x.narrow(1, 0, 4)?, &mut caches, Mode::Evaluate)?;
            let second = model.forward_from(&x.narrow(1, 4, 5)?, &mut caches, Mode::Evaluate)?;
            Tensor::cat(&[first, second], 1)
        };
        type Forward<'a> = &'a dyn Fn(&Tensor) -> candle_core::Result<Tensor>;
        let forwards: [Forward; 2] = [&at_once, &in_parts];
        for forward in forwards {
            let logits = forward(&x)?;
            for (place, other) in changed(&x)? {
                let others = forward(&other)?;
                let before = |logits: &Tensor| logits.narrow(1, 0, place);
                let leak = difference(&before(&logits)?, &before(&others)?)?;
                ensure!(
                    leak == 0.0,
                    "{breaks}: token {place} changes earlier logits by {leak}"
                );
                let own = difference(&logits.narrow(1, place, 1)?, &others.narrow(1, place, 1)?)?;
                ensure!(
                    own > 1e-3,
                    "{breaks}: token {place} doesn't change its own logits"
                );
            }
        }
    }
    Ok(())
}

#[test]
fn without_its_mask_gpt_sees_the_future() -> Result<()> {
    let (_, model) = gpt("no-mask")?;
    let x = tokens((2, 9), GPT.vocab_size, 1)?;
    let logits = model.forward(&x, Mode::Evaluate)?;
    for (place, other) in changed(&x)? {
        let others = model.forward(&other, Mode::Evaluate)?;
        let leak = difference(&logits.narrow(1, 0, place)?, &others.narrow(1, 0, place)?)?;
        ensure!(
            leak > 1e-3,
            "token {place} changes earlier logits by {leak} only"
        );
    }
    Ok(())
}

#[test]
fn gpts_cache_changes_nothing() -> Result<()> {
    let x = tokens((2, 9), GPT.vocab_size, 1)?;
    for breaks in ["", "post-norm", "no-position"] {
        let (_, model) = gpt(breaks)?;
        let whole = model.forward(&x, Mode::Evaluate)?;
        for parts in [&[1; 9][..], &[4, 5], &[1, 2, 3, 3], &[8, 1]] {
            let mut caches = model.caches();
            let (mut first, mut logits) = (0, Vec::new());
            for &steps in parts {
                let part = x.narrow(1, first, steps)?;
                logits.push(model.forward_from(&part, &mut caches, Mode::Evaluate)?);
                first += steps;
            }
            let off = difference(&whole, &Tensor::cat(&logits, 1)?)?;
            ensure!(off < 1e-12, "{breaks} {parts:?}: {off}");
        }
    }
    Ok(())
}

#[test]
fn a_full_context_is_refused() -> Result<()> {
    let (_, model) = gpt("")?;
    let mut caches = model.caches();
    model.forward_from(&tokens((1, 9), 7, 1)?, &mut caches, Mode::Evaluate)?;
    let error = model.forward_from(&tokens((1, 1), 7, 1)?, &mut caches, Mode::Evaluate);
    let error = error.err().context("no room")?.to_string();
    ensure!(
        error.contains("found 10 tokens, wanted 9 at most"),
        "{error}"
    );
    Ok(())
}

/// The most likely token each time, computed anew from the last tokens that the context holds.
fn generated_anew(model: &Gpt, prompt: &[u32], count: usize) -> Result<Vec<u32>> {
    let (mut tokens, mut first) = (prompt.to_vec(), 0);
    for _ in 0..count {
        if tokens.len() - first > model.context() {
            first = tokens.len() - model.context().div_ceil(2);
        }
        let x = Tensor::new(&tokens[first..], &DEVICE)?.unsqueeze(0)?;
        let logits = model.forward(&x, Mode::Evaluate)?;
        let best: Vec<u32> = logits.argmax(D::Minus1)?.flatten_all()?.to_vec1()?;
        tokens.push(*best.last().context("a token")?);
    }
    Ok(tokens)
}

fn generation_model() -> Result<Gpt> {
    let params = ParamStore::new(3, &DEVICE); // f32, as in a run
    Ok(Gpt::new(
        GPT,
        Breaks::default(),
        &Initializer::Normal { std: 1.0 },
        &params,
    )?)
}

#[test]
fn generation_with_a_cache_writes_what_recomputation_writes() -> Result<()> {
    let model = generation_model()?;
    let found = generate(&model, &[3, 1], 40, &Decoding::GREEDY, (0, &DEVICE))?;
    ensure!(found == generated_anew(&model, &[3, 1], 40)?, "{found:?}");
    // A prompt that is longer than the context: what doesn't fit is left out.
    let long = [1; 20];
    let found = generate(&model, &long, 3, &Decoding::GREEDY, (0, &DEVICE))?;
    ensure!(
        found == generated_anew(&model, &long, 3)? && found.len() == 23,
        "{found:?}"
    );
    Ok(())
}

#[test]
fn a_seed_writes_the_same_and_another_seed_something_else() -> Result<()> {
    let model = generation_model()?;
    let decoding = Decoding { temperature: 1.0, ..Decoding::GREEDY };
    let write = |seed| generate(&model, &[3], 60, &decoding, (seed, &DEVICE));
    ensure!(write(1)? == write(1)? && write(1)? != write(2)?);
    ensure!(generate(&model, &[], 1, &decoding, (0, &DEVICE)).is_err());
    Ok(())
}

/// After the last block the lens shows what the model says; after the embedding no token sees another.
#[test]
fn the_logit_lens_ends_with_the_models_logits() -> Result<()> {
    let (_, model) = gpt("")?;
    let x = tokens((1, 6), GPT.vocab_size, 1)?;
    let layers = model.logit_lens(&x)?;
    ensure!(layers.len() == 1 + GPT.num_layers, "{}", layers.len());
    let whole = model.forward(&x, Mode::Evaluate)?;
    ensure!(difference(&layers[GPT.num_layers], &whole)? == 0.0);
    ensure!(difference(&layers[1], &whole)? > 1e-3);
    Ok(())
}

#[test]
fn repeats_are_rows_of_different_tokens() -> Result<()> {
    let splits = repeats::splits(5, 16)?;
    let [x, y] = splits.train.batch(&(0..50).collect::<Vec<_>>(), &DEVICE)?;
    let (x, y) = (x.to_vec2::<u32>()?, y.to_vec2::<u32>()?);
    let mut rounds = BTreeSet::new();
    for (tokens, targets) in x.iter().zip(&y) {
        let p = tokens.iter().skip(1).position(|token| *token == tokens[0]);
        let p = p.context("a second round")? + 1;
        ensure!((4..=8).contains(&p), "{p}");
        rounds.insert(p);
        let different: BTreeSet<_> = tokens[..p].iter().collect();
        ensure!(different.len() == p, "{tokens:?}");
        for i in p..16 {
            ensure!(tokens[i] == tokens[i - p], "{tokens:?}");
            // What follows is what followed the last time.
            ensure!(targets[i] == tokens[i - p + 1], "{tokens:?} {targets:?}");
        }
        ensure!(
            targets[..p].iter().all(|&target| target == u32::MAX),
            "{targets:?}"
        );
    }
    ensure!(rounds.len() == 5, "{rounds:?}");
    ensure!(repeats::splits(0, 7).is_err());
    Ok(())
}

/// All parameters are 0, so every query looks at all i + 1 positions up to its own alike.
#[test]
fn a_head_that_looks_everywhere_has_the_mean_of_its_weights_as_scores() -> Result<()> {
    let size = Size { vocab_size: 16, context: 16, ..GPT };
    let params = ParamStore::new(0, &DEVICE);
    let model = Gpt::new(size, Breaks::default(), &Initializer::Zeros, &params)?;
    let x = Tensor::from_iter((0..16u32).map(|i| i % 6), &DEVICE)?.unsqueeze(0)?;
    let wanted = (6..16).map(|i| 1.0 / f64::from(i + 1)).sum::<f64>() / 10.0;
    let heads = repeats::heads(&model, &x)?;
    ensure!(heads.len() == 4, "{heads:?}");
    for head in heads {
        ensure!(
            (head.induction - wanted).abs() < 1e-6,
            "{head:?}, wanted {wanted}"
        );
        ensure!(
            (head.previous - wanted).abs() < 1e-6,
            "{head:?}, wanted {wanted}"
        );
    }
    Ok(())
}

// --- Translation --------------------------------------------------------------------------------------------------------

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

#[test]
fn the_translator_agrees_with_pytorch() -> Result<()> {
    let parts = parts("")?;
    let build = |params: &ParamStore| Ok(Transformer::new(SIZES, parts, &RULE, params)?);
    let forward = |model: &Transformer, [source, lens, input]: [&Tensor; 3], mode| {
        model.forward(source, lens, input, mode)
    };
    check_translator_against_golden(&golden("translation"), build, forward)
}

#[test]
fn more_padding_changes_nothing() -> Result<()> {
    let [source, lens, input] = sentences()?;
    for breaks in ["", "pre-norm", "no-position"] {
        let (_, model) = translator(SIZES, parts(breaks)?)?;
        let logits = model.forward(&source, &lens, &input, Mode::Evaluate)?;
        let padding = tokens((4, 3), 11, 7)?; // any tokens: nobody looks at them
        let longer = Tensor::cat(&[&source, &padding], 1)?;
        let off = difference(
            &logits,
            &model.forward(&longer, &lens, &input, Mode::Evaluate)?,
        )?;
        ensure!(off < 1e-12, "{breaks}: more source changes logits by {off}");
        // Behind the target too.
        let longer = Tensor::cat(&[&input, &tokens((4, 2), 13, 8)?], 1)?;
        let others = model.forward(&source, &lens, &longer, Mode::Evaluate)?;
        let off = difference(&logits, &others.narrow(1, 0, 6)?)?;
        ensure!(off < 1e-12, "{breaks}: more target changes logits by {off}");
        // The token after a sentence's end may be any.
        let rows: Vec<Vec<u32>> = source.to_vec2()?;
        let mut rows = rows;
        rows[2][1] = (rows[2][1] + 1) % 11;
        let other = Tensor::new(rows, &DEVICE)?;
        let off = difference(
            &logits,
            &model.forward(&other, &lens, &input, Mode::Evaluate)?,
        )?;
        ensure!(off == 0.0, "{breaks}: padding is looked at: {off}");
    }
    Ok(())
}

#[test]
fn the_decoders_cache_changes_nothing_and_it_sees_no_future() -> Result<()> {
    let [source, lens, input] = sentences()?;
    for breaks in ["", "pre-norm", "no-position,no-scale"] {
        let (_, model) = translator(SIZES, parts(breaks)?)?;
        let whole = model.forward(&source, &lens, &input, Mode::Evaluate)?;
        for steps in [&[1; 6][..], &[2, 4], &[5, 1]] {
            let mut state = model.encode(&source, &lens, Mode::Evaluate)?;
            let (mut first, mut logits) = (0, Vec::new());
            for &count in steps {
                let x = input.narrow(1, first, count)?;
                let (part, after) = model.decode(&x, state, Mode::Evaluate)?;
                (state, first) = (after, first + count);
                logits.push(part);
            }
            let off = difference(&whole, &Tensor::cat(&logits, 1)?)?;
            ensure!(off < 1e-12, "{breaks} {steps:?}: {off}");
        }
        let mut rows: Vec<Vec<u32>> = input.to_vec2()?;
        rows.iter_mut().for_each(|row| row[4] = (row[4] + 1) % 13);
        let other = Tensor::new(rows, &DEVICE)?;
        let others = model.forward(&source, &lens, &other, Mode::Evaluate)?;
        let leak = difference(&whole.narrow(1, 0, 4)?, &others.narrow(1, 0, 4)?)?;
        ensure!(leak == 0.0, "{breaks}: {leak}");
    }
    Ok(())
}

/// Out of training the book's decoder reads a translation without a causal mask, and gives every token that it writes
/// position 0.
#[test]
fn the_books_decoder_evaluates_otherwise_and_trains_the_same() -> Result<()> {
    let [source, lens, input] = sentences()?;
    let book = Parts { evaluation: Evaluation::Book, ..parts("")? };
    let ((_, ours), (_, books)) = (translator(SIZES, parts("")?)?, translator(SIZES, book)?);
    let both = |mode| -> Result<f64> {
        let [a, b] = [&ours, &books].map(|model| model.forward(&source, &lens, &input, mode));
        difference(&a?, &b?)
    };
    ensure!(both(TRAIN)? == 0.0);
    ensure!(both(Mode::Evaluate)? > 1e-3);
    // The same token twice: at position 0 each time only the past tells them apart.
    let x = input.narrow(1, 0, 1)?;
    let state = books.encode(&source, &lens, Mode::Evaluate)?;
    let (first, state) = books.decode(&x, state, Mode::Evaluate)?;
    let (second, _) = books.decode(&x, state, Mode::Evaluate)?;
    ensure!(
        difference(&first, &second)? < 1e-12,
        "a mean of equal values is the value"
    );
    Ok(())
}

// --- Vision -------------------------------------------------------------------------------------------------------------

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

#[test]
fn vit_agrees_with_pytorch() -> Result<()> {
    let build = |params: &ParamStore| {
        VisionTransformer::new(Shape::grey(28), &vit_options(), &RULE, params)
    };
    d2l::testing::check_against_golden(&golden("vit"), build, cross_entropy)
}

#[test]
fn patches_must_fill_the_picture() -> Result<()> {
    let build = VisionTransformer::new(Shape::grey(30), &vit_options(), &RULE, &store());
    let error = build.err().context("30 is no multiple of 7")?.to_string();
    ensure!(error.contains("wanted a divisor of 30"), "{error}");
    Ok(())
}

// --- All ----------------------------------------------------------------------------------------------------------------

/// zh 10.7 and en 11.7 with their vocabularies, en 11.8 on pictures of 96 x 96.
#[test]
fn parameters_are_as_many_as_the_books() -> Result<()> {
    let parts = Parts { ffn_hiddens: 64, num_heads: 4, ..parts("")? };
    for (vocabularies, num_hiddens, wanted) in
        [([184, 201], 32, 60_937), ([194, 214], 256, 1_869_782)]
    {
        let sizes = Sizes { vocabularies, num_hiddens, ..SIZES };
        let params = ParamStore::new(0, &DEVICE);
        Transformer::new(sizes, parts, &RULE, &params)?;
        ensure!(
            params.parameter_count() == wanted,
            "{}",
            params.parameter_count()
        );
    }
    let params = ParamStore::new(0, &DEVICE);
    VisionTransformer::new(Shape::grey(96), &vit::Options::BOOK, &RULE, &params)?;
    ensure!(
        params.parameter_count() == 6_457_866,
        "{}",
        params.parameter_count()
    );
    Ok(())
}

/// The gradients of `loss` are those that finite differences give.
fn check(params: &ParamStore, loss: impl Fn() -> candle_core::Result<Tensor>) -> Result<()> {
    every_parameter_has_a_gradient(params, &backward(&loss()?)?)?;
    let vars: Vec<Var> = params
        .parameters()
        .into_iter()
        .map(|(_, var)| var)
        .collect();
    check_gradients(&vars, loss, 1e-7)
}

/// With dropout, whose draws are the same in every pass of a step, and without.
#[test]
fn gradients_are_right() -> Result<()> {
    for (breaks, dropout) in [("", 0.3), ("post-norm", 0.0), ("no-scale,no-position", 0.0)] {
        let size = Size {
            vocab_size: 5,
            context: 4,
            num_hiddens: 4,
            ffn_hiddens: 6,
            dropout,
            ..GPT
        };
        let params = store();
        let breaks: Breaks = match breaks {
            "" => Breaks::default(),
            names => names.parse()?,
        };
        let model = Gpt::new(size, breaks, &RULE, &params)?;
        fill(&params, 2.0)?;
        let (x, y) = (tokens((2, 4), 5, 1)?, tokens((2, 4), 5, 9)?);
        check(&params, || next_token_loss(&model.forward(&x, TRAIN)?, &y))?;
    }
    for (breaks, dropout) in [("", 0.3), ("pre-norm", 0.0)] {
        let sizes = Sizes { vocabularies: [5, 6], num_hiddens: 4, num_layers: 1, dropout };
        let (params, model) = translator(sizes, parts(breaks)?)?;
        let lens = Tensor::new(&[3u32, 2], &DEVICE)?;
        let (source, input) = (tokens((2, 3), 5, 1)?, tokens((2, 4), 6, 101)?);
        let target = tokens((2, 4), 6, 9)?;
        check(&params, || {
            let logits = model.forward(&source, &lens, &input, TRAIN)?;
            next_token_loss(&logits, &target)
        })?;
    }
    let options = vit::Options {
        patch_size: 2,
        num_hiddens: 4,
        ffn_hiddens: 6,
        dropout: 0.3,
        ..vit_options()
    };
    let params = store();
    let model = VisionTransformer::new(Shape::grey(4), &options, &RULE, &params)?;
    fill(&params, 2.0)?;
    let (x, y) = (
        filled((2, 1, 4, 4), 1, 2.0, DType::F64, &DEVICE)?,
        Tensor::new(&[3u32, 8], &DEVICE)?,
    );
    check(&params, || cross_entropy(&model.forward(&x, TRAIN)?, &y))
}
