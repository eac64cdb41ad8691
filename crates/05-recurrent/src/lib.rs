//! Chapter 05: recurrent networks (D2L zh 8.2-8.6 and 9.1-9.4, en 9.2-9.6 and 10.1-10.3).
//!
//! Reading order:
//! 1. [`language_model`]: tokens in, logits of the next token and a state out
//! 2. [`minibatches`]: how a text is cut
//! 3. [`by_hand`] and [`rnn::scratch`]: a recurrent network by hand
//! 4. [`training`]: the loop that carries its state
//! 5. [`generation`]: what the trained network writes
//! 6. [`rnn_model`] and [`rnn::concise`]: the same with the library
//! 7. [`gru`], [`lstm`]: gates, by hand and with the library
//! 8. [`deep_rnn`], [`deep_gru`], [`deep_lstm`]: layers on top of one another
//! 9. [`bidirectional_lstm`]: how not to use both directions
//! 10. [`recipes`]: the hyperparameters that all share

pub mod bidirectional_lstm;
pub mod by_hand;
pub mod deep_gru;
pub mod deep_lstm;
pub mod deep_rnn;
pub mod generation;
pub mod gru;
pub mod language_model;
pub mod lstm;
pub mod minibatches;
pub mod recipes;
pub mod rnn;
pub mod rnn_model;
pub mod training;

use std::num::NonZeroUsize;

use anyhow::{Context, Result};
use d2l::data::{Corpus, Level, TextEdition, time_machine};
use d2l::nn::{Initializer, ParamStore};
use d2l::{Implementation, LanguageModel, Outcome, Preset, PresetName, Run, usage};
use generation::Writing;
use language_model::Recurrent;
use minibatches::{Minibatches, Sampling};

/// Flags of this chapter.
#[derive(Debug, clap::Parser)]
#[command(
    name = "recurrent",
    version,
    about = "Chapter 05: recurrent networks. --model rnn, gru, lstm, deep-lstm, bidirectional-lstm, deep-gru; by hand \
             rnn, rnn-random-sampling, gru, lstm, deep-rnn"
)]
pub struct Args {
    /// The flags that every chapter has.
    #[command(flatten)]
    pub common: d2l::Args,
    /// Hidden units of a layer [default: the preset's]
    #[arg(long, value_name = "N", help_heading = "Model")]
    pub num_hiddens: Option<NonZeroUsize>,
    /// Tokens in a window [default: 35; preset en: 32]
    #[arg(long, value_name = "N", help_heading = "Data")]
    pub num_steps: Option<NonZeroUsize>,
    /// Tokens of the text to train on; of windows, how many
    #[arg(long, value_name = "N", help_heading = "Data", default_value_t = MAX_TOKENS)]
    pub max_tokens: usize,
    /// How the text is cut into minibatches [default: the preset's]
    #[arg(long, value_enum, help_heading = "Data")]
    pub sampling: Option<Sampling>,
    /// What the trained model goes on from
    #[arg(
        long,
        value_name = "TEXT",
        help_heading = "Text",
        default_value = "time traveller"
    )]
    pub prefix: String,
    /// Characters that it writes
    #[arg(long, value_name = "N", help_heading = "Text", default_value_t = 50)]
    pub num_predictions: usize,
    /// 0: the most likely character each time; above, one that is drawn, the more freely the higher
    #[arg(long, value_name = "T", help_heading = "Text", default_value_t = 0.0)]
    pub temperature: f64,
}

/// Tokens that the book trains on, in both editions.
pub const MAX_TOKENS: usize = 10_000;

/// All experiments of this chapter.
pub fn presets() -> Vec<Preset> {
    [
        rnn::scratch::PRESETS,
        rnn::concise::PRESETS,
        gru::scratch::PRESETS,
        gru::concise::PRESETS,
        lstm::scratch::PRESETS,
        lstm::concise::PRESETS,
        deep_rnn::PRESETS,
        deep_gru::PRESETS,
        deep_lstm::PRESETS,
        bidirectional_lstm::PRESETS,
    ]
    .concat()
}

/// Hidden units of a layer: the book's, but half as many where `quick` would be slow.
pub fn default_num_hiddens(
    model: &str,
    implementation: Implementation,
    preset: PresetName,
) -> usize {
    let is_rnn = [rnn::NAME, rnn::RANDOM_SAMPLING].contains(&model);
    let is_by_hand = implementation == Implementation::Scratch;
    let is_slow = (is_by_hand && !is_rnn) || model == bidirectional_lstm::NAME;
    match preset {
        PresetName::En => 32,
        PresetName::Zh if is_by_hand && is_rnn => 512,
        PresetName::Quick if is_slow => 128,
        _ => 256,
    }
}

/// Tokens in a window: the book's.
pub fn default_num_steps(preset: PresetName) -> usize {
    match preset {
        PresetName::En => 32,
        PresetName::Zh | PresetName::Quick | PresetName::Small => 35,
    }
}

/// How the text is cut for a model: as in the book.
pub fn default_sampling(model: &str, preset: PresetName) -> Sampling {
    match (model, preset) {
        (_, PresetName::En) => Sampling::Windows,
        (rnn::RANDOM_SAMPLING, _) => Sampling::Random,
        _ => Sampling::Sequential,
    }
}

