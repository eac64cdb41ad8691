//! Which text the models read, and as which tokens. D2L zh 8.2, en 9.2.
//!
//! The book cleans its text: whatever is not a letter from a to z becomes a space. Of Chinese, Russian or Greek nothing
//! would remain, so a text of one's own can be taken as it stands (`--clean none`).

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use d2l::data::{
    Cleaning, Corpus, Level, Loaded, RawText, TextEdition, Vocabulary, text_file, time_machine_text,
};
use d2l::{Settings, name_of};
use serde::{Serialize, Serializer};

/// A text and its tokens.
#[derive(Clone, Debug, clap::Args, Serialize)]
#[command(next_help_heading = "Data")]
pub struct Reading {
    /// Train on this text, a file in UTF-8 [default: The Time Machine]
    #[arg(long, value_name = "FILE")]
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "as_file_name"
    )]
    pub text: Option<PathBuf>,
    /// What of the text is kept; for a text in other letters than a to z take none
    #[arg(long, value_enum)]
    #[serde(serialize_with = "as_name")]
    pub clean: Cleaning,
    /// What a token is
    #[arg(long, value_enum)]
    #[serde(serialize_with = "as_name")]
    pub level: Level,
}

/// A file without its folder: the log names the data, and their SHA-256 tells files of one name apart.
fn as_file_name<S: Serializer>(file: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
    let name = file.as_deref().and_then(Path::file_name);
    serializer.collect_str(&name.map_or("".into(), OsStr::to_string_lossy))
}

fn as_name<E: clap::ValueEnum, S: Serializer>(value: &E, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&name_of(value))
}

impl Reading {
    /// The book's text, letter by letter.
    pub const BOOK: Self = Self {
        text: None,
        clean: Cleaning::Letters,
        level: Level::Character,
    };

    /// The text as it is. Tells the reader if the cleaning will drop letters of it.
    ///
    /// # Errors
    /// If the text cannot be read, or nothing of it would be left.
    pub fn load(&self, settings: &Settings) -> Result<RawText> {
        match &self.text {
            Some(file) => settings.load(|_, _| self.own(file)),
            None => settings.load(time_machine_text),
        }
    }

    /// The text as numbers of its tokens.
    pub fn corpus(&self, text: RawText, edition: TextEdition) -> Corpus {
        Corpus::cleaned(text, edition, self.clean, self.level)
    }

    fn own(&self, file: &Path) -> Result<Loaded<RawText>> {
        let data = text_file(file)?;
        let notice = match self.clean {
            Cleaning::Letters => dropped_letters(&data)?,
            Cleaning::None => None,
        };
        Ok(Loaded { data, notice })
    }

    /// What a token is called.
    pub fn token_name(&self) -> &'static str {
        match self.level {
            Level::Character => "character",
            Level::Word => "word",
        }
    }

    /// Numbers of tokens as text.
    pub fn text_of(&self, tokens: &[u32], vocabulary: &Vocabulary) -> String {
        let tokens: Vec<&str> = tokens.iter().map(|&id| vocabulary.token(id)).collect();
        tokens.join(match self.level {
            Level::Character => "",
            Level::Word => " ",
        })
    }
}

/// What to tell the reader about a text of which the cleaning drops more than one letter in a hundred.
///
/// # Errors
/// If it drops all of them.
fn dropped_letters(text: &RawText) -> Result<Option<String>> {
    let name = &text.provenance.name;
    let letters = text.text.chars().filter(|c| c.is_alphabetic()).count();
    let kept = text.text.chars().filter(char::is_ascii_alphabetic).count();
    if kept == 0 {
        bail!(
            "{name}: found none of the letters a to z, and --clean letters keeps nothing else; give --clean none"
        );
    }
    let dropped = letters - kept;
    Ok((dropped * 100 > letters).then(|| {
        format!(
            "{name}: {dropped} of its {letters} letters are none of a to z and are dropped (--clean none keeps them)"
        )
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use d2l::data::{Provenance, Source};

    fn said(text: &str) -> Result<Option<String>> {
        let provenance = Provenance {
            name: "mine.txt".to_string(),
            source: Source::Real,
            sha256: String::new(),
        };
        dropped_letters(&RawText { text: text.to_string(), provenance })
    }

    #[test]
    fn the_reader_is_told_of_letters_that_are_dropped() -> Result<()> {
        assert_eq!(said("Plain English, 1898.")?, None);
        assert_eq!(
            said("Ein schöner Tag")?.as_deref(),
            Some(
                "mine.txt: 1 of its 13 letters are none of a to z and are dropped (--clean none keeps them)"
            )
        );
        let error = said("道可道，非常道").unwrap_err().to_string();
        assert!(
            error.contains("none of the letters a to z") && error.contains("--clean none"),
            "{error}"
        );
        Ok(())
    }
}
