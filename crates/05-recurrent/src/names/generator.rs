//! Surnames of a chosen language: a recurrent network reads the language beside each letter and predicts the next one.
//! PyTorch's tutorial "NLP from scratch: generating names with a character-level RNN".
//!
//! The tutorial's own network has a recurrence without a nonlinearity; ours has the library's layers. Its loss is the sum
//! over a name's letters, ours their mean, so its learning rate is multiplied by eight, about the symbols of a name.

use std::fmt::Write;

use anyhow::{Context, Result};
use candle_core::{D, DType, Module, Tensor};
use d2l::data::{NAME_END, NAME_IGNORED, NAME_SYMBOLS, Names, name_of_symbols, names};
use d2l::nn::{
    CrossEntropyOptions, Dropout, Initializer, Linear, Mode, ParamStore, RecurrentOptions, Step,
    batch_first, block, cross_entropy_with, linear, no_grad,
};
use d2l::random::{Purpose, Stream};
use d2l::{
    Decoding, Model, Preset, PresetName, Recipe, Run, Scores, Task, at_least_one, check_interrupt,
    probability, with_default,
};
use serde::Serialize;

use super::QUICK_NAMES;
use crate::language_model::State;
use crate::rnn_model::{Cell, Layer};
use crate::vectors::OneHot;

/// Letters after which a name is cut off, as in the tutorial.
const LONGEST: usize = 20;

/// Options of the generator.
#[derive(Clone, Debug, clap::Args, Serialize)]
pub struct Options {
    /// The recurrent layer
    #[arg(long, value_enum, help_heading = "Model")]
    cell: Cell,
    /// Hidden units
    #[arg(long, value_name = "N", value_parser = at_least_one, help_heading = "Model")]
    num_hiddens: usize,
    /// Probability that dropout drops a hidden unit before the output layer
    #[arg(long, value_name = "P", value_parser = probability, help_heading = "Model")]
    dropout: f64,
    /// What the trained model writes.
    #[command(flatten)]
    #[serde(skip)]
    writing: NameWriting,
}

/// What the trained model writes, and how.
#[derive(Clone, Copy, Debug, clap::Args)]
#[command(next_help_heading = "Names", mut_arg("temperature", |arg| with_default(arg, "0.5")))]
pub struct NameWriting {
    /// Names that it writes for each language [default: 3]
    #[arg(long, value_name = "N")]
    pub num_names: usize,
    /// How each letter is chosen.
    #[command(flatten)]
    pub decoding: Decoding,
}

const TUTORIAL: Recipe = Recipe {
    epochs: 6,
    batch_size: 1,
    learning_rate: 0.004,
    ..Recipe::SGD
};
const OPTIONS: Options = Options {
    cell: Cell::Rnn,
    num_hiddens: 128,
    dropout: 0.1,
    writing: NameWriting {
        num_names: 3,
        decoding: Decoding { temperature: 0.5, ..Decoding::GREEDY },
    },
};
const CONCISE: &[Preset<Options>] = &[
    Preset::quick(
        10,
        SOURCE,
        QUICK_NAMES,
        Options { cell: Cell::Gru, ..OPTIONS },
    ),
    Preset::new(PresetName::Tutorial, SOURCE, TUTORIAL, OPTIONS),
];
const SOURCE: &str = "PyTorch's tutorial on generating names";

/// The generator in the chapter's list.
pub fn model() -> Model {
    let about = "Surnames of a language, letter by letter (PyTorch's tutorial)";
    Model::new("names-generator", about, train, &[], CONCISE)
}

/// One-hot letters beside the one-hot language, a recurrent layer, dropout, and the logits of the next symbol.
pub struct NameGenerator {
    letters: OneHot,
    languages: OneHot,
    rnn: Layer,
    dropout: Dropout,
    linear: Linear,
}

impl NameGenerator {
    /// `rnn.…` with this cell and number of hidden units, and `linear.weight` `[symbols, H]`.
    pub fn new(
        cell: Cell,
        (num_hiddens, languages): (usize, usize),
        dropout: f64,
        init: &Initializer,
        params: &ParamStore,
    ) -> candle_core::Result<Self> {
        let vb = params.builder();
        let sizes = (NAME_SYMBOLS + languages, num_hiddens);
        Ok(Self {
            letters: OneHot::new(NAME_SYMBOLS, vb.dtype(), vb.device())?,
            languages: OneHot::new(languages, vb.dtype(), vb.device())?,
            rnn: Layer::new(cell, sizes, RecurrentOptions::default(), init, vb.pp("rnn"))?,
            dropout: Dropout::new(dropout, "dropout")?,
            linear: linear(num_hiddens, NAME_SYMBOLS, init, vb.pp("linear"))?,
        })
    }

