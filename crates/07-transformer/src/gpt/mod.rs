//! GPT: a Transformer's decoder alone, which learns to continue a text. Radford et al. 2019; D2L en 11.9.3.
//!
//! Reading order: [`network`], [`tokens`], [`generation`], [`lens`], [`repeats`].

pub mod generation;
pub mod lens;
pub mod network;
pub mod repeats;
pub mod tokens;

use anyhow::{Context, Result};
use d2l::PresetName::{Full, Quick, Small};
use d2l::nn::{Curve, Initializer, Mode, Network, Schedule};
use d2l::{
    Decoding, LanguageModel, Model, OptimizerKind, Preset, Recipe, Run, at_least_one, depth, fit,
    probability, usage, with_default,
};
use serde::Serialize;

use crate::breaks::{Break, BreakOptions};
use generation::generate;
use network::{Gpt, Size};
use repeats::Repeats;
use tokens::Text;

/// GPT-2's initial values. The learning rate rises for two epochs and falls from there on.
const QUICK: Recipe = Recipe {
    epochs: 5,
    batch_size: 32,
    learning_rate: 0.003,
    optimizer: OptimizerKind::Adam,
    schedule: Schedule {
        curve: Curve::Cosine { epochs: None, end: 0.0003 },
        warm_up: 2,
        start: 0.0003,
    },
    clip_norm: Some(1.0),
    initializer: Initializer::NormalZeroBias { std: 0.02 },
    ..Recipe::SGD
};
const SMALL: Recipe = Recipe {
    epochs: 15,
    learning_rate: 0.001,
    schedule: Schedule {
        curve: Curve::Cosine { epochs: None, end: 0.0001 },
        warm_up: 2,
        start: 0.0001,
    },
    ..QUICK
};
/// For a GPU. It stops early, since a text of 160,000 characters is short for ten million parameters.
const FULL: Recipe = Recipe { epochs: 40, batch_size: 64, patience: Some(5), ..SMALL };
/// The experiments.
pub const PRESETS: &[Preset<Options>] = &[
    Preset::new(Quick, "en 11.9", QUICK, Options::QUICK),
    Preset::new(Small, "en 11.9", SMALL, Options::SMALL),
    Preset::new(Full, "en 11.9", FULL, Options::FULL),
];

/// The entry in the chapter's list.
pub fn model() -> Model {
    let about = "GPT: a language model of Transformer blocks (D2L en 11.9)";
    Model::new("gpt", about, train, &[], PRESETS)
}

/// The model's options.
#[derive(Clone, Debug, clap::Args, Serialize)]
pub struct Options {
    /// What the model learns to continue
    #[arg(long, value_enum, help_heading = "Data")]
    pub text: What,
    /// Use N byte pairs, learned from the text, as tokens instead of characters
    #[arg(long, value_name = "N", value_parser = at_least_one, help_heading = "Data")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub byte_pairs: Option<usize>,
    /// Largest number of tokens that the model sees, and length of a text window
    #[arg(long, value_name = "N", value_parser = at_least_one, help_heading = "Data")]
    pub context: usize,
    /// Numbers per position
    #[arg(long, value_name = "N", value_parser = at_least_one, help_heading = "Model")]
    pub num_hiddens: usize,
    /// Heads of each attention layer
    #[arg(long, value_name = "N", value_parser = at_least_one, help_heading = "Model")]
    pub num_heads: usize,
    /// Blocks
    #[arg(long, value_name = "N", value_parser = depth, help_heading = "Model")]
    pub num_layers: usize,
    /// Probability of dropout
    #[arg(long, value_name = "P", value_parser = probability, help_heading = "Model")]
    pub dropout: f64,
    /// The parts that are left out.
    #[command(flatten)]
    #[serde(flatten)]
    pub breaks: BreakOptions,
    /// What the trained model does.
    #[command(flatten)]
    #[serde(skip)]
    pub writing: Writing,
}

/// What it learns to continue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// The Time Machine, or the built-in story
    TimeMachine,
    /// Random tokens that are repeated: the trained model has an induction head, which is found and drawn
    Repeats,
}

/// What the trained model does.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Text", mut_arg("temperature", |arg| with_default(arg, "0.8")))]
pub struct Writing {
    /// The text that the trained model continues [default: The]
    #[arg(long, value_name = "TEXT")]
    pub prompt: Option<String>,
    /// Number of tokens to write [default: 200]
    #[arg(long, value_name = "N")]
    pub num_predictions: usize,
    /// How each token is chosen.
    #[command(flatten)]
    pub decoding: Decoding,
    /// Show what each layer of the trained model would predict for this text
    #[arg(long, value_name = "TEXT")]
    pub lens: Option<String>,
}

