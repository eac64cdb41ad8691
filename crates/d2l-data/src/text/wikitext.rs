//! WikiText-2, articles of Wikipedia as words, or the built-in story in its place. Merity et al. 2016, arXiv:1609.07843;
//! D2L zh 14.9, en 15.9.

use std::path::Path;

use anyhow::Result;
use sha2::{Digest, Sha256};

use super::{BookCopy, Vocabulary, letters};
use crate::choice::Published;
use crate::drawn::story::story;
use crate::splits::digest;
use crate::{Choice, Loaded, Provenance, Source};

const FILES: Published<2> = Published {
    set: "wikitext-2",
    files: ["wiki.train.tokens", "wiki.valid.tokens"],
    twin: "drawn-story-words",
};
const TRAIN: BookCopy = BookCopy {
    bytes: 10_797_148,
    sha256: "9e9fa1ad55b1c2c95b08e37dd8e653f638fac2c6de904b79e813611eefbc985f",
};
const VALID: BookCopy = BookCopy {
    bytes: 1_121_681,
    sha256: "f0737ed31fc1329026e95cb8b98e19c2a182c39c240ab909dc31abf2f8af58e8",
};
/// Stands for the end of a line.
const END_OF_LINE: &str = "<eos>";
/// The part of the story's lines that is held out: the last tenth.
const HELD_OUT: usize = 10;

/// A text of words, as numbers, in two parts.
#[derive(Clone, Debug)]
pub struct WordText {
    /// The part for training, word by word, with `<eos>` at the end of each line.
    pub train: Vec<u32>,
    /// The part for evaluation.
    pub valid: Vec<u32>,
    /// All words of the training part, by falling frequency. `<unk>`, which the published text has for rare words, is 0.
    pub vocabulary: Vocabulary,
    /// Where the text came from, for the log.
    pub provenance: Provenance,
}

/// WikiText-2, or the words of the built-in story, as `choice` says.
///
/// # Errors
/// If a file isn't the published one, even under [`Choice::Auto`]; under [`Choice::Real`] also if it is missing.
pub fn wikitext2(choice: Choice, folder: &Path) -> Result<Loaded<WordText>> {
    FILES.load(
        choice,
        folder,
        |[train, valid]| {
            let parts = [TRAIN.read(train)?, VALID.read(valid)?];
            Ok(WordText::new(parts, FILES.set, Source::Real))
        },
        || {
            let text = story();
            let lines = text.lines().map(letters);
            let lines: Vec<String> = lines.filter(|line| !line.trim().is_empty()).collect();
            let (train, valid) = lines.split_at(lines.len() - lines.len() / HELD_OUT);
            let parts = [train, valid].map(|lines| lines.join("\n") + "\n");
            Ok(WordText::new(parts, FILES.twin, Source::Builtin))
        },
    )
}

impl WordText {
    fn new(parts: [String; 2], set: &str, source: Source) -> Self {
        let digests = parts.each_ref().map(|part| Sha256::digest(part).into());
        let [train, valid] = parts.each_ref().map(|part| words(part));
        let vocabulary = Vocabulary::by_frequency(train.iter().copied(), 0, &[]);
        let ids = |words: Vec<&str>| words.into_iter().map(|word| vocabulary.id(word)).collect();
        Self {
            train: ids(train),
            valid: ids(valid),
            provenance: Provenance { name: set.to_string(), source, sha256: digest(&digests) },
            vocabulary,
        }
    }
}

fn words(text: &str) -> Vec<&str> {
    text.lines()
        .flat_map(|line| line.split_whitespace().chain([END_OF_LINE]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_numbered_by_frequency_and_lines_have_an_end() {
        let parts = ["b a b\n\n<unk> b\n".to_string(), " b c\n".to_string()];
        let text = WordText::new(parts, "test", Source::Synthetic);
        let tokens: Vec<&str> = (0..4).map(|id| text.vocabulary.token(id)).collect();
        assert_eq!(tokens, ["<unk>", "b", "<eos>", "a"]);
        assert_eq!(text.train, [1, 3, 1, 2, 2, 0, 1, 2]);
        assert_eq!(text.valid, [1, 0, 2]); // c is not in the training part
    }

    #[test]
    fn the_story_stands_in_for_the_articles() -> Result<()> {
        let loaded = wikitext2(Choice::Auto, Path::new("there is no such folder"))?;
        let notice = loaded.notice.unwrap_or_default();
        assert!(
            notice.contains("the built-in drawn story words"),
            "{notice}"
        );
        let text = loaded.data;
        assert!(text.train.len() > 8 * text.valid.len() && text.valid.len() > 2000);
        assert!(text.vocabulary.len() > 90, "{}", text.vocabulary.len());
        // No word of the held-out part is new.
        assert!(!text.valid.contains(&text.vocabulary.unknown()));
        Ok(())
    }

    #[test]
    fn another_text_under_the_name_is_an_error() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let set = folder.path().join("wikitext-2");
        std::fs::create_dir(&set)?;
        for file in FILES.files {
            std::fs::write(set.join(file), "a b\n")?;
        }
        let error = wikitext2(Choice::Auto, folder.path()).expect_err("another text");
        let error = error.to_string();
        assert!(error.contains("found 4 bytes"), "{error}");
        assert!(error.contains("wiki.train.tokens"), "{error}");
        Ok(())
    }
}