    /// Symbols `[B, T]`, languages `[B]` and the state before them to logits `[B, T, symbols]` and the state after them.
    pub fn forward_from(
        &self,
        [x, language]: [&Tensor; 2],
        state: Option<&[Tensor]>,
        mode: Mode,
    ) -> candle_core::Result<(Tensor, State)> {
        let (batch, steps) = x.dims2()?;
        let language = language.unsqueeze(1)?.broadcast_as((batch, steps))?;
        let inputs = [self.letters.forward(x)?, self.languages.forward(&language)?];
        let inputs = Tensor::cat(&inputs, D::Minus1)?; // [T, B, symbols + L]
        let (h, state) = self.rnn.forward(&inputs, state, mode)?;
        let h = self.dropout.forward_t(&h, mode)?;
        let o = block("linear", || batch_first(&self.linear.forward(&h)?))?;
        Ok((o, state))
    }
}

impl Task<3> for NameGenerator {
    fn training_loss(
        &self,
        [x, y, language]: &[Tensor; 3],
        step: Step,
        scores: &mut Scores,
    ) -> candle_core::Result<Tensor> {
        let (o, _) = self.forward_from([x, language], None, Mode::Train(step))?;
        let loss = mean_over_letters(&o, y)?;
        scores.add_mean_logarithm("perplexity", &loss, x.dim(0)?)?;
        Ok(loss)
    }

    fn evaluate(
        &self,
        [x, y, language]: &[Tensor; 3],
        scores: &mut Scores,
    ) -> candle_core::Result<()> {
        let (o, _) = self.forward_from([x, language], None, Mode::Evaluate)?;
        let loss = mean_over_letters(&o, y)?;
        // Each symbol counts, so that the result doesn't depend on how names are put into minibatches.
        let count = y.ne(NAME_IGNORED)?.to_dtype(DType::U32)?;
        let count = count.sum_all()?.to_scalar::<u32>()? as usize;
        scores.add_mean_logarithm("perplexity", &loss, count)?;
        scores.add_mean("loss", &loss, count)
    }
}

/// Mean cross-entropy of the symbols that count.
fn mean_over_letters(o: &Tensor, y: &Tensor) -> candle_core::Result<Tensor> {
    let options = CrossEntropyOptions { ignore_index: Some(NAME_IGNORED), ..Default::default() };
    cross_entropy_with(o, y, options)
}

fn train(run: &mut Run, options: &Options) -> Result<()> {
    options.writing.decoding.check()?;
    let settings = &run.settings;
    let names = settings.load(names)?;
    let splits = settings.first_examples(names.for_generation()?);
    let sizes = (options.num_hiddens, names.languages.len());
    let (cell, dropout) = (options.cell, options.dropout);
    let initializer = &settings.recipe.initializer;
    let network = NameGenerator::new(cell, sizes, dropout, initializer, &run.params)?;
    let [x, _, language] = splits.train.batch(&[0], &settings.device)?;
    let forward = || {
        Ok(network
            .forward_from([&x, &language], None, Mode::Evaluate)?
            .0)
    };
    if run.shows_summary(&[&x, &language], forward)? {
        return Ok(());
    }
    let mut optimizer = run.settings.optimizer(&run.params)?;
    d2l::fit(&network, &splits, &mut optimizer, run)?;
    write(&network, &names, &options.writing, run)
}

/// Shows names of each language, and keeps them as `generated.txt` in the run's folder.
fn write(network: &NameGenerator, names: &Names, writing: &NameWriting, run: &Run) -> Result<()> {
    let mut text = String::new();
    for (number, language) in (0u32..).zip(&names.languages) {
        let written = (0..writing.num_names)
            .map(|place| network.name(number, place, &writing.decoding, run))
            .collect::<Result<Vec<_>>>()?;
        let written = written.join(", ");
        run.say_text("names", &format!("{language:<12} {written}"));
        writeln!(text, "{language}: {written}")?;
    }
    let Some(folder) = run.folder() else {
        return Ok(());
    };
    let file = folder.join("generated.txt");
    std::fs::write(&file, text).with_context(|| format!("{}: cannot be written", file.display()))
}

impl NameGenerator {
    /// A name of the language. The run's seed and `place` decide the draws.
    fn name(&self, language: u32, place: usize, decoding: &Decoding, run: &Run) -> Result<String> {
        let device = &run.settings.device;
        let stream = Stream {
            epoch: language as usize,
            step: place,
            ..Stream::once(run.settings.seed, Purpose::Sample, "name")
        };
        let mut draws = stream.rng();
        let language = Tensor::new(&[language], device)?;
        let (mut symbols, mut state) = (vec![NAME_END], None::<State>);
        while symbols.len() <= LONGEST {
            check_interrupt()?;
            let last = symbols.last().copied().unwrap_or(NAME_END);
            let x = Tensor::new(&[[last]], device)?; // [1, 1]
            let (o, after) =
                no_grad(|| self.forward_from([&x, &language], state.as_deref(), Mode::Evaluate))?;
            state = Some(after);
            let next = decoding.choose(&o.flatten_all()?.to_vec1::<f32>()?, &mut draws);
            if next == NAME_END {
                break;
            }
            symbols.push(next);
        }
        Ok(name_of_symbols(symbols.get(1..).unwrap_or_default()))
    }
}
