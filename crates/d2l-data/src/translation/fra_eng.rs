//! The English-French pairs that the book trains on, and the built-in sentences. D2L zh 9.5.1, en 10.5.1.

use std::path::Path;

use anyhow::Result;
use sha2::{Digest, Sha256};

use super::parallel_text::{ParallelText, TranslationOptions};
use crate::choice::Published;
use crate::splits::digest;
use crate::text::BookCopy;
use crate::{Choice, Loaded, Provenance, Source};

const FILES: Published<1> = Published {
    set: "fra-eng",
    files: ["fra.txt"],
    twin: "written-sentences",
};
/// The pairs of 2019, which the book uses. Those published since have a third column.
const TEXT: BookCopy = BookCopy {
    bytes: 11_669_748,
    sha256: "0bb85dbaa1c896844649094d7eaf2e34bee34e84fe362b26ce7e8f2e12aae104",
};
/// The built-in pairs, written for this workspace. Like the published pairs they are sorted by the length of the
/// English sentence and have U+202F before `!` and `?`. Unlike in these, no sentence has two translations.
const SENTENCES: &str = include_str!("sentences.tsv");

/// The book's English-French pairs, or the built-in sentences, as `choice` says.
///
/// # Errors
/// If the file isn't the book's, even under [`Choice::Auto`]; under [`Choice::Real`] also if it is missing. If
/// `options` leave nothing to train on, or no time steps.
pub fn english_french(
    options: TranslationOptions,
    choice: Choice,
    folder: &Path,
) -> Result<Loaded<ParallelText>> {
    FILES.load(
        choice,
        folder,
        |[file]| parallel_text(&TEXT.read(file)?, Source::Real, options),
        || parallel_text(SENTENCES, Source::Builtin, options),
    )
}

fn parallel_text(text: &str, source: Source, options: TranslationOptions) -> Result<ParallelText> {
    let name = match source {
        Source::Real => FILES.set,
        _ => FILES.twin,
    };
    let provenance = Provenance {
        name: name.to_string(),
        source,
        sha256: digest(&[Sha256::digest(text).into()]),
    };
    ParallelText::new(text, provenance, options)
}
