//! What every experiment of this chapter does: it trains a language model on a text, then lets it write.

use anyhow::{Context, Result};
use d2l::data::{Corpus, Level, time_machine_text};
use d2l::nn::{Initializer, Mode, Network, ParamStore};
use d2l::{Implementation, LanguageModel, Run};

use crate::generation::{Writing, changed_prefix, generate};
use crate::hyperparameters::Options;
use crate::language_model::Recurrent;
use crate::minibatches::{Minibatches, Sampling, overlapping_windows};
use crate::{gates, inspect, training, word_frequencies};

/// Makes a model by hand or with the library for a vocabulary and a number of hidden units, in this order.
pub type Build = fn(
    Implementation,
    (usize, usize),
    &Initializer,
    &ParamStore,
) -> candle_core::Result<Box<dyn Recurrent>>;

/// Trains the model that `build` makes, and shows what it writes.
pub fn train(
    run: &mut Run,
    options: &Options,
    build: impl FnOnce(
        Implementation,
        (usize, usize),
        &Initializer,
        &ParamStore,
    ) -> candle_core::Result<Box<dyn Recurrent>>,
) -> Result<()> {
    options.writing.decoding.check()?;
    let settings = &run.settings;
    let text = settings.load(time_machine_text)?;
    let corpus = Corpus::new(text.clone(), options.edition, Level::Character);
    let sizes = (corpus.vocabulary.len(), options.num_hiddens);
    let initializer = &settings.recipe.initializer;
    let model = build(settings.implementation, sizes, initializer, &run.params)?;

    if options.inspect {
        let words = Corpus::new(text, options.edition, Level::Word);
        inspect::show(run, &corpus, options, &*model)?;
        return word_frequencies::show(run, &words);
    }
    let (text, splits) = match options.sampling {
        Sampling::Windows => {
            let splits = overlapping_windows(&corpus, options.max_tokens, options.num_steps)?;
            (None, settings.first_examples(splits))
        }
        Sampling::Sequential | Sampling::Random => {
            let (text, splits) = Minibatches::new(&corpus, options, settings)?;
            (Some(text), splits)
        }
    };
    let [x, _] = splits.train.batch(&[0], &settings.device)?;
    if run.shows_summary(&[&x], || model.forward(&x, Mode::Evaluate))? {
        return Ok(());
    }
    if let Some(prefix) = changed_prefix(&options.writing, &corpus.vocabulary) {
        run.say_text("prefix", &prefix);
    }
    let task = LanguageModel::new(model);
    let mut optimizer = run.settings.optimizer(&run.params)?;
    match text {
        Some(text) => training::fit(&*task.network, &text, &splits, &mut optimizer, run)?,
        None => d2l::fit(&task, &splits, &mut optimizer, run)?,
    }
    gates::show(&*task.network, &corpus, run)?;
    write(&*task.network, &corpus, &options.writing, run)
}

/// Shows what the trained model writes, and keeps it as `generated.txt` in the run's folder.
fn write(model: &dyn Recurrent, corpus: &Corpus, writing: &Writing, run: &Run) -> Result<()> {
    let (seed, device) = (run.settings.seed, &run.settings.device);
    let text = generate(model, &corpus.vocabulary, writing, seed, device)?;
    run.say_text("text", &text);
    let Some(folder) = run.folder() else {
        return Ok(());
    };
    let file = folder.join("generated.txt");
    std::fs::write(&file, format!("{text}\n"))
        .with_context(|| format!("{}: cannot be written", file.display()))
}
