//! The Time Machine by H. G. Wells, 1898, as the book reads it. D2L zh 8.2.1 and 8.2.4, en 9.2.1 and 9.3.1.

use std::path::Path;

use anyhow::{Result, bail};
use sha2::{Digest, Sha256};

use super::{Level, Vocabulary, letters, tokenize};
use crate::choice::Published;
use crate::drawn::story;
use crate::splits::digest;
use crate::table::{AGAIN, content};
use crate::{Choice, Loaded, Provenance, Source};

const FILES: Published<1> = Published {
    set: "time-machine",
    files: ["timemachine.txt"],
    twin: "drawn-story",
};
/// The book's copy, which begins with the title; others have a licence in front.
const BYTES: usize = 178_979;
const SHA256: &str = "8424dbd9532ac81f7e5f0b6add90e6952baea29158309d7d1bf3884f4e12c516";

/// Which edition's way to clean the text and to number its tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextEdition {
    /// Each line is cleaned and stripped by itself, so that the last word of a line and the first of the next run into
    /// each other where tokens are characters; tokens are numbered by frequency.
    Zh,
    /// The text is cleaned as a whole: the end of a line is a space; tokens are numbered in alphabetical order.
    En,
}

/// A text as numbers.
#[derive(Clone, Debug)]
pub struct Corpus {
    /// The text, token by token.
    pub tokens: Vec<u32>,
    /// What the numbers stand for: all tokens of the text.
    pub vocabulary: Vocabulary,
    /// Where the text came from, for the log.
    pub provenance: Provenance,
}

/// The Time Machine, or a story made up here, as `choice` says.
///
/// # Errors
/// Where the file isn't the book's, also under [`Choice::Auto`]; under [`Choice::Real`] also where it is missing.
pub fn time_machine(
    edition: TextEdition,
    level: Level,
    choice: Choice,
    folder: &Path,
) -> Result<Loaded<Corpus>> {
    FILES.load(
        choice,
        folder,
        |[file]| {
            let text = real(file)?;
            Ok(corpus(&text, Source::Real, edition, level))
        },
        || Ok(corpus(&story::story(), Source::Builtin, edition, level)),
    )
}

/// The file's text.
fn real(file: &Path) -> Result<String> {
    let bytes = content(file)?;
    let found = hexadecimal(&Sha256::digest(&bytes).into());
    if found != SHA256 {
        bail!(
            "{}: found {} bytes with the SHA-256 {found}, wanted the book's {BYTES} with {SHA256}; {AGAIN}",
            file.display(),
            bytes.len(),
        );
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn hexadecimal(digest: &[u8; 32]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn corpus(text: &str, source: Source, edition: TextEdition, level: Level) -> Corpus {
    let parts: Vec<String> = match edition {
        TextEdition::Zh => text
            .lines()
            .map(|line| letters(line).trim().to_string())
            .collect(),
        TextEdition::En => vec![letters(text)],
    };
    let tokens: Vec<&str> = parts
        .iter()
        .flat_map(|part| tokenize(part, level))
        .collect();
    let vocabulary = match edition {
        TextEdition::Zh => Vocabulary::by_frequency(tokens.iter().copied(), 0, &[]),
        TextEdition::En => Vocabulary::alphabetical(tokens.iter().copied(), 0, &[]),
    };
    let name = match source {
        Source::Real => FILES.set,
        _ => FILES.twin,
    };
    Corpus {
        tokens: tokens.iter().map(|token| vocabulary.id(token)).collect(),
        vocabulary,
        provenance: Provenance {
            name: name.to_string(),
            source,
            sha256: digest(&[Sha256::digest(text).into()]),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "The Time\n\n  Machine, 1898\n";

    fn read(edition: TextEdition, level: Level) -> String {
        let corpus = corpus(TEXT, Source::Builtin, edition, level);
        let tokens: Vec<&str> = corpus
            .tokens
            .iter()
            .map(|&id| corpus.vocabulary.token(id))
            .collect();
        tokens.join(if level == Level::Word { "|" } else { "" })
    }

    #[test]
    fn the_editions_join_lines_differently() {
        assert_eq!(read(TextEdition::Zh, Level::Character), "the timemachine");
        assert_eq!(read(TextEdition::En, Level::Character), "the time machine ");
        for edition in [TextEdition::Zh, TextEdition::En] {
            assert_eq!(read(edition, Level::Word), "the|time|machine");
        }
    }

    #[test]
    fn another_text_under_the_name_is_an_error() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let set = folder.path().join("time-machine");
        std::fs::create_dir(&set)?;
        std::fs::write(set.join("timemachine.txt"), TEXT)?;
        let load = |choice| time_machine(TextEdition::Zh, Level::Character, choice, folder.path());
        for choice in [Choice::Auto, Choice::Real] {
            let error = load(choice).unwrap_err().to_string();
            assert!(error.contains("found 26 bytes"), "{error}");
            assert!(error.contains("wanted the book's 178979"), "{error}");
            assert!(error.contains("see data/README.md"), "{error}");
        }
        let story = load(Choice::Builtin)?.data;
        assert_eq!(story.provenance.name, "drawn-story");
        assert_eq!(story.provenance.source, Source::Builtin);
        Ok(())
    }

    /// Long enough for both editions' windows, and all letters are in it.
    #[test]
    fn the_story_can_stand_in_for_the_book() -> Result<()> {
        for edition in [TextEdition::Zh, TextEdition::En] {
            let nowhere = Path::new("there is no such folder");
            let loaded = time_machine(edition, Level::Character, Choice::Auto, nowhere)?;
            assert!(
                loaded
                    .notice
                    .is_some_and(|notice| notice.contains("drawn story"))
            );
            let corpus = loaded.data;
            assert_eq!(corpus.vocabulary.len(), 28);
            assert!(corpus.tokens.len() > 100_000, "{}", corpus.tokens.len());
        }
        Ok(())
    }
}
