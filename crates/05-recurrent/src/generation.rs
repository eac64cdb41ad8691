//! A trained model writes a text, token by token. D2L zh 8.5.3, en 9.5.5.

use anyhow::{Result, bail};
use candle_core::{Device, Tensor};
use d2l::data::{Cleaning, Corpus, Vocabulary, tokenize};
use d2l::nn::{Mode, no_grad};
use d2l::random::{Purpose, Stream};
use d2l::{Decoding, check_interrupt, usage, with_default};

use crate::language_model::{Recurrent, State};
use crate::text::Reading;

/// What the trained model writes, and how.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Text", mut_arg("temperature", |arg| with_default(arg, "0")))]
pub struct Writing {
    /// The text that the trained model continues [default: time traveller, or the beginning of the text of --text]
    #[arg(long, value_name = "TEXT")]
    pub prefix: Option<String>,
    /// Tokens that it writes [default: 50]
    #[arg(long, value_name = "N")]
    pub num_predictions: usize,
    /// How each is chosen.
    #[command(flatten)]
    pub decoding: Decoding,
}

impl Writing {
    /// The book's.
    pub const BOOK: Self = Self {
        prefix: None,
        num_predictions: 50,
        decoding: Decoding::GREEDY,
    };
}

/// What the book's models continue.
const PREFIX: &str = "time traveller";

/// The beginning of what a model writes.
pub struct Prefix {
    /// Its tokens: one at least.
    pub tokens: Vec<u32>,
    /// What to tell the reader if the model doesn't read it as it was given: what the vocabulary lacks, and what the
    /// model starts from.
    pub change: Option<String>,
}

impl Prefix {
    /// The prefix as the model reads it: cleaned and cut into tokens as its text was. Without one the model continues the
    /// book's or, after a text of the reader's own, as many tokens of its beginning.
    ///
    /// # Errors
    /// A usage error if nothing is left of the prefix.
    pub fn new(writing: &Writing, reading: &Reading, corpus: &Corpus) -> Result<Self> {
        let vocabulary = &corpus.vocabulary;
        let ids = |text: &str| -> Vec<u32> {
            let tokens = tokenize(text, reading.level).into_iter();
            tokens.map(|token| vocabulary.id(token)).collect()
        };
        let Some(given) = writing.prefix.as_deref() else {
            let tokens = ids(PREFIX);
            let own = reading.text.is_some() || tokens.contains(&vocabulary.unknown());
            let beginning = corpus.tokens.iter().take(tokens.len());
            let tokens = if own {
                beginning.copied().collect()
            } else {
                tokens
            };
            return Ok(Self { tokens, change: None });
        };
        let read = reading.clean.apply(given);
        if read.trim().is_empty() {
            let wanted = match reading.clean {
                Cleaning::Letters => "a letter",
                Cleaning::None => "a character",
            };
            usage!("--prefix {given:?}: wanted {wanted} at least to start from");
        }
        let tokens = ids(&read);
        let given = match reading.clean {
            Cleaning::Letters => given.to_lowercase(),
            Cleaning::None => given.to_string(),
        };
        let read = reading.text_of(&tokens, vocabulary);
        let change = (read != given).then(|| changed(&given, &read, reading, vocabulary));
        Ok(Self { tokens, change })
    }
}

/// What the vocabulary lacks of `given`, and what the model reads in its place.
fn changed(given: &str, read: &str, reading: &Reading, vocabulary: &Vocabulary) -> String {
    let mut unknown: Vec<String> = Vec::new();
    for token in tokenize(given, reading.level) {
        let name = format!("{token:?}");
        if vocabulary.id(token) == vocabulary.unknown() && !unknown.contains(&name) {
            unknown.push(name);
        }
    }
    match unknown.is_empty() {
        true => format!("the model starts from {read:?}"),
        false => format!(
            "the vocabulary has no {}: the model starts from {read:?}",
            unknown.join(", ")
        ),
    }
}

/// The prefix and the tokens that the model writes after it. `seed` decides the draws.
///
/// The model reads the prefix from a state of zeros. Then each token that it writes is its next input.
pub fn generate(
    model: &dyn Recurrent,
    prefix: &Prefix,
    writing: &Writing,
    seed: u64,
    device: &Device,
) -> Result<Vec<u32>> {
    let mut tokens = prefix.tokens.clone();
    let mut draws = Stream::once(seed, Purpose::Sample, "text").rng();
    let next = |o: &[f32]| writing.decoding.choose(o, &mut draws);
    continue_tokens(model, &mut tokens, writing.num_predictions, next, device)?;
    Ok(tokens)
}

