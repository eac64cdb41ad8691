//! The reader's language: what the programs print and draw in English, in Chinese.
//!
//! The code says everything in English: messages, errors, help, labels of figures. Whoever shows a text to the reader
//! calls [`translated`], which looks it up in `zh.po`, one catalogue in gettext's format whose keys are the English texts.
//! So an error's text doesn't depend on the language, nor do logs, which nobody translates.
//!
//! A key such as `the run {} exists` is a format string of the sources: it fits a text with any value in the place of
//! `{}`. A value may be a message too: the cause in an error, for instance. `tests/catalogue` finds every text of the
//! sources and fails for one without a Chinese entry.
//!
//! `catalogue` reads the catalogue, `template` recognises a text, `locale` finds the reader's language, `width` aligns
//! what has letters of two columns.

mod catalogue;
mod locale;
mod template;
mod width;

pub use catalogue::{Entry, entries};
pub use locale::of_locale;
pub use template::key_of;
pub use width::{left, right, width};

use std::sync::OnceLock;

/// A language in which the programs speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// English, the language of the sources.
    English,
    /// Chinese.
    Chinese,
}

/// The reader's language, once somebody has set it.
static CURRENT: OnceLock<Language> = OnceLock::new();

/// Sets the reader's language. A program calls this once, before it shows anything; later calls have no effect.
pub fn set(language: Language) {
    CURRENT.get_or_init(|| language);
}

/// The reader's language: English unless a program has set another.
pub fn current() -> Language {
    CURRENT.get().copied().unwrap_or(Language::English)
}

/// The text in the reader's language. It stays as it is if the catalogue doesn't have it.
pub fn translated(text: &str) -> String {
    current().translated(text)
}

/// A text without values in the reader's language, for what wants a text that lives as long as the program. `None` if the
/// catalogue doesn't have it, and in English.
pub fn fixed(text: &str) -> Option<&'static str> {
    match current() {
        Language::English => None,
        Language::Chinese => catalogue::chinese().fixed(text),
    }
}

/// An error with its causes, `cannot read a: b: c`, in the reader's language.
pub fn translated_error(text: &str) -> String {
    current().translated_error(text)
}

impl Language {
    /// The text in this language: as a whole, else line by line.
    pub fn translated(self, text: &str) -> String {
        match self {
            Self::English => text.to_string(),
            Self::Chinese => catalogue::chinese().lines(text),
        }
    }

    /// An error with its causes in this language.
    pub fn translated_error(self, text: &str) -> String {
        match self {
            Self::English => text.to_string(),
            Self::Chinese => catalogue::chinese().error(text),
        }
    }

    /// The name by which `--lang` knows the language.
    pub fn name(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh",
        }
    }

    /// The language of this name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::English, Self::Chinese]
            .into_iter()
            .find(|language| language.name() == name)
    }
}
