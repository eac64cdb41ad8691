//! What all translation models share: their options, the losses of both editions, the training loop, and the use of a
//! trained model. D2L zh 9.5 to 9.8, 10.4 and 10.7, en 10.5 to 10.8, 11.4 and 11.7.

use anyhow::{Context, Result};
use candle_core::{Device, Tensor};
use clap::ValueEnum;
use d2l::data::translation::{
    BEGIN, END, ParallelText, Smoothing, TranslationOptions, bleu, corpus_bleu, decoder_input,
    english_french, sentence_tokens,
};
use d2l::data::{Column, Dataset, Splits, TextEdition};
use d2l::nn::{
    CrossEntropyOptions, Initializer, Mode, Optimizer, ParamStore, Reduction, State,
    cross_entropy_with, no_grad, observed,
};
use d2l::{
    Evaluation, OptimizerKind, Recipe, Run, Scores, at_least_one, check_interrupt, depth,
    probability,
};
use serde::Serialize;

use crate::decoding::{Limits, beam_search, greedy};
use crate::encoder_decoder::{Initializers, Sizes, Translator};

/// The Chinese edition's recipe, that of seq2seq.
pub const ZH: Recipe = Recipe {
    epochs: 300,
    batch_size: 64,
    learning_rate: 0.005,
    optimizer: OptimizerKind::Adam,
    clip_norm: Some(1.0),
    initializer: Initializer::Xavier,
    ..Recipe::SGD
};

/// The English edition's recipe.
pub const EN: Recipe = Recipe { epochs: 30, batch_size: 128, ..ZH };

/// For the quick presets: a larger learning rate.
pub const QUICK: Recipe = Recipe { learning_rate: 0.01, ..ZH };

/// Options of every translation model.
#[derive(Clone, Debug, clap::Args, Serialize)]
pub struct Options {
    /// Units of each layer, and numbers in a token's vector
    #[arg(long, value_name = "N", value_parser = at_least_one, help_heading = "Model")]
    pub num_hiddens: usize,
    /// Layers of the encoder, and of the decoder
    #[arg(long, value_name = "N", value_parser = depth, help_heading = "Model")]
    pub num_layers: usize,
    /// Probability with which numbers between layers and attention weights are dropped in training
    #[arg(long, value_name = "P", value_parser = probability, help_heading = "Model")]
    pub dropout: f64,
    /// Which loss is minimized and logged
    #[arg(long, value_enum, help_heading = "Model")]
    pub loss: LossKind,
    /// The edition whose sentences and initial values are used.
    #[arg(skip = TextEdition::Zh)]
    #[serde(skip)]
    pub edition: TextEdition,
    /// Number of sentences that the search keeps while translating; 1 takes the most likely token each time
    #[arg(long, value_name = "K", value_parser = at_least_one, help_heading = "Text")]
    pub beam: usize,
    /// What is shown besides.
    #[command(flatten)]
    #[serde(skip)]
    pub text: Text,
}

impl Options {
    /// The Chinese edition's.
    pub const ZH: Self = Self {
        num_hiddens: 32,
        num_layers: 2,
        dropout: 0.1,
        loss: LossKind::Sentences,
        edition: TextEdition::Zh,
        beam: 1,
        text: Text { translate: None, inspect: None },
    };

    /// The English edition's, that of en 10.7. en 11.4 and 11.7 have [`LossKind::Padding`].
    pub const EN: Self = Self {
        num_hiddens: 256,
        dropout: 0.2,
        loss: LossKind::Tokens,
        edition: TextEdition::En,
        ..Self::ZH
    };
}

/// The losses of the book, made from the cross-entropies of a minibatch's tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LossKind {
    /// Each sentence's mean over all T time steps, where padding has 0. The sum of these is minimized; the sum divided
    /// by the number of tokens is logged: a T-th of the mean for a token. zh 9.7, 10.4 and 10.7
    Sentences,
    /// The mean over all tokens except padding. en 10.7
    Tokens,
    /// The mean over all T time steps: padding is learned, and counts. en 11.4 and 11.7
    Padding,
}

/// What is shown besides. It doesn't change the run.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Text")]
pub struct Text {
    /// Also translate this sentence after training; with --epochs 0 --init FILE, by a model that is already trained
    #[arg(long, value_name = "SENTENCE")]
    pub translate: Option<String>,
    /// Show the first N pairs of the training set as the model sees them, with every axis named, and exit [default: 3]
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "3", value_parser = at_least_one)]
    pub inspect: Option<usize>,
}