/// The language model of this name.
pub fn network(
    model: &str,
    implementation: Implementation,
    (vocab_size, num_hiddens): (usize, usize),
    initializer: &Initializer,
    params: &ParamStore,
) -> candle_core::Result<Box<dyn Recurrent>> {
    let (v, h, init) = (vocab_size, num_hiddens, initializer);
    Ok(match (model, implementation) {
        (gru::NAME, Implementation::Scratch) => Box::new(gru::scratch::model(v, h, init, params)?),
        (gru::NAME, Implementation::Concise) => Box::new(gru::concise::model(v, h, init, params)?),
        (lstm::NAME, Implementation::Scratch) => {
            Box::new(lstm::scratch::model(v, h, init, params)?)
        }
        (lstm::NAME, Implementation::Concise) => {
            Box::new(lstm::concise::model(v, h, init, params)?)
        }
        (deep_rnn::NAME, _) => Box::new(deep_rnn::model(v, h, init, params)?),
        (deep_gru::NAME, _) => Box::new(deep_gru::model(v, h, init, params)?),
        (deep_lstm::NAME, _) => Box::new(deep_lstm::model(v, h, init, params)?),
        (bidirectional_lstm::NAME, _) => Box::new(bidirectional_lstm::model(v, h, init, params)?),
        (_, Implementation::Scratch) => Box::new(rnn::scratch::model(v, h, init, params)?),
        (_, Implementation::Concise) => Box::new(rnn::concise::model(v, h, init, params)?),
    })
}

/// Trains what the flags ask for.
pub fn run(args: &Args) -> Result<Outcome> {
    d2l::chapter("recurrent", &presets(), &args.common, |run| {
        args.check()?;
        train(args, run)
    })
}

impl Args {
    /// Refuses what no text can be written from.
    fn check(&self) -> Result<()> {
        if self.prefix.is_empty() {
            usage!("--prefix: found nothing, wanted a letter at least to start from");
        }
        if !(self.temperature.is_finite() && self.temperature >= 0.0) {
            usage!("--temperature {}: wanted 0 or more", self.temperature);
        }
        Ok(())
    }
}

fn train(args: &Args, run: &mut Run) -> Result<()> {
    let (preset, model) = (run.preset(), run.model());
    let hiddens = default_num_hiddens(model, run.implementation(), preset);
    let hiddens = run.hyperparameter("num-hiddens", args.num_hiddens.map(usize::from), hiddens);
    let steps = args.num_steps.map(usize::from);
    let num_steps = run.hyperparameter("num-steps", steps, default_num_steps(preset));
    let max_tokens = run.hyperparameter("max-tokens", Some(args.max_tokens), MAX_TOKENS);
    let default = default_sampling(model, preset);
    let sampling = args.sampling.unwrap_or(default);
    run.hyperparameter("sampling", Some(sampling.name()), default.name());

    let edition = match preset {
        PresetName::En => TextEdition::En,
        PresetName::Zh | PresetName::Quick | PresetName::Small => TextEdition::Zh,
    };
    let corpus =
        run.load(|choice, folder| time_machine(edition, Level::Character, choice, folder))?;
    let sizes = (corpus.vocabulary.len(), hiddens);
    let initializer = run.recipe().initializer;
    let model = network(
        model,
        run.implementation(),
        sizes,
        &initializer,
        run.params(),
    )?;

    let trained = match sampling {
        Sampling::Windows => {
            let splits = minibatches::overlapping_windows(&corpus, max_tokens, num_steps)?;
            let splits = run.first_examples(splits);
            if run.shows_summary(&model, &splits.train.batch(&[0], &run.device())?[0])? {
                return Ok(());
            }
            let task = LanguageModel::new(model);
            let mut optimizer = run.optimizer()?;
            d2l::fit(&task, &splits, &mut optimizer, run)?;
            task.network
        }
        Sampling::Sequential | Sampling::Random => {
            let lengths = (max_tokens, num_steps);
            let (text, splits) = Minibatches::new(&corpus, lengths, sampling, run)?;
            if run.shows_summary(&model, &splits.train.batch(&[0], &run.device())?[0])? {
                return Ok(());
            }
            let mut optimizer = run.optimizer()?;
            training::fit(&model, &text, &splits, &mut optimizer, run)?;
            model
        }
    };
    write(args, &trained, &corpus, run)
}

/// Shows what the trained model writes, and keeps it as `generated.txt` in the run's folder.
fn write(args: &Args, model: &impl Recurrent, corpus: &Corpus, run: &Run) -> Result<()> {
    let writing = Writing {
        num_predictions: args.num_predictions,
        temperature: args.temperature,
        seed: run.seed(),
    };
    let device = run.device();
    let text = generation::generate(model, &corpus.vocabulary, &args.prefix, &writing, &device)?;
    run.say(&format!("text    {text}"));
    let Some(folder) = run.folder() else {
        return Ok(());
    };
    let file = folder.join("generated.txt");
    std::fs::write(&file, format!("{text}\n"))
        .with_context(|| format!("{}: cannot be written", file.display()))
}
