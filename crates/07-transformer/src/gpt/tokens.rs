//! A text as tokens: characters, or byte pairs that are learned from it; and the windows that a model trains on.

use anyhow::{Result, ensure};
use d2l::Settings;
use d2l::data::{
    BytePairs, Level, RawText, Splits, TextEdition, Vocabulary, time_machine_text, tokenize,
    windows,
};
use d2l::usage;

/// The part of the text that a model is trained on; the rest is held out.
const TRAINED: f64 = 0.9;
/// Training windows start a quarter of a window apart.
const STARTS: usize = 4;

/// The meaning of the tokens' numbers.
#[derive(Clone, Debug)]
pub enum Tokens {
    /// Every character of the text.
    Characters(Vocabulary),
    /// Bytes, and sequences of bytes that often occur together.
    BytePairs(Box<BytePairs>),
}

impl Tokens {
    /// The characters of `text`, or byte pairs that are learned from `trained`, a part of it.
    pub fn new(text: &str, trained: &str, byte_pairs: Option<usize>) -> Result<Self> {
        Ok(match byte_pairs {
            Some(count) => Self::BytePairs(Box::new(BytePairs::train(trained, count)?)),
            None => {
                let characters = tokenize(text, Level::Character);
                Self::Characters(TextEdition::En.vocabulary(characters, 0, &[]))
            }
        })
    }

    /// The number of tokens.
    pub fn count(&self) -> usize {
        match self {
            Self::Characters(vocabulary) => vocabulary.len(),
            Self::BytePairs(pairs) => pairs.len(),
        }
    }

    /// The numbers of the tokens of `text`.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        match self {
            Self::Characters(vocabulary) => {
                let characters = tokenize(text, Level::Character).into_iter();
                Ok(characters
                    .map(|character| vocabulary.id(character))
                    .collect())
            }
            Self::BytePairs(pairs) => pairs.encode(text),
        }
    }

    /// [`Tokens::encode`] for a text that the reader gives with `flag`.
    ///
    /// # Errors
    /// A usage error if it is empty or has a character that the model's text does not have.
    pub fn encode_flag(&self, flag: &str, text: &str) -> Result<Vec<u32>> {
        if text.is_empty() {
            usage!("--{flag}: found nothing, wanted a character at least");
        }
        if let Self::Characters(vocabulary) = self {
            let mut characters = tokenize(text, Level::Character).into_iter();
            let unknown = |character: &&str| vocabulary.id(character) == vocabulary.unknown();
            if let Some(character) = characters.find(unknown) {
                usage!(
                    "--{flag} {text:?}: {character:?} is no character of the text that the model learns from"
                );
            }
        }
        self.encode(text)
    }

    /// The text of these tokens.
    pub fn decode(&self, tokens: &[u32]) -> Result<String> {
        match self {
            Self::Characters(vocabulary) => Ok(tokens
                .iter()
                .map(|&token| vocabulary.token(token))
                .collect()),
            Self::BytePairs(pairs) => pairs.decode(tokens),
        }
    }

    /// One token for a table or a figure: spaces and line breaks are visible.
    pub fn name(&self, token: u32) -> Result<String> {
        Ok(self.decode(&[token])?.replace(' ', "␣").replace('\n', "⏎"))
    }
}

/// The text, cut into windows.
pub struct Text {
    /// The meaning of its numbers.
    pub tokens: Tokens,
    /// Windows of tokens, and for each token the one that follows it.
    pub splits: Splits<2>,
    /// Characters of a token, on average over the held-out part.
    pub characters_per_token: f64,
}

impl Text {
    /// The Time Machine, or the built-in story, in windows of `context` tokens. A model is trained on the first nine
    /// tenths, where the windows overlap, and tested on the rest, where they lie side by side.
    ///
    /// # Errors
    /// If a part of the text is shorter than a window.
    pub fn load(settings: &Settings, context: usize, byte_pairs: Option<usize>) -> Result<Self> {
        let RawText { text, provenance } = settings.load(time_machine_text)?;
        let characters = text.chars().count();
        let cut = text
            .char_indices()
            .nth((characters as f64 * TRAINED) as usize);
        let (trained, held_out) = text.split_at(cut.map_or(text.len(), |(place, _)| place));
        let tokens = Tokens::new(&text, trained, byte_pairs)?;
        let part = |text: &str, step: usize| {
            let tokens = tokens.encode(text)?;
            let room = tokens.len().saturating_sub(context);
            ensure!(
                room > 0,
                "--context {context}: found {} tokens in a part of the text, wanted {} or more",
                tokens.len(),
                context + 1
            );
            let starts: Vec<usize> = (0..room).step_by(step).collect();
            Ok((windows(&tokens, &starts, context)?, tokens.len()))
        };
        let (train, _) = part(trained, context.div_ceil(STARTS))?;
        let (valid, count) = part(held_out, context)?;
        let splits = Splits { train, valid, provenance };
        Ok(Self {
            tokens,
            splits: settings.first_examples(splits),
            characters_per_token: held_out.chars().count() as f64 / count as f64,
        })
    }
}
