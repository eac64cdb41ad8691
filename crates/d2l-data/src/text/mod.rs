//! Text as a sequence of tokens: cleaning, cutting into characters or words, vocabulary, windows.
//!
//! D2L zh 8.2 and 8.3, en 9.2 and 9.3. Reading order: this file, `vocabulary`, `windows`, `time_machine`.

use anyhow::{Result, bail};

pub use time_machine::{Corpus, TextEdition, time_machine};
pub use vocabulary::Vocabulary;
pub use windows::{random_partition, sequential_partition, windows};

mod time_machine;
mod vocabulary;
mod windows;

/// What a token is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    /// A letter or a space.
    #[default]
    Character,
    /// What stands between spaces.
    Word,
}

impl std::str::FromStr for Level {
    type Err = anyhow::Error;

    fn from_str(word: &str) -> Result<Self> {
        match word {
            "character" => Ok(Self::Character),
            "word" => Ok(Self::Word),
            _ => bail!("found tokens {word:?}, wanted character or word"),
        }
    }
}

/// Lower case, with one space in place of everything between two runs of the letters a to z. zh 8.2.1, en 9.2.1.
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
    fn text_is_cut_into_characters_or_words() {
        assert_eq!(tokenize("a bc", Level::Character), ["a", " ", "b", "c"]);
        assert_eq!(tokenize(" the  time ", Level::Word), ["the", "time"]);
        assert!(tokenize("", Level::Character).is_empty());
    }
}
