//! The Time Machine by H. G. Wells, 1898, as the book reads it. D2L zh 8.2.1 and 8.2.4, en 9.2.1 and 9.3.1.

use std::path::Path;

use anyhow::Result;
use sha2::{Digest, Sha256};

use super::{BookCopy, Cleaning, Level, TextEdition, Vocabulary, letters, tokenize};
use crate::choice::Published;
use crate::drawn::story;
use crate::splits::digest;
use crate::{Choice, Loaded, Provenance, Source};

const FILES: Published<1> = Published {
    set: "time-machine",
    files: ["timemachine.txt"],
    twin: "drawn-story",
};
/// The book's copy, which begins with the title; other copies begin with a licence.
const TEXT: BookCopy = BookCopy {
    bytes: 178_979,
    sha256: "8424dbd9532ac81f7e5f0b6add90e6952baea29158309d7d1bf3884f4e12c516",
};

/// A text as it was published.
#[derive(Clone, Debug)]
pub struct RawText {
    /// The text.
    pub text: String,
    /// Where it came from, for the log.
    pub provenance: Provenance,
}

/// A text as numbers.
#[derive(Clone, Debug)]
pub struct Corpus {
    /// The text, token by token.
    pub tokens: Vec<u32>,
    /// The tokens that the numbers stand for: all tokens of the text.
    pub vocabulary: Vocabulary,
    /// Where the text came from, for the log.
    pub provenance: Provenance,
}

/// The Time Machine, or the built-in story, as `choice` says, not cleaned and not cut into tokens.
///
/// # Errors
/// If the file isn't the book's, even under [`Choice::Auto`]; under [`Choice::Real`] also if it is missing.
pub fn time_machine_text(choice: Choice, folder: &Path) -> Result<Loaded<RawText>> {
    FILES.load(
        choice,
        folder,
        |[file]| Ok(raw_text(TEXT.read(file)?, Source::Real)),
        || Ok(raw_text(story::story(), Source::Builtin)),
    )
}

fn raw_text(text: String, source: Source) -> RawText {
    let name = match source {
        Source::Real => FILES.set,
        _ => FILES.twin,
    };
    let provenance = Provenance {
        name: name.to_string(),
        source,
        sha256: digest(&[Sha256::digest(&text).into()]),
    };
    RawText { text, provenance }
}

/// [`time_machine_text`] as tokens and their numbers.
///
/// # Errors
/// As [`time_machine_text`].
pub fn time_machine(
    edition: TextEdition,
    level: Level,
    choice: Choice,
    folder: &Path,
) -> Result<Loaded<Corpus>> {
    let Loaded { data, notice } = time_machine_text(choice, folder)?;
    Ok(Loaded { data: Corpus::new(data, edition, level), notice })
}

impl Corpus {
    /// The tokens of a text that is cleaned as the book cleans it: [`Corpus::cleaned`] with [`Cleaning::Letters`].
    pub fn new(raw: RawText, edition: TextEdition, level: Level) -> Self {
        Self::cleaned(raw, edition, Cleaning::Letters, level)
    }

    /// The tokens of a text.
    ///
    /// Of [`Cleaning::Letters`] the editions have two kinds. The Chinese edition cleans and strips each line by itself, so there is no space between the last word of a line
    /// and the first of the next if tokens are characters. The English edition cleans the text as a whole, so the end of
    /// a line becomes a space.
    pub fn cleaned(raw: RawText, edition: TextEdition, cleaning: Cleaning, level: Level) -> Self {
        let text = &raw.text;
        let parts: Vec<String> = match (cleaning, edition) {
            (Cleaning::Letters, TextEdition::Zh) => text
                .lines()
                .map(|line| letters(line).trim().to_string())
                .collect(),
            _ => vec![cleaning.apply(text)],
        };
        let tokens: Vec<&str> = parts
            .iter()
            .flat_map(|part| tokenize(part, level))
            .collect();
        let vocabulary = edition.vocabulary(tokens.iter().copied(), 0, &[]);
        Self {
            tokens: tokens.iter().map(|token| vocabulary.id(token)).collect(),
            vocabulary,
            provenance: raw.provenance,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &str = "The Time\n\n  Machine, 1898\n";

    fn read(edition: TextEdition, level: Level) -> String {
        let raw = raw_text(LINES.to_string(), Source::Builtin);
        let corpus = Corpus::new(raw, edition, level);
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
    fn a_text_that_is_not_cleaned_is_the_same_in_both_editions() {
        for edition in [TextEdition::Zh, TextEdition::En] {
            let raw = raw_text("道可道，\r\n非常道".to_string(), Source::Real);
            let corpus = Corpus::cleaned(raw, edition, Cleaning::None, Level::Character);
            let tokens = corpus.tokens.iter();
            let text: String = tokens.map(|&id| corpus.vocabulary.token(id)).collect();
            assert_eq!(text, "道可道，\n非常道");
            assert_eq!(corpus.vocabulary.len(), 7); // 道 可 ， \n 非 常 and <unk>
        }
    }

    #[test]
    fn another_text_under_the_name_is_an_error() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let set = folder.path().join("time-machine");
        std::fs::create_dir(&set)?;
        std::fs::write(set.join("timemachine.txt"), LINES)?;
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

    /// 16 kB that would unpack to 16 MB.
    #[test]
    fn no_more_than_the_books_size_is_unpacked() -> Result<()> {
        use std::io::Write;
        let folder = tempfile::tempdir()?;
        let set = folder.path().join("time-machine");
        std::fs::create_dir(&set)?;
        let file = std::fs::File::create(set.join("timemachine.txt.gz"))?;
        let mut encoder = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
        for _ in 0..16 {
            encoder.write_all(&vec![b'a'; 1 << 20])?;
        }
        encoder.finish()?;
        let error = time_machine_text(Choice::Real, folder.path())
            .unwrap_err()
            .to_string();
        assert!(error.contains("found more than 178979 bytes"), "{error}");
        Ok(())
    }

    /// The text is long enough for both editions' text windows and contains all letters.
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