impl Options {
    const QUICK: Self = Self {
        text: What::TimeMachine,
        byte_pairs: None,
        context: 64,
        num_hiddens: 64,
        num_heads: 4,
        num_layers: 2,
        dropout: 0.0,
        breaks: BreakOptions::NOTHING,
        writing: Writing {
            prompt: None,
            num_predictions: 200,
            decoding: Decoding { temperature: 0.8, ..Decoding::GREEDY },
            lens: None,
        },
    };
    const SMALL: Self = Self {
        context: 128,
        num_hiddens: 128,
        num_layers: 4,
        dropout: 0.1,
        ..Self::QUICK
    };
    const FULL: Self = Self {
        context: 256,
        num_hiddens: 384,
        num_heads: 6,
        num_layers: 6,
        dropout: 0.2,
        ..Self::QUICK
    };

    /// The network's size for a vocabulary. The feed-forward networks are four times as wide as a position.
    fn size(&self, vocab_size: usize) -> Size {
        Size {
            vocab_size,
            context: self.context,
            num_hiddens: self.num_hiddens,
            ffn_hiddens: 4 * self.num_hiddens,
            num_heads: self.num_heads,
            num_layers: self.num_layers,
            dropout: self.dropout,
        }
    }
}

fn train(run: &mut Run, options: &Options) -> Result<()> {
    let breaks = options.breaks.parts;
    breaks.refuse(Break::PreNorm, "gpt normalizes in front of each layer")?;
    breaks.change(&mut run.settings.recipe.schedule)?;
    match options.text {
        What::TimeMachine => train_on_text(run, options),
        What::Repeats => train_on_repeats(run, options),
    }
}

/// Trains on a text, then writes.
fn train_on_text(run: &mut Run, options: &Options) -> Result<()> {
    let text = Text::load(&run.settings, options.context, options.byte_pairs)?;
    let writing = &options.writing;
    writing.decoding.check()?;
    let prompt = writing.prompt.as_deref().unwrap_or("The");
    let prompt = text.tokens.encode_flag("prompt", prompt)?;
    let lens = writing.lens.as_deref();
    let lens = lens
        .map(|lens| text.tokens.encode_flag("lens", lens))
        .transpose()?;
    if let Some(lens) = &lens
        && !(2..=options.context + 1).contains(&lens.len())
    {
        usage!(
            "--lens: found {} tokens, wanted 2 to {}, one more than the context",
            lens.len(),
            options.context + 1
        );
    }
    let initializer = &run.settings.recipe.initializer;
    let size = options.size(text.tokens.count());
    let network = Gpt::new(size, options.breaks.parts, initializer, &run.params)?;
    let [x, _] = text.splits.train.batch(&[0], &run.settings.device)?;
    if run.shows_summary(&[&x], || network.forward(&x, Mode::Evaluate))? {
        return Ok(());
    }
    let task = LanguageModel::new(network);
    let mut optimizer = run.settings.optimizer(&run.params)?;
    fit(&task, &text.splits, &mut optimizer, run)?;
    if let Some(loss) = run.value("valid.loss") {
        let bits = loss / text.characters_per_token / 2f64.ln();
        run.record_final("bits_per_character", bits);
    }
    let place = (run.settings.seed, &run.settings.device);
    let (count, decoding) = (writing.num_predictions, &writing.decoding);
    let written = generate(&task.network, &prompt, count, decoding, place)?;
    let written = text.tokens.decode(&written)?;
    run.say_text("text", &written);
    if let Some(folder) = run.folder() {
        let file = folder.join("generated.txt");
        std::fs::write(&file, format!("{written}\n"))
            .with_context(|| format!("{}: cannot be written", file.display()))?;
    }
    match lens {
        Some(lens) => lens::show(&task.network, &lens, &text.tokens, run),
        None => Ok(()),
    }
}

/// Trains on random tokens that are repeated, then finds the induction head.
fn train_on_repeats(run: &mut Run, options: &Options) -> Result<()> {
    run.settings
        .refuse(&["byte-pairs"], "random tokens are no text")?;
    if options.writing.prompt.is_some() || options.writing.lens.is_some() {
        usage!("--prompt and --lens belong to --text time-machine: random tokens are no text");
    }
    let splits = repeats::splits(run.settings.seed, options.context)?;
    let splits = run.settings.first_examples(splits);
    let size = options.size(repeats::vocab_size(options.context));
    let initializer = &run.settings.recipe.initializer;
    let task = Repeats(Gpt::new(
        size,
        options.breaks.parts,
        initializer,
        &run.params,
    )?);
    let [x, _] = splits.train.batch(&[0], &run.settings.device)?;
    if run.shows_summary(&[&x], || task.0.forward(&x, Mode::Evaluate))? {
        return Ok(());
    }
    let mut optimizer = run.settings.optimizer(&run.params)?;
    fit(&task, &splits, &mut optimizer, run)?;
    repeats::find(&task.0, &splits, run)
}
