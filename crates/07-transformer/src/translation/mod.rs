//! The Transformer of the paper, from English to French. D2L zh 10.7, en 11.7; Vaswani et al. 2017, arXiv:1706.03762.
//!
//! Reading order: [`network`], [`figures`]. Options, losses, loop and decoding are those of all translation models, in
//! [`attention::translation`].

pub mod figures;
pub mod network;

use anyhow::Result;
use attention::translation::{self, LossKind};
use d2l::PresetName::{En, Zh};
use d2l::{Model, Preset, Recipe, Run, at_least_one};
use serde::Serialize;

use crate::breaks::{Break, BreakOptions};
use network::{Parts, Transformer};

const ZH: Recipe = Recipe { epochs: 200, ..translation::ZH };
const EN: Recipe = Recipe { learning_rate: 0.001, ..translation::EN };
/// The experiments.
pub const PRESETS: &[Preset<Options>] = &[
    Preset::quick(60, "zh 10.7", ZH, Options::ZH),
    Preset::new(Zh, "zh 10.7", ZH, Options::ZH),
    Preset::new(En, "en 11.7", EN, Options::EN),
];

/// The entry in the chapter's list.
pub fn model() -> Model {
    let about = "Translation by the Transformer (D2L zh 10.7, en 11.7)";
    Model::new("translation", about, train, &[], PRESETS)
}

/// The model's options.
#[derive(Clone, Debug, clap::Args, Serialize)]
pub struct Options {
    /// Numbers between the two dense layers of a block
    #[arg(long, value_name = "N", value_parser = at_least_one, help_heading = "Model")]
    pub ffn_hiddens: usize,
    /// Heads of each attention layer
    #[arg(long, value_name = "N", value_parser = at_least_one, help_heading = "Model")]
    pub num_heads: usize,
    /// How the decoder works outside training
    #[arg(long, value_enum, help_heading = "Model")]
    pub evaluation: Evaluation,
    /// The parts that are left out.
    #[command(flatten)]
    #[serde(flatten)]
    pub breaks: BreakOptions,
    /// The options of all translation models.
    #[command(flatten)]
    #[serde(flatten)]
    pub translation: translation::Options,
}

/// How the decoder works outside training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Evaluation {
    /// As in training: a token sees those before it, and has its own position
    Training,
    /// As in the book's code: a held-out translation is read without a causal mask, and while a sentence is written, each
    /// of its tokens has position 0
    Book,
}

impl Options {
    const ZH: Self = Self {
        ffn_hiddens: 64,
        num_heads: 4,
        evaluation: Evaluation::Training,
        breaks: BreakOptions::NOTHING,
        translation: translation::Options::ZH,
    };
    /// The loss counts padding, and a held-out sentence is read with all its tokens in sight: the book's code does both,
    /// and its results depend on it.
    const EN: Self = Self {
        evaluation: Evaluation::Book,
        translation: translation::Options { loss: LossKind::Padding, ..translation::Options::EN },
        ..Self::ZH
    };
}

fn train(run: &mut Run, options: &Options) -> Result<()> {
    let breaks = options.breaks.parts;
    breaks.refuse(Break::PostNorm, "translation normalizes after each sum")?;
    breaks.change(&mut run.settings.recipe.schedule)?;
    let parts = Parts {
        ffn_hiddens: options.ffn_hiddens,
        num_heads: options.num_heads,
        evaluation: options.evaluation,
        breaks,
    };
    let translations = translation::train(run, &options.translation, |sizes, init, params| {
        Ok(Box::new(Transformer::new(
            sizes,
            parts,
            &init.linear,
            params,
        )?))
    })?;
    match translations.last() {
        Some(translation) => figures::draw(run, translation),
        None => Ok(()),
    }
}