/// Trains the model that `build` makes and lets it translate. With `--inspect` or `--summary`, nothing is trained.
pub fn train(
    run: &mut Run,
    options: &Options,
    build: impl FnOnce(Sizes, &Initializers, &ParamStore) -> candle_core::Result<Box<dyn Translator>>,
) -> Result<Vec<Translation>> {
    let settings = &run.settings;
    let prepared = TranslationOptions::book(options.edition);
    let text = settings.load(|choice, folder| english_french(prepared, choice, folder))?;
    let splits = settings.first_examples(text.splits.clone());
    if let Some(pairs) = options.text.inspect {
        let rows: Vec<usize> = (0..pairs.min(splits.train.len())).collect();
        let batch = splits.train.batch(&rows, &settings.device)?;
        run.say(text.view(&batch)?.trim_end());
        return Ok(Vec::new());
    }
    let sizes = Sizes {
        vocabularies: [text.source_vocabulary.len(), text.target_vocabulary.len()],
        num_hiddens: options.num_hiddens,
        num_layers: options.num_layers,
        dropout: options.dropout,
    };
    let initializers = Initializers {
        recurrent: settings.recipe.initializer,
        linear: match options.edition {
            TextEdition::Zh => settings.recipe.initializer,
            // Its code initializes them too, but before they have a shape, which has no effect.
            TextEdition::En => Initializer::PytorchDefault,
        },
    };
    let model = build(sizes, &initializers, &run.params)?;
    let [source, valid_lens, target, _] = splits.train.batch(&[0], &settings.device)?;
    let input = decoder_input(&target, text.target_vocabulary.id(BEGIN))?;
    if run.shows_summary(&[&source, &input], || {
        model.forward(&source, &valid_lens, &input, Mode::Evaluate)
    })? {
        return Ok(Vec::new());
    }
    let lesson = Lesson { model: &*model, text: &text, loss: options.loss };
    let mut optimizer = run.settings.optimizer(&run.params)?;
    fit(&lesson, &splits, &mut optimizer, run)?;
    finish(&lesson, options, run)
}

/// A model and the sentences that it learns.
#[derive(Clone, Copy)]
pub struct Lesson<'a> {
    /// The model.
    pub model: &'a dyn Translator,
    /// The sentences.
    pub text: &'a ParallelText,
    /// Which loss is minimized and logged.
    pub loss: LossKind,
}

/// The losses of a minibatch, scalars.
pub struct Losses {
    /// The loss that is minimized.
    pub objective: Tensor,
    /// The loss that the edition prints: a mean over `counted` tokens.
    pub printed: Tensor,
    /// The number of tokens that `printed` is the mean of.
    pub counted: usize,
    /// The mean cross-entropy of the tokens except padding, which can be compared between editions.
    pub cross_entropy: Tensor,
    /// The number of tokens except padding.
    pub tokens: usize,
}

impl Lesson<'_> {
    /// What the model says of the next tokens of `[source, valid lengths, target, valid lengths]`: logits `[B, T, V]`.
    fn logits(&self, batch: &[Tensor; 4], mode: Mode) -> Result<Tensor> {
        let [source, source_lens, target, _] = batch;
        let input = decoder_input(target, self.text.target_vocabulary.id(BEGIN))?;
        Ok(self.model.forward(source, source_lens, &input, mode)?)
    }

    /// The losses of the pairs `rows` of `data`. zh 9.7.3, en 10.7.5.
    pub fn losses(
        &self,
        data: &Dataset<4>,
        rows: &[usize],
        device: &Device,
        mode: Mode,
    ) -> Result<Losses> {
        let batch = data.batch(rows, device)?;
        let logits = self.logits(&batch, mode)?;
        let [_, _, target, target_lens] = &batch;
        let sum = |logits: &Tensor, valid_lens| {
            let options = CrossEntropyOptions {
                valid_lens,
                reduction: Reduction::Sum,
                ..CrossEntropyOptions::default()
            };
            cross_entropy_with(logits, target, options)
        };
        // Known on the host, so nothing is read from the device.
        let tokens: u32 = match data.column(3) {
            Column::Tokens { values, .. } => rows.iter().filter_map(|&row| values.get(row)).sum(),
            _ => 0,
        };
        let (batch, steps) = target.dims2()?;
        let n = f64::from(tokens);
        let of_tokens = sum(&logits, Some(target_lens))?;
        let cross_entropy = (of_tokens.detach() / n)?;
        let (objective, printed, counted) = match self.loss {
            LossKind::Sentences => {
                let objective = (of_tokens / steps as f64)?;
                let printed = (objective.detach() / n)?;
                (objective, printed, tokens as usize)
            }
            LossKind::Tokens => ((of_tokens / n)?, cross_entropy.clone(), tokens as usize),
            LossKind::Padding => {
                let counted = batch * steps;
                let mean = (sum(&logits, None)? / counted as f64)?;
                (mean.clone(), mean.detach(), counted)
            }
        };
        Ok(Losses {
            objective,
            printed,
            counted,
            cross_entropy,
            tokens: tokens as usize,
        })
    }
}

