//! Text as a sequence of tokens: cleaning, cutting into characters or words, vocabulary, text windows.
//!
//! D2L zh 8.2 and 8.3, en 9.2 and 9.3. Reading order: this file, `vocabulary`, `windows`, `time_machine`, `own`,
//! `wikitext`; `byte_pairs` learns its tokens from the text.

pub(crate) use book_copy::BookCopy;
pub use byte_pairs::BytePairs;
pub use own::text_file;
pub use time_machine::{Corpus, RawText, time_machine, time_machine_text};
pub use vocabulary::Vocabulary;
pub use wikitext::{WordText, wikitext2};
pub use windows::{random_partition, sequential_partition, windows};

mod book_copy;
mod byte_pairs;
mod own;
mod time_machine;
mod vocabulary;
mod wikitext;
mod windows;

/// The edition that decides how a text is cleaned, cut into tokens and numbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextEdition {
    /// The Chinese edition numbers tokens by frequency.
    Zh,
    /// The English edition numbers tokens in alphabetical order.
    En,
}

impl TextEdition {
    /// The vocabulary of `tokens`, numbered as this edition does: [`Vocabulary::by_frequency`] or
    /// [`Vocabulary::alphabetical`].
    pub fn vocabulary<'a>(
        self,
        tokens: impl IntoIterator<Item = &'a str>,
        min_frequency: usize,
        reserved: &[&str],
    ) -> Vocabulary {
        match self {
            Self::Zh => Vocabulary::by_frequency(tokens, min_frequency, reserved),
            Self::En => Vocabulary::alphabetical(tokens, min_frequency, reserved),
        }
    }
}

/// The kind of tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Level {
    /// Each letter and each space; without cleaning each character
    #[default]
    Character,
    /// What stands between two spaces
    Word,
}

/// What of a text is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Cleaning {
    /// The letters a to z in lower case, and one space for everything between two runs of them, as in the book
    #[default]
    Letters,
    /// Everything, as it stands
    None,
}

impl Cleaning {
    /// What is kept of `text`: [`letters`], or all of it with line ends as `\n`.
    pub fn apply(self, text: &str) -> String {
        match self {
            Self::Letters => letters(text),
            Self::None => text.replace("\r\n", "\n"),
        }
    }
}

/// The text in lower case, with one space for everything between two runs of the letters a to z. zh 8.2.1, en 9.2.1.
///
/// ```
/// assert_eq!(d2l_data::letters("I. The -- \"Time\" Machine"), "i the time machine");
/// ```
pub fn letters(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    let mut in_gap = false;
    for c in text.chars() {
        if c.is_ascii_alphabetic() {
            cleaned.push(c.to_ascii_lowercase());
        } else if !in_gap {
            cleaned.push(' ');
        }
        in_gap = !c.is_ascii_alphabetic();
    }
    cleaned
}

/// The tokens of a cleaned text. zh 8.2.2, en 9.2.2.
pub fn tokenize(text: &str, level: Level) -> Vec<&str> {
    match level {
        Level::Character => text.split_inclusive(|_| true).collect(),
        Level::Word => text.split_whitespace().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_of_anything_else_is_one_space() {
        assert_eq!(
            letters("  It's 10 o'clock,\r\nÉtienne  "),
            " it s o clock tienne "
        );
        assert_eq!(letters(""), "");
        assert_eq!(letters("...\n"), " ");
    }

    #[test]
    fn without_cleaning_only_the_ends_of_lines_change() {
        let text = "Étienne, 10 o'clock\r\n道可道\n";
        assert_eq!(Cleaning::None.apply(text), "Étienne, 10 o'clock\n道可道\n");
        assert_eq!(Cleaning::Letters.apply(text), letters(text));
    }

    #[test]
    fn text_is_cut_into_characters_or_words() {
        assert_eq!(tokenize("a bc", Level::Character), ["a", " ", "b", "c"]);
        assert_eq!(tokenize(" the  time ", Level::Word), ["the", "time"]);
        assert!(tokenize("", Level::Character).is_empty());
    }
}
