//! What a trained language model of words writes.

use anyhow::{Context, Result};
use d2l::data::Vocabulary;
use d2l::random::{Purpose, Stream};
use d2l::{Decoding, Run, with_default};

use crate::generation::continue_tokens;
use crate::language_model::Recurrent;

/// What the model continues, and how.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Text", mut_arg("temperature", |arg| with_default(arg, "1")))]
pub struct WordWriting {
    /// The words that the trained model continues [default: the]
    #[arg(long, value_name = "TEXT", value_parser = with_a_word)]
    pub prefix: Option<String>,
    /// Words that it writes [default: 50]
    #[arg(long, value_name = "N")]
    pub num_predictions: usize,
    /// How each is chosen.
    #[command(flatten)]
    pub decoding: Decoding,
}

impl WordWriting {
    /// The example draws as well.
    pub const EXAMPLE: Self = Self {
        prefix: None,
        num_predictions: 50,
        decoding: Decoding { temperature: 1.0, ..Decoding::GREEDY },
    };
}

/// A word that every text has.
const PREFIX: &str = "the";

/// Reads a text that has a word.
fn with_a_word(text: &str) -> Result<String, String> {
    match text.trim().is_empty() {
        false => Ok(text.to_string()),
        true => Err("wanted a word at least to start from".to_string()),
    }
}

/// Shows what the model writes, and keeps it as `generated.txt` in the run's folder. The model knows the first
/// `vocab_size` words of the vocabulary.
pub fn write(
    model: &dyn Recurrent,
    vocabulary: &Vocabulary,
    vocab_size: usize,
    writing: &WordWriting,
    run: &Run,
) -> Result<()> {
    let prefix = writing.prefix.as_deref().unwrap_or(PREFIX);
    let known = |word: &str| match vocabulary.id(word) {
        id if (id as usize) < vocab_size => id,
        _ => vocabulary.unknown(),
    };
    let mut tokens: Vec<u32> = prefix.split_whitespace().map(known).collect();
    let mut draws = Stream::once(run.settings.seed, Purpose::Sample, "words").rng();
    let next = |o: &[f32]| writing.decoding.choose(o, &mut draws);
    let device = &run.settings.device;
    continue_tokens(model, &mut tokens, writing.num_predictions, next, device)?;
    let words: Vec<&str> = tokens.iter().map(|&id| vocabulary.token(id)).collect();
    let text = words.join(" ");
    run.say_text("text", &text);
    let Some(folder) = run.folder() else {
        return Ok(());
    };
    let file = folder.join("generated.txt");
    std::fs::write(&file, format!("{text}\n"))
        .with_context(|| format!("{}: cannot be written", file.display()))
}