/// Trains a model on pairs of sentences.
///
/// `d2l::fit` minimizes the loss that it logs, and weighs minibatches by their examples. Here the logged loss is
/// another one, and minibatches are weighed by their tokens. The loop makes the same calls to `run` as `fit`.
pub fn fit<O: Optimizer + ?Sized>(
    lesson: &Lesson,
    splits: &Splits<4>,
    optimizer: &mut O,
    run: &mut Run,
) -> Result<()> {
    let (batch_size, device) = (run.settings.recipe.batch_size, run.settings.device.clone());
    run.start(splits, optimizer)?;
    while run.next_epoch() {
        optimizer.set_learning_rate(run.learning_rate());
        for rows in run.order().chunks(batch_size) {
            let mode = Mode::Train(run.step());
            let losses = lesson.losses(&splits.train, rows, &device, mode)?;
            run.scores()
                .add_mean("cross_entropy", &losses.cross_entropy, losses.tokens)?;
            let gradients = run.backward(&losses.objective)?;
            if let Some(mut gradients) = run.accumulate(gradients, losses.counted)?
                && run.clip(&mut gradients)?
            {
                optimizer.step(&gradients)?;
            }
            run.record_step(&losses.printed, losses.counted, optimizer)?;
        }
        let evaluation = Evaluation {
            valid: evaluate(lesson, &splits.valid, run, optimizer)?,
            ..Evaluation::default()
        };
        run.record_epoch(&evaluation, optimizer)?;
        run.examine(splits, |batch| lesson.logits(batch, Mode::Evaluate))?;
    }
    run.finish()
}

/// The losses of all pairs of `data` in evaluation mode. `state` is the optimizer's, with which Ctrl-C saves the run.
fn evaluate<S: State + ?Sized>(
    lesson: &Lesson,
    data: &Dataset<4>,
    run: &mut Run,
    state: &S,
) -> Result<Scores> {
    let (batch_size, device) = (run.settings.recipe.batch_size, run.settings.device.clone());
    let mut scores = Scores::default();
    let all: Vec<usize> = (0..data.len()).collect();
    for rows in all.chunks(batch_size) {
        run.stop_if_interrupted(state)?;
        let losses = no_grad(|| lesson.losses(data, rows, &device, Mode::Evaluate))?;
        scores.add_mean("loss", &losses.printed, losses.counted)?;
        scores.add_mean("cross_entropy", &losses.cross_entropy, losses.tokens)?;
    }
    scores.read()?;
    Ok(scores)
}

/// A sentence and a model's translation of it.
#[derive(Clone, Debug)]
pub struct Translation {
    /// The tokens that the encoder read, including the end mark.
    pub source: Vec<String>,
    /// The tokens that the decoder wrote, including the end mark.
    pub target: Vec<String>,
    /// The weights of each attention layer, `[1, …, Q, K]`, with the layer's name, from reading the translation
    /// `target` as a whole.
    pub attention: Vec<(String, Tensor)>,
}

/// The sentences that the book translates, and their translations.
const SENTENCES: [(&str, &str); 4] = [
    ("go .", "va !"),
    ("i lost .", "j'ai perdu ."),
    ("he's calm .", "il est calme ."),
    ("i'm home .", "je suis chez moi ."),
];

/// The longest n-grams in the book's BLEU.
const BLEU_K: usize = 2;

impl Lesson<'_> {
    /// Translates a sentence in any spelling.
    pub fn translate(&self, sentence: &str, beam: usize, device: &Device) -> Result<Translation> {
        check_interrupt()?;
        let text = self.text;
        let encoded = text.encode(&[sentence])?.batch(&[0], device)?;
        let limits = Limits {
            begin: text.target_vocabulary.id(BEGIN),
            end: text.target_vocabulary.id(END),
            longest: text.options.num_steps,
        };
        let tokens = match beam {
            1 => greedy(self.model, &encoded, limits)?,
            width => {
                let found = beam_search(self.model, &encoded, limits, width)?;
                found
                    .first()
                    .map(|best| best.tokens.clone())
                    .unwrap_or_default()
            }
        };
        let [source, valid_lens] = &encoded;
        let target = Tensor::new(&tokens[..], device)?.unsqueeze(0)?; // [1, T]
        let input = decoder_input(&target, limits.begin)?;
        let (_, observations) = no_grad(|| {
            observed(|| {
                let model = self.model;
                model.forward(source, valid_lens, &input, Mode::Evaluate)
            })
        })?;
        let counted = valid_lens.to_vec1::<u32>()?.into_iter().sum::<u32>() as usize;
        let source: Vec<u32> = source.flatten_all()?.to_vec1()?;
        let word = |&id: &u32| text.source_vocabulary.token(id).to_string();
        Ok(Translation {
            source: source.iter().take(counted).map(word).collect(),
            target: tokens
                .iter()
                .map(|&id| text.target_vocabulary.token(id).to_string())
                .collect(),
            attention: joined(observations.attention())?,
        })
    }

    /// The corpus BLEU of the held-out sentences, and their number.
    fn corpus_bleu(&self, beam: usize, device: &Device) -> Result<(f64, usize)> {
        let sentences = self.text.test_sentences();
        let mut predictions = Vec::with_capacity(sentences.len());
        for sentence in &sentences {
            predictions.push(self.translate(&sentence.source, beam, device)?.words());
        }
        let references: Vec<_> = sentences.into_iter().map(|one| one.references).collect();
        let found = corpus_bleu(&predictions, &references, Smoothing::Exponential)?;
        Ok((found.score, predictions.len()))
    }
}

