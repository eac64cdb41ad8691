//! Pairs of sentences, and the tokens of a sentence. D2L zh 9.5.1 and 9.5.2, en 10.5.1 and 10.5.2.

use crate::TextEdition;

/// A sentence and one translation of it, as they are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentencePair {
    /// In English.
    pub source: String,
    /// In French.
    pub target: String,
}

/// The first `count` pairs of a text with one pair in a line: English, a tab, French. As in the book, lines without a
/// tab or with several are skipped.
pub(super) fn sentence_pairs(text: &str, count: usize) -> Vec<SentencePair> {
    let pair = |line: &str| {
        let (source, target) = line.split_once('\t')?;
        (!target.contains('\t'))
            .then(|| SentencePair { source: source.to_string(), target: target.to_string() })
    };
    text.lines().filter_map(pair).take(count).collect()
}

/// Both editions' preparation: non-breaking spaces (U+202F, U+00A0) become spaces, letters become lower case, and `,`
/// `.` `!` `?` get a space before them if there is none.
///
/// ```
/// assert_eq!(d2l_data::translation::normalize("Go on, Tom!"), "go on , tom !");
/// assert_eq!(d2l_data::translation::normalize("Ça alors\u{202f}!"), "ça alors !");
/// ```
pub fn normalize(sentence: &str) -> String {
    let mut normal = String::with_capacity(sentence.len() + 4);
    for c in sentence
        .replace(['\u{202f}', '\u{a0}'], " ")
        .to_lowercase()
        .chars()
    {
        let detached = normal.is_empty() || normal.ends_with(' ');
        if matches!(c, ',' | '.' | '!' | '?') && !detached {
            normal.push(' ');
        }
        normal.push(c);
    }
    normal
}

/// The tokens of a sentence: the words between the spaces of its normalized text. In the Chinese edition there is an
/// empty token between two spaces in a row; the English edition leaves empty tokens out.
pub fn sentence_tokens(sentence: &str, edition: TextEdition) -> Vec<String> {
    let normal = normalize(sentence);
    let tokens = normal.split(' ');
    tokens
        .filter(|token| edition == TextEdition::Zh || !token.is_empty())
        .map(str::to_string)
        .collect()
}
