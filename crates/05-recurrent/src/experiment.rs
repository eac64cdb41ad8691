//! What every experiment of this chapter does: it trains a language model on a text, then lets it write.

use anyhow::{Context, Result};
use candle_nn::VarBuilder;
use d2l::data::{Cleaning, Corpus, Level};
use d2l::nn::{Initializer, Mode, Network, ParamStore};
use d2l::{Implementation, LanguageModel, Run};

use crate::by_hand::{ByHand, Layer};
use crate::generation::{Prefix, generate};
use crate::hyperparameters::Options;
use crate::language_model::Recurrent;
use crate::minibatches::{HELD_OUT, Minibatches, Sampling, overlapping_windows};
use crate::rnn_model::{Cell, RnnModel};
use crate::structure::Structure;
use crate::{gates, inspect, training, word_frequencies};

/// Makes a model by hand or with the library for the size of a vocabulary and a structure, in this order.
pub type Build = fn(
    Implementation,
    (usize, Structure),
    &Initializer,
    &ParamStore,
) -> candle_core::Result<Box<dyn Recurrent>>;

/// The model by hand, of layers that `layer` makes, or the library's with its layers of `cell`.
pub fn by_hand_or_library<L: Layer + 'static>(
    implementation: Implementation,
    sizes: (usize, Structure),
    init: &Initializer,
    params: &ParamStore,
    layer: impl Fn((usize, usize), &Initializer, VarBuilder) -> candle_core::Result<L>,
    cell: Cell,
) -> candle_core::Result<Box<dyn Recurrent>> {
    Ok(match implementation {
        Implementation::Scratch => Box::new(ByHand::new(sizes, init, &params.builder(), layer)?),
        Implementation::Concise => Box::new(RnnModel::new(cell, sizes, init, params)?),
    })
}

/// Trains the model that `build` makes, and shows what it writes.
pub fn train(
    run: &mut Run,
    options: &Options,
    build: impl FnOnce(
        Implementation,
        (usize, Structure),
        &Initializer,
        &ParamStore,
    ) -> candle_core::Result<Box<dyn Recurrent>>,
) -> Result<()> {
    let Options { structure, reading, writing, .. } = options;
    writing.decoding.check()?;
    structure.check()?;
    let settings = &run.settings;
    let text = reading.load(settings)?;
    let corpus = reading.corpus(text.clone(), options.edition);
    let prefix = Prefix::new(writing, reading, &corpus)?;
    let sizes = (corpus.vocabulary.len(), *structure);
    let initializer = &settings.recipe.initializer;
    let model = build(settings.implementation, sizes, initializer, &run.params)?;

    if options.inspect {
        inspect::show(run, &corpus, options, &*model)?;
        // Without cleaning there may be no spaces between words, as in Chinese.
        let level = match reading.clean {
            Cleaning::Letters => Level::Word,
            Cleaning::None => reading.level,
        };
        let counted = Corpus::cleaned(text, options.edition, reading.clean, level);
        return word_frequencies::show(run, &counted, level);
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
    if let Some(change) = &prefix.change {
        run.say_text("prefix", change);
    }
    if reading.text.is_some() && splits.valid.is_empty() {
        let part = corpus.tokens.len() / (HELD_OUT + 1);
        let (most, token) = (part * HELD_OUT, reading.token_name());
        run.say(&format!(
            "nothing is held out: --max-tokens {most} leaves {part} {token}s for that"
        ));
    }
    let task = LanguageModel::new(model);
    let mut optimizer = run.settings.optimizer(&run.params)?;
    match text {
        Some(text) => training::fit(&*task.network, &text, &splits, &mut optimizer, run)?,
        None => d2l::fit(&task, &splits, &mut optimizer, run)?,
    }
    gates::show(&*task.network, &corpus, run)?;
    write(&*task.network, &corpus, (&prefix, options), run)
}

/// Shows what the trained model writes, and keeps it as `generated.txt` in the run's folder.
fn write(
    model: &dyn Recurrent,
    corpus: &Corpus,
    (prefix, options): (&Prefix, &Options),
    run: &Run,
) -> Result<()> {
    let (seed, device) = (run.settings.seed, &run.settings.device);
    let tokens = generate(model, prefix, &options.writing, seed, device)?;
    let text = options.reading.text_of(&tokens, &corpus.vocabulary);
    run.say_text("text", &text);
    let Some(folder) = run.folder() else {
        return Ok(());
    };
    let file = folder.join("generated.txt");
    std::fs::write(&file, format!("{text}\n"))
        .with_context(|| format!("{}: cannot be written", file.display()))
}