impl Translation {
    /// The tokens without the end mark.
    pub fn words(&self) -> Vec<String> {
        let words = self.target.iter().take_while(|&token| token != END);
        words.cloned().collect()
    }
}

/// Joins the reports of a layer that reported several times, once for each of its queries.
fn joined(reports: &[(String, Tensor)]) -> candle_core::Result<Vec<(String, Tensor)>> {
    let mut layers: Vec<(String, Vec<&Tensor>)> = Vec::new();
    for (name, weights) in reports {
        match layers.iter_mut().find(|(known, _)| known == name) {
            Some((_, all)) => all.push(weights),
            None => layers.push((name.clone(), vec![weights])),
        }
    }
    let join = |(name, all): (String, Vec<&Tensor>)| {
        let queries = all
            .first()
            .map_or(0, |weights| weights.rank().saturating_sub(2));
        Ok((name, Tensor::cat(&all, queries)?))
    };
    layers.into_iter().map(join).collect()
}

/// Translates the book's sentences, `--translate` and the held-out ones, and records their scores.
fn finish(lesson: &Lesson, options: &Options, run: &mut Run) -> Result<Vec<Translation>> {
    let device = run.settings.device.clone();
    let mut lines = Vec::new();
    let mut translations = Vec::new();
    let mut sum = 0.0;
    for (number, (sentence, reference)) in (1..).zip(SENTENCES) {
        let translation = lesson.translate(sentence, options.beam, &device)?;
        let words = translation.words();
        let reference: Vec<&str> = reference.split(' ').collect();
        let score = bleu(&words, &reference, BLEU_K);
        lines.push(format!(
            "{sentence} => {}, bleu {score:.3}",
            words.join(" ")
        ));
        run.record_final(&format!("bleu.sentence{number}"), score);
        sum += score;
        translations.push(translation);
    }
    run.record_final("bleu.mean", sum / SENTENCES.len() as f64);
    let (score, count) = lesson.corpus_bleu(options.beam, &device)?;
    run.record_final("bleu.corpus", score);
    lines.push(format!(
        "corpus bleu of {count} held-out sentences: {score:.3}"
    ));
    if let Some(sentence) = &options.text.translate {
        let translation = lesson.translate(sentence, options.beam, &device)?;
        lines.push(format!("{sentence} => {}", translation.words().join(" ")));
        lines.extend(remark(lesson.text, sentence));
        translations.push(translation);
    }
    for line in &lines {
        run.say(line);
    }
    if let Some(folder) = run.folder() {
        let file = folder.join("translations.txt");
        std::fs::write(&file, lines.join("\n") + "\n")
            .with_context(|| format!("{}: cannot be written", file.display()))?;
    }
    Ok(translations)
}

/// A note on the parts of a sentence that the model can't read.
fn remark(text: &ParallelText, sentence: &str) -> Option<String> {
    let vocabulary = &text.source_vocabulary;
    let tokens = sentence_tokens(sentence, text.options.edition);
    let unknown = tokens
        .iter()
        .filter(|token| vocabulary.id(token) == vocabulary.unknown());
    let unknown: Vec<&str> = unknown.map(String::as_str).collect();
    let read = text.options.num_steps;
    let mut remarks = Vec::new();
    if !unknown.is_empty() {
        remarks.push(format!(
            "unknown words, read as <unk>: {}",
            unknown.join(", ")
        ));
    }
    if tokens.len() >= read {
        remarks.push(format!(
            "only the first {read} of {} tokens are read",
            tokens.len()
        ));
    }
    (!remarks.is_empty()).then(|| format!("({})", remarks.join("; ")))
}