/// Appends `count` tokens that the model writes after `tokens`; `next` chooses each by its logits `[V]`.
///
/// # Errors
/// If there are no tokens.
pub fn continue_tokens(
    model: &dyn Recurrent,
    tokens: &mut Vec<u32>,
    count: usize,
    mut next: impl FnMut(&[f32]) -> u32,
    device: &Device,
) -> Result<()> {
    let Some(last_of_prefix) = tokens.len().checked_sub(1) else {
        bail!("found an empty prefix, wanted a letter at least for the model to start from");
    };
    let mut state: Option<State> = None;
    for place in 0..last_of_prefix + count {
        let Some(&token) = tokens.get(place) else {
            break;
        };
        check_interrupt()?;
        let x = Tensor::new(&[[token]], device)?; // [1, 1]
        let (o, after) = no_grad(|| model.forward_from(&x, state.as_deref(), Mode::Evaluate))?;
        // Candle records a model by hand all the same: without this the graph of the whole text would stay in memory.
        state = Some(after.iter().map(Tensor::detach).collect());
        if place >= last_of_prefix {
            let o: Vec<f32> = o.flatten_all()?.to_vec1()?;
            tokens.push(next(&o));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use d2l::data::{Level, Provenance, RawText, Source, TextEdition};

    /// What the models of `text` start from, and what the reader is told.
    fn read(
        given: Option<&str>,
        reading: &Reading,
        text: &str,
    ) -> Result<(String, Option<String>)> {
        let provenance = Provenance {
            name: String::new(),
            source: Source::Real,
            sha256: String::new(),
        };
        let raw = RawText { text: text.to_string(), provenance };
        let corpus = reading.corpus(raw, TextEdition::Zh);
        let prefix = given.map(str::to_string);
        let writing = Writing { prefix, ..Writing::BOOK };
        let prefix = Prefix::new(&writing, reading, &corpus)?;
        let starts = reading.text_of(&prefix.tokens, &corpus.vocabulary);
        Ok((starts, prefix.change))
    }

    #[test]
    fn characters_that_the_vocabulary_lacks_are_named() -> Result<()> {
        let changed = |prefix| -> Result<Option<String>> {
            Ok(read(Some(prefix), &Reading::BOOK, "ab cf")?.1)
        };
        assert_eq!(changed("Cab a")?, None);
        assert_eq!(
            changed("café 42 2b")?.as_deref(),
            Some(r#"the vocabulary has no "é", "4", "2": the model starts from "caf b""#)
        );
        assert_eq!(
            changed("a  b")?.as_deref(),
            Some(r#"the model starts from "a b""#)
        );
        // A letter that the text doesn't have.
        assert_eq!(
            changed("quack")?.as_deref(),
            Some(
                r#"the vocabulary has no "q", "u", "k": the model starts from "<unk><unk>ac<unk>""#
            )
        );
        Ok(())
    }

    #[test]
    fn a_prefix_is_read_as_the_text_is() -> Result<()> {
        let words = Reading { level: Level::Word, ..Reading::BOOK };
        let (starts, change) = read(Some("The Mayor slept"), &words, "The mayor walks.")?;
        assert_eq!(starts, "the mayor <unk>");
        assert_eq!(
            change.as_deref(),
            Some(r#"the vocabulary has no "slept": the model starts from "the mayor <unk>""#)
        );
        let whole = Reading { clean: Cleaning::None, ..Reading::BOOK };
        let given = Some("非常道");
        assert_eq!(
            read(given, &whole, "道可道，非常道")?,
            ("非常道".to_string(), None)
        );
        let error = read(given, &Reading::BOOK, "abc").unwrap_err().to_string();
        assert!(error.contains("wanted a letter"), "{error}");
        let error = read(Some(" "), &whole, "abc").unwrap_err().to_string();
        assert!(error.contains("wanted a character"), "{error}");
        Ok(())
    }

    #[test]
    fn without_a_prefix_the_books_or_the_beginning_of_the_readers_text_is_continued() -> Result<()>
    {
        let text = "The time traveller (for so it will be convenient to speak of him)";
        let starts = |reading: &Reading, text: &str| -> Result<String> {
            let (starts, change) = read(None, reading, text)?;
            assert_eq!(change, None);
            Ok(starts)
        };
        assert_eq!(starts(&Reading::BOOK, text)?, "time traveller");
        let own = Reading { text: Some("mine.txt".into()), ..Reading::BOOK };
        assert_eq!(starts(&own, text)?, "the time trave");
        let words = Reading { level: Level::Word, ..Reading::BOOK };
        assert_eq!(starts(&words, text)?, "time traveller");
        // A text without these words.
        assert_eq!(starts(&words, "The mayor walks.")?, "the mayor");
        Ok(())
    }
}
